"""Originals without gRPC: nothing is given that is not the image."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simd.cancelled import Cancelled
from simd.errors import Abandoned, ImageUnreadable, NotFound, OutOfRange
from simd.serving.images.originals import PORTION_BYTES, Original, Originals
from simd.serving.search.rootfiles import RootFiles
from simd.types import ImageFacts, ImageId
from tests.serving.doubles import Bench, prepared

RED, GREEN = b"picture 200 10 10", b"picture 10 200 10"
OCTETS = "application/octet-stream"
LARGE = RED + b" " + bytes(range(256)) * (20 * PORTION_BYTES // 256)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        yield bench


@pytest.fixture
def originals(bench: Bench) -> Originals:
    return Originals(bench.catalogue, bench.files)


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def whole(originals: Originals, image_id: ImageId, offset: int = 0, length: int = 0) -> bytes:
    with originals.open(image_id, offset, length) as original:
        return b"".join(original.portions)


def told(originals: Originals, image_id: ImageId) -> Original:
    with originals.open(image_id) as original:
        return original


def descriptors() -> set[str]:
    return {os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.exists(entry.path)}


def test_all_of_it_or_a_part_comes_in_portions(bench: Bench, originals: Originals) -> None:
    image_id = bench.put("large.jpg", LARGE)
    with originals.open(image_id) as original:
        portions = list(original.portions)
    assert b"".join(portions) == LARGE and max(map(len, portions)) == PORTION_BYTES and original.size == len(LARGE)
    size = len(LARGE)
    for offset, length in ((0, 1), (0, size), (0, size + 1), (5, 0), (5, 7), (size - 1, 0), (size, 0), (size, 9)):
        assert whole(originals, image_id, offset, length) == LARGE[offset:][: length or None], (offset, length)
    for offset in (size + 1, (1 << 64) - 1):
        with pytest.raises(OutOfRange, match=f"the offset {offset} is beyond the image's {size} bytes"):
            whole(originals, image_id, offset)
    assert whole(originals, image_id, 3, (1 << 64) - 1) == LARGE[3:]
    assert str(bench.root / "large.jpg") not in descriptors()


@pytest.mark.parametrize(
    ("format_name", "content_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("RAW", OCTETS), ("SVG", OCTETS), ("text/html", OCTETS)],
)
def test_its_format_is_told_if_it_is_one_that_is_read(
    bench: Bench, originals: Originals, format_name: str, content_type: str
) -> None:
    image_id = bench.put("page.html", RED, ImageFacts(1, 1, format_name))
    assert told(originals, image_id).content_type == content_type


def test_an_image_of_which_nothing_is_known_is_bytes(bench: Bench, originals: Originals) -> None:
    image_id = bench.put("red.jpg", RED, None)
    assert told(originals, image_id).content_type == OCTETS


def test_a_name_may_be_any_bytes(bench: Bench, originals: Originals) -> None:
    image_id = bench.put(b"folder/caf\xe9\n<b>.jpg", RED)
    assert told(originals, image_id).name == b"caf\xe9\n<b>.jpg"
    assert whole(originals, image_id) == RED


def test_an_image_without_a_file_is_not_there(bench: Bench, originals: Originals) -> None:
    image_id = bench.put("red.jpg", RED)
    bench.lose("red.jpg")
    with pytest.raises(NotFound):
        whole(originals, image_id)


def test_a_link_that_was_indexed_is_followed_as_long_as_it_leads_to_the_image(
    bench: Bench, originals: Originals
) -> None:
    outside = bench.directory / "outside.jpg"
    outside.write_bytes(RED)
    image_id = bench.put("red.jpg", RED)
    (bench.root / "red.jpg").unlink()
    (bench.root / "red.jpg").symlink_to(outside)
    assert whole(originals, image_id) == RED
    outside.write_bytes(b"a secret of the same length"[: len(RED)])
    with pytest.raises(ImageUnreadable, match="something else"):
        whole(originals, image_id)


@pytest.mark.parametrize(
    ("become", "why"),
    [
        (lambda path: path.write_bytes(GREEN), "something else"),
        (lambda path: path.write_bytes(RED + b" "), "something else"),
        (lambda path: path.write_bytes(b""), "something else"),
        (lambda path: path.unlink(), "no file"),
        (become_pipe, "not a regular file"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "something else"),
    ],
)
def test_a_file_that_is_something_else_is_not_given_and_a_second_one_is(
    bench: Bench, originals: Originals, become: Callable[[Path], object], why: str
) -> None:
    image_id = bench.put("1.jpg", RED)
    become(bench.root / "1.jpg")
    with pytest.raises(ImageUnreadable, match=rf"1\.jpg cannot be shown: .*{why}"):
        whole(originals, image_id)
    bench.put("2.jpg", RED)
    assert whole(originals, image_id) == RED


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (1, 0), (0, 3 * PORTION_BYTES)])
@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(LARGE[:-1] + b"!"),
        lambda path: path.write_bytes(LARGE[:PORTION_BYTES]),
        lambda path: path.write_bytes(b""),
    ],
    ids=["written to", "cut", "emptied"],
)
def test_no_part_is_complete_of_a_file_that_changes_meanwhile(
    bench: Bench, originals: Originals, change: Callable[[Path], object], offset: int, length: int
) -> None:
    image_id = bench.put("large.jpg", LARGE)
    got = b""
    with originals.open(image_id, offset, length) as original:
        got += next(original.portions)
        change(bench.root / "large.jpg")
        with pytest.raises(ImageUnreadable, match="written to while it was read"):
            for portion in original.portions:
                got += portion
    assert len(got) < len(LARGE[offset:][: length or None])


def test_a_file_that_is_renamed_or_removed_meanwhile_is_given_whole(bench: Bench, originals: Originals) -> None:
    image_id = bench.put("large.jpg", LARGE)
    with originals.open(image_id) as original:
        first = next(original.portions)
        (bench.root / "large.jpg").rename(bench.root / "other.jpg")
        (bench.root / "other.jpg").unlink()
        assert first + b"".join(original.portions) == LARGE


class Opened(RootFiles):
    """Where reading a file fails can be said: it is then opened for writing alone."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(lambda: [os.fsencode(bench.root)])
        self.fails = False

    def open(self, path: bytes) -> int:
        fd = super().open(path)
        if self.fails:
            os.close(fd)
            return os.open(path, os.O_WRONLY)
        return fd


def test_a_file_that_stands_still_is_read_for_comparison_once(bench: Bench) -> None:
    image_id = bench.put("large.jpg", LARGE)
    now = [(bench.root / "large.jpg").stat().st_ctime_ns]
    files = Opened(bench)
    originals = Originals(bench.catalogue, files, lambda: now[0])
    assert whole(originals, image_id, 0, 10) == LARGE[:10]
    files.fails = True
    with pytest.raises(ImageUnreadable, match="Bad file descriptor"):
        whole(originals, image_id, 10, 10)
    files.fails = False
    now[0] += 60_000_000_000
    assert whole(originals, image_id, 20, 10) == LARGE[20:30]
    files.fails = True
    with originals.open(image_id, 30, 10) as original:
        assert original.size == len(LARGE), "known without reading it"
    files.fails = False
    (bench.root / "large.jpg").write_bytes(b"x" + LARGE[1:])
    for _ in range(2):
        with pytest.raises(ImageUnreadable, match="something else"):
            whole(originals, image_id, 30, 10)


def test_a_file_that_cannot_be_read_is_told_of_also_in_the_midst(bench: Bench) -> None:
    image_id = bench.put("large.jpg", LARGE)
    files = Opened(bench)
    originals = Originals(bench.catalogue, files, lambda: 1 << 62)
    assert whole(originals, image_id, 5, 5)
    files.fails = True
    with originals.open(image_id, 5, 5) as original, pytest.raises(ImageUnreadable, match="Bad file descriptor"):
        next(original.portions)


def test_it_ends_when_the_caller_leaves(bench: Bench, originals: Originals) -> None:
    image_id = bench.put("large.jpg", LARGE)
    gone = Cancelled()
    gone.set()
    with pytest.raises(Abandoned), originals.open(image_id, cancelled=gone):
        pass
    leaving = Cancelled()
    with originals.open(image_id, cancelled=leaving) as original:
        assert next(original.portions)
        leaving.set()
        with pytest.raises(Abandoned):
            next(original.portions)
    assert str(bench.root / "large.jpg") not in descriptors()


def test_many_parts_at_once_are_all_right(bench: Bench, originals: Originals) -> None:
    image_id = bench.put("large.jpg", LARGE)
    together = threading.Barrier(8)

    def part(number: int) -> bytes:
        together.wait(10)
        return whole(originals, image_id, number * 1000, 5000)

    with ThreadPoolExecutor(8) as callers:
        assert list(callers.map(part, range(8))) == [LARGE[n * 1000 : n * 1000 + 5000] for n in range(8)]
