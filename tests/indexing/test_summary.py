"""However many files are indexed and refused, the log has a line a minute about them."""

from __future__ import annotations

import logging

import pytest

from tests.indexing.bench import Bench


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """What the log has of files that were decided on."""
    names = ("simd.indexing.loop.batches", "simd.indexing.summary")
    return [record.getMessage() for record in caplog.records if record.name in names and record.levelno >= level]


def test_batches_and_refused_files_are_summed_up_with_an_example_of_each_reason(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for number in range(40):
        bench.write(f"{number}.png", b"picture %d" % number)
    for number in range(3):
        bench.write(f"in/bad{number}.png", b"bad %d" % number)
    bench.start()
    bench.settle()
    assert lines(caplog) == []
    bench.summary.flush()
    [line] = lines(caplog)
    assert line.startswith("indexed: 40, with 40 new vectors; refused as not_an_image: 3, such as ")
    assert f"'{bench.root}/in/bad" in line and line.endswith(".png': it begins with `bad`")
    bench.summary.flush()
    assert len(lines(caplog)) == 1, "nothing more has become of any file"
    assert sum("not indexed: not_an_image" in text for text in lines(caplog, logging.DEBUG)) == 3


def test_files_that_are_gone_are_counted(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.write("a.png", b"picture")
    bench.write("kept.png", b"an empty root would be taken for an unmounted disk")
    bench.start()
    bench.settle()
    (bench.root / "a.png").unlink()
    # No scan, as what an event and a scan both find may count twice.
    bench.until(lambda: list(bench.files()) == ["kept.png"])
    bench.until(lambda: bench.ingest.progress().pending == 0)
    bench.summary.flush()
    assert lines(caplog) == ["indexed: 2, with 2 new vectors; gone: 1"]


def test_files_that_are_put_off_do_not_have_a_line_each(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(1000):
        bench.summary.postponed(1, OSError("the root /p is away"))
    assert lines(caplog) == ["the root /p is away"]
    bench.summary.flush()
    assert lines(caplog)[1:] == ["the root /p is away (999 more like it)"]


def test_a_scan_that_finds_nothing_says_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench.write("a.png", b"picture")
    bench.start()
    bench.settle()
    assert "scanned" in caplog.text
    caplog.clear()
    bench.settle()
    assert "scanned" not in caplog.text


def test_an_error_with_a_file_names_it_whole(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    path = bench.write("in/bug.png", b"bug")
    bench.start()
    bench.until(lambda: "a bug of ours" in caplog.text)
    assert f"{str(path)!r}" in caplog.text
    bench.decoder.mended = True
