"""Roots that come and go while the daemon runs."""

from __future__ import annotations

import os

import pytest

from simd.errors import InvalidRequest
from simd.types import image_id_of
from tests.indexing.bench import Bench


def folder(bench: Bench, name: str, *contents: bytes) -> bytes:
    """A folder beside the root, with a file of each content."""
    path = bench.root.parent / name
    path.mkdir(exist_ok=True)
    for content in contents:
        (path / f"{content.decode()}.png").write_bytes(content)
    return os.fsencode(path)


def paths(bench: Bench) -> list[bytes]:
    """The roots that are watched."""
    return [status.root.path for status in bench.ingest.roots()]


def test_a_root_that_the_configuration_names_now_is_watched_and_scanned(bench: Bench) -> None:
    bench.write("a.png", b"a")
    bench.start().settle()
    other = folder(bench, "other", b"b")
    bench.ingest.configure([os.fsencode(bench.root), other])
    bench.until(lambda: bench.index.contains(image_id_of(b"b")))
    assert paths(bench) == [os.fsencode(bench.root), other]
    folder(bench, "other", b"c")
    bench.until(lambda: bench.index.contains(image_id_of(b"c")))
    with pytest.raises(InvalidRequest, match="reload"):
        bench.ingest.remove([other], [])


def test_the_files_of_a_root_that_it_names_no_longer_leave_the_answers_and_come_back_without_inference(
    bench: Bench,
) -> None:
    own, other = os.fsencode(bench.root), folder(bench, "other", b"b", b"c")
    bench.write("a.png", b"a")
    bench.start().settle()
    bench.ingest.configure([own, other])
    bench.until(lambda: len(bench.index) == 3)
    bench.ingest.configure([own])
    assert paths(bench) == [own] and set(bench.index.ids()) == {image_id_of(b"a")}
    (bench.root.parent / "other" / "b.png").write_bytes(b"nobody looks")
    bench.settle()
    assert len(bench.index) == 1
    (bench.root.parent / "other" / "b.png").write_bytes(b"b")
    bench.ingest.configure([own, other])
    bench.until(lambda: len(bench.index) == 3)
    assert bench.settle().backbone.embedded == 3


def test_a_root_added_by_hand_stays_when_the_configuration_is_read_again(bench: Bench) -> None:
    own, other = os.fsencode(bench.root), folder(bench, "other", b"b")
    bench.write("a.png", b"a")
    bench.start().settle()
    bench.ingest.add([other])
    bench.settle()
    bench.ingest.configure([own])
    assert paths(bench) == [own, other] and len(bench.index) == 2
    assert bench.ingest.remove([other], []).images == 1


def test_a_configured_root_inside_one_that_was_added_is_watched_again_when_that_is_removed(bench: Bench) -> None:
    inner = bench.root.parent / "outer/inner"
    inner.mkdir(parents=True)
    (inner / "a.png").write_bytes(b"a picture")
    (inner.parent / "beside.png").write_bytes(b"outside of the configured root")
    bench.start().ingest.configure([os.fsencode(inner)])
    bench.settle().ingest.add([os.fsencode(inner.parent)])
    assert set(bench.settle().files()) == {"../outer/inner/a.png", "../outer/beside.png"}
    assert bench.ingest.remove([os.fsencode(inner.parent)], []).files == 2
    bench.until(lambda: bench.ingest.progress().pending == 0)
    assert [status.root.path for status in bench.ingest.roots()] == [os.fsencode(inner)]
    assert set(bench.files()) == {"../outer/inner/a.png"} and bench.backbone.embedded == 2
    (inner / "b.png").write_bytes(b"still watched")
    bench.until(lambda: "../outer/inner/b.png" in bench.files())


def test_a_root_that_goes_during_a_scan_of_it_is_gone(bench: Bench) -> None:
    own, other = os.fsencode(bench.root), folder(bench, "other", *(b"%d" % n for n in range(200)))
    bench.write("a.png", b"a")
    bench.start().settle()
    for _ in range(5):
        bench.ingest.configure([own, other])
        bench.ingest.configure([own])
    assert bench.settle().files() == {"a.png": image_id_of(b"a")}
    assert len(bench.index) == 1


def test_scanning_more_often_takes_effect_at_once(bench: Bench) -> None:
    bench.write("a.png", b"a")
    bench.start().settle()
    before = bench.ingest.roots()[0].last_scan
    bench.ingest.scan_every(0.05)
    bench.until(lambda: bench.ingest.roots()[0].last_scan != before)
