"""Renditions that are kept: whole or not at all, never more than allowed, and never anybody's trouble."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from simd.featurize.cache import RenditionCache
from simd.featurize.decode.renditions import Grey, Region, Rendition, Stretched, Thumbnail
from simd.types import ImageId, Stamp, image_id_of
from tests.disks import Crash, CrashingDisk, FullDisk
from tests.serving.waiting import until

SMALL = Thumbnail(64)
ONE, TWO, THREE, FOUR = (image_id_of(bytes([number])) for number in range(4))
CHECKSUM = 4
HOUR_NS = 3600 * 10**9
NOW_NS = 1_700_000_000 * 10**9


def files(state_dir: Path) -> list[Path]:
    return sorted((state_dir / "renditions").iterdir()) if (state_dir / "renditions").exists() else []


def total(state_dir: Path) -> int:
    """Bytes of all files; some may go meanwhile."""
    sizes = [stamp.size for path in files(state_dir) if (stamp := Stamp.at(path)) is not None]
    return sum(sizes)


class Place:
    """A directory with a cache, which can be opened anew; the time is what is said."""

    def __init__(self, state_dir: Path, stack: ExitStack) -> None:
        self.state_dir = state_dir
        self.now_ns = NOW_NS
        self._stack = stack

    def cache(self, max_bytes: int = 1000, **arguments: Any) -> RenditionCache:
        made = RenditionCache(self.state_dir, max_bytes, clock=lambda: self.now_ns, **arguments)
        self._stack.callback(made.close)
        return made

    def age(self, image_id: ImageId, hours: float) -> None:
        """It was asked for so long ago."""
        [path] = (self.state_dir / "renditions").glob(f"{image_id.hex()}.*")
        at = self.now_ns - int(hours * HOUR_NS)
        os.utime(path, ns=(at, at))

    def kept(self) -> set[ImageId]:
        """Which images have one; what is still being written is none."""
        names = [path.name for path in files(self.state_dir)]
        return {ImageId(bytes.fromhex(name[:32])) for name in names if re.match(r"[0-9a-f]{32}\.", name)}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(tmp_path, stack)


def test_what_is_put_is_there_also_after_a_restart(place: Place) -> None:
    renditions: list[Rendition] = [
        SMALL, Thumbnail(64, 81), Thumbnail(64, 80, "webp"), Grey(64), Stretched((64, 80)),
        Region((0.0, 0.25, 0.5, 1.0), (64, 80)), Region((0.001, 0.25, 1 / 3, 1.0), (64, 80)),
    ]  # fmt: skip
    cache = place.cache()
    for number, rendition in enumerate(renditions):
        assert cache.get(ONE, rendition) is None
        cache.put(ONE, rendition, b"%d" % number)
    for again in (cache, place.cache()):
        assert [again.get(ONE, rendition) for rendition in renditions] == [b"%d" % n for n in range(7)]
        assert again.get(TWO, SMALL) is None
    until(lambda: again.size == 7 * (1 + CHECKSUM), "what is there to be counted")
    assert all(re.fullmatch(rf"{ONE.hex()}\.[-.a-z0-9]+", path.name) for path in files(place.state_dir))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files(place.state_dir))


def test_what_was_not_asked_for_the_longest_goes_when_there_is_hardly_any_room(place: Place) -> None:
    cache = place.cache(10 * (100 + CHECKSUM))
    images = [image_id_of(b"image %d" % number) for number in range(10)]
    for number, image_id in enumerate(images[:9]):
        cache.put(image_id, SMALL, bytes(100))
        place.age(image_id, hours=20 - number)
    assert cache.get(images[0], SMALL), "which is told from having been there for long"
    cache.put(images[9], SMALL, bytes(100))
    until(lambda: place.kept() == {images[0], *images[3:]}, "room for more than an eighth")
    until(lambda: cache.size == 8 * (100 + CHECKSUM), "them to be counted")


def test_there_are_never_more_bytes_than_allowed(place: Place) -> None:
    cache = place.cache(1000)
    for number in range(200):
        cache.put(image_id_of(b"%d" % number), SMALL, bytes(90))
        assert total(place.state_dir) <= 1000
    cache.put(ONE, SMALL, bytes(1001))
    assert cache.get(ONE, SMALL) is None


def test_being_asked_for_is_written_down_once_an_hour(place: Place) -> None:
    cache = place.cache()
    cache.put(ONE, SMALL, b"whole")
    [path] = files(place.state_dir)
    for ago, written in ((0.5, False), (1.5, True), (-1.5, True)):
        place.age(ONE, hours=ago)
        assert cache.get(ONE, SMALL) == b"whole"
        assert (path.stat().st_mtime_ns == place.now_ns) == written, ago


def test_a_restart_with_less_room_keeps_what_was_asked_for_last(place: Place) -> None:
    cache = place.cache()
    for hours, image_id in enumerate((ONE, TWO, THREE), 2):
        cache.put(image_id, SMALL, bytes(10))
        place.age(image_id, hours=hours)
    assert cache.get(TWO, SMALL)
    place.cache(20)
    until(lambda: place.kept() == {TWO}, "the others to go")


def test_no_room_at_all_keeps_nothing_and_removes_what_is_there(place: Place) -> None:
    place.cache().put(ONE, SMALL, b"whole")
    off = place.cache(0)
    off.put(TWO, SMALL, b"whole")
    assert off.get(ONE, SMALL) is None and off.get(TWO, SMALL) is None
    until(lambda: not files(place.state_dir), "what is there to go")


def test_a_crash_leaves_no_half_of_a_file(place: Place) -> None:
    with pytest.raises(Crash):
        place.cache(disk=CrashingDisk("durable.before_placing")).put(ONE, SMALL, b"whole")
    [unfinished] = files(place.state_dir)
    unfinished.write_bytes(b"wh")
    cache = place.cache()
    cache.put(TWO, SMALL, b"whole")
    assert cache.get(ONE, SMALL) is None
    until(lambda: place.kept() == {TWO} and len(files(place.state_dir)) == 1, "the half to go")


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


@pytest.mark.parametrize("damage", [half, flipped, lambda _: b"", lambda _: b"abc", lambda data: data * 1000])
def test_a_damaged_file_is_not_given_and_made_again(place: Place, damage: Any) -> None:
    cache = place.cache(1 << 20)
    cache.put(ONE, SMALL, b"a thumbnail")
    [path] = files(place.state_dir)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(ONE, SMALL) is None and not files(place.state_dir)
    cache.put(ONE, SMALL, b"a thumbnail")
    assert cache.get(ONE, SMALL) == b"a thumbnail"


def test_a_file_under_the_name_of_another_is_not_given(place: Place) -> None:
    cache = place.cache()
    cache.put(ONE, SMALL, b"one")
    [path] = files(place.state_dir)
    path.rename(path.with_name(path.name.replace(ONE.hex(), TWO.hex())))
    assert cache.get(TWO, SMALL) is None


def test_what_cannot_be_kept_is_nobodys_trouble(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    disk = FullDisk(4)
    cache = place.cache(disk=disk)
    for _ in range(3):
        cache.put(ONE, SMALL, b"whole")
        assert cache.get(ONE, SMALL) is None and files(place.state_dir) == []
    assert len(caplog.records) == 1 and cache.size == 0
    disk.room = 100
    cache.put(ONE, SMALL, b"whole")
    assert cache.get(ONE, SMALL) == b"whole"


def test_a_directory_that_cannot_be_made_is_nobodys_trouble(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    (place.state_dir / "renditions").write_bytes(b"a file")
    cache = place.cache()
    for _ in range(3):
        cache.put(ONE, SMALL, b"whole")
        assert cache.get(ONE, SMALL) is None
    assert len(caplog.records) == 1 and cache.size == 0


def test_what_somebody_removed_is_made_again(place: Place) -> None:
    cache = place.cache()
    cache.put(ONE, SMALL, b"whole")
    files(place.state_dir)[0].unlink()
    assert cache.get(ONE, SMALL) is None
    (place.state_dir / "renditions").rmdir()
    assert cache.get(ONE, SMALL) is None
    cache.put(ONE, SMALL, b"whole")
    assert cache.get(ONE, SMALL) == b"whole"


def test_files_that_are_no_renditions_are_left_alone(place: Place) -> None:
    (place.state_dir / "renditions").mkdir()
    (place.state_dir / "renditions" / "notes.txt").write_bytes(b"mine")
    place.cache(9).put(ONE, SMALL, b"whole")
    until(lambda: [path.name for path in files(place.state_dir)] == ["notes.txt"], "what fills all room to go")


def test_several_threads_get_what_was_put_or_nothing(place: Place) -> None:
    cache = place.cache(2000)
    images = [image_id_of(b"image %d" % number) for number in range(40)]

    def use(seed: int) -> None:
        for step in range(300):
            image_id: ImageId = images[(step * 7 + seed * 3) % len(images)]
            whole = image_id * 8
            assert cache.get(image_id, SMALL) in (None, whole)
            cache.put(image_id, SMALL, whole)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(use, range(4))) == [None] * 4
    assert total(place.state_dir) <= 2000


def test_its_thread_ends_with_it(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    cache = RenditionCache(tmp_path, 1000)
    cache.close()
    assert set(threading.enumerate()) <= before
