"""Whatever a request names, nothing outside the roots is read, and nothing is told of what is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.errors import InvalidRequest
from simd.types import image_id_of
from tests.indexing.bench import Bench

SECRET = b"picture that nobody shares"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A root with a picture and three links: to a folder outside, to a folder inside, to a file outside."""
    made = Bench(tmp_path)
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "secret.png").write_bytes(SECRET)
    (outside / "deep/secret.png").write_bytes(SECRET)
    made.write("folder/a.png", b"picture a")
    (made.root / "away").symlink_to(outside)
    (made.root / "folder/around").symlink_to(made.root / "folder")
    made.start().settle()
    yield made
    made.close()


def refused(bench: Bench, path: Path | str) -> tuple[str, str]:
    """What a request to add a file is told."""
    [why] = bench.ingest.add([str(path).encode()]).rejected
    return why.reason, why.detail


def test_files_outside_are_refused_in_the_same_words_whether_they_are_there_or_not(
    bench: Bench, tmp_path: Path
) -> None:
    there = refused(bench, tmp_path / "outside/secret.png")
    assert there == refused(bench, tmp_path / "outside/missing.png") == refused(bench, "/etc/passwd")
    assert there[0] == "not_in_a_root"


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("away/secret.png", "away"), ("away/missing.png", "away"), ("away/deep/secret.png", "away"),
        ("folder/around/a.png", "folder/around"), ("folder/../away/secret.png", "away"),
    ],
)  # fmt: skip
def test_what_lies_behind_a_link_to_a_folder_is_not_followed(bench: Bench, path: str, link: str) -> None:
    why = ("linked_directory", f"{link!r} is a link to a folder; those are not followed")
    assert refused(bench, bench.root / path) == why
    assert not bench.index.contains(image_id_of(SECRET))


@pytest.mark.parametrize("path", ["away/deep", "away/../away/deep", "folder/around/deeper"])
def test_no_scan_goes_through_a_link_to_a_folder(bench: Bench, path: str) -> None:
    with pytest.raises(InvalidRequest, match="not inside a watched root"):
        bench.ingest.scan([str(bench.root / path).encode()], retry_rejected=False)
    report = bench.ingest.add([str(bench.root / path).encode(), str(bench.root / "away/deep").encode()])
    assert {item.reason for item in report.rejected} == {"linked_directory"} and report.queued == 0
    assert list(bench.settle().files()) == ["folder/a.png"]


def test_a_link_to_a_folder_holds_no_files(bench: Bench) -> None:
    assert bench.ingest.scan([str(bench.root / "away").encode()], retry_rejected=False).seen == 0
    assert refused(bench, bench.root / "away")[0] == "linked_directory"
    assert list(bench.settle().files()) == ["folder/a.png"]


def test_nothing_that_is_removed_is_looked_for_outside(bench: Bench, tmp_path: Path) -> None:
    paths = [b"/etc/passwd", str(tmp_path / "outside/secret.png").encode(), str(bench.root / "away/x").encode()]
    report = bench.ingest.remove(paths, [])
    assert (report.files, report.images, report.missing) == (0, 0, tuple(paths))
    assert (tmp_path / "outside/secret.png").read_bytes() == SECRET


def test_a_root_that_is_reached_through_a_link_is_a_root_all_the_same(bench: Bench, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    (real / "sub").mkdir(parents=True)
    (tmp_path / "entry").symlink_to(real)
    bench.ingest.add([str(tmp_path / "entry").encode()])
    (real / "sub/b.png").write_bytes(b"picture b")
    assert bench.ingest.add([str(tmp_path / "entry/sub/b.png").encode()]).added == 1
    assert bench.ingest.add([str(tmp_path / "entry").encode()]).rejected == ()
    [about] = bench.ingest.explain([str(tmp_path / "entry").encode()])
    assert about.reason == "directory"
