"""Renditions that are kept: whole or not at all, never more than allowed, and never anybody's trouble."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simd.featurize.cache import RenditionCache
from simd.featurize.decode.renditions import Grey, Region, Rendition, Stretched, Thumbnail
from simd.types import ImageId, image_id_of
from tests.disks import Crash, CrashingDisk, FullDisk, UnsyncableDisk, UnsyncedDisk

SMALL = Thumbnail(64)
ONE, TWO, THREE, FOUR = (image_id_of(bytes([number])) for number in range(4))


def files(state_dir: Path) -> list[Path]:
    return sorted((state_dir / "renditions").iterdir())


def test_what_is_put_is_there_also_after_a_restart(tmp_path: Path) -> None:
    renditions: list[Rendition] = [
        SMALL, Thumbnail(64, 81), Thumbnail(64, 80, "webp"), Grey(64), Stretched((64, 80)),
        Region((0.0, 0.25, 0.5, 1.0), (64, 80)), Region((0.001, 0.25, 1 / 3, 1.0), (64, 80)),
    ]  # fmt: skip
    cache = RenditionCache(tmp_path, 1000)
    for number, rendition in enumerate(renditions):
        assert cache.get(ONE, rendition) is None
        cache.put(ONE, rendition, b"%d" % number)
    for again in (cache, RenditionCache(tmp_path, 1000)):
        assert [again.get(ONE, rendition) for rendition in renditions] == [b"%d" % n for n in range(7)]
        assert again.get(TWO, SMALL) is None and again.size == 7
    assert all(re.fullmatch(rf"{ONE.hex()}\.[-.a-z0-9]+", path.name) for path in files(tmp_path))


def test_what_was_not_asked_for_the_longest_goes_first(tmp_path: Path) -> None:
    cache = RenditionCache(tmp_path, 30)
    for image_id in (ONE, TWO, THREE):
        cache.put(image_id, SMALL, bytes(10))
    assert cache.get(ONE, SMALL)
    cache.put(FOUR, SMALL, bytes(10))
    assert [bool(cache.get(i, SMALL)) for i in (ONE, TWO, THREE, FOUR)] == [True, False, True, True]
    assert len(files(tmp_path)) == 3 and cache.size == 30
    cache.put(TWO, SMALL, bytes(31))
    assert cache.get(TWO, SMALL) is None and cache.size == 30


def test_a_restart_with_less_room_keeps_what_was_asked_for_last(tmp_path: Path) -> None:
    cache = RenditionCache(tmp_path, 30)
    for image_id in (ONE, TWO, THREE):
        cache.put(image_id, SMALL, bytes(10))
    for age, path in enumerate(files(tmp_path)):
        os.utime(path, (1000 - age, 1000 - age))
    assert cache.get(TWO, SMALL)
    again = RenditionCache(tmp_path, 10)
    assert again.size == 10 and again.get(TWO, SMALL) and len(files(tmp_path)) == 1


def test_a_crash_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(Crash):
        RenditionCache(tmp_path, 100, CrashingDisk("renditions.before_rename")).put(ONE, SMALL, b"whole")
    [unfinished] = files(tmp_path)
    unfinished.write_bytes(b"wh")
    cache = RenditionCache(tmp_path, 100)
    assert cache.get(ONE, SMALL) is None and files(tmp_path) == [] and cache.size == 0
    cache.put(ONE, SMALL, b"whole")
    assert cache.get(ONE, SMALL) == b"whole"


def failing_sync() -> UnsyncableDisk:
    disk = UnsyncableDisk()
    disk.failures = 1
    return disk


@pytest.mark.parametrize("make", [lambda: FullDisk(4), failing_sync])
def test_what_cannot_be_kept_is_nobodys_trouble(
    tmp_path: Path, make: Callable[[], FullDisk | UnsyncableDisk], caplog: pytest.LogCaptureFixture
) -> None:
    disk = make()
    cache = RenditionCache(tmp_path, 100, disk)
    cache.put(ONE, SMALL, b"whole")
    assert cache.get(ONE, SMALL) is None and files(tmp_path) == [] and cache.size == 0
    assert len(caplog.records) == 1
    if isinstance(disk, FullDisk):
        disk.room = 100
    cache.put(ONE, SMALL, b"whole")
    assert cache.get(ONE, SMALL) == b"whole"


def test_a_directory_that_cannot_be_made_is_nobodys_trouble(tmp_path: Path) -> None:
    (tmp_path / "renditions").write_bytes(b"a file")
    cache = RenditionCache(tmp_path, 100)
    cache.put(ONE, SMALL, b"whole")
    assert cache.get(ONE, SMALL) is None


def test_what_somebody_removed_is_made_again(tmp_path: Path) -> None:
    cache = RenditionCache(tmp_path, 100)
    cache.put(ONE, SMALL, b"whole")
    files(tmp_path)[0].unlink()
    assert cache.get(ONE, SMALL) is None and cache.size == 0
    cache.put(ONE, SMALL, b"whole")
    assert cache.get(ONE, SMALL) == b"whole"


def test_files_that_are_no_renditions_are_left_alone(tmp_path: Path) -> None:
    RenditionCache(tmp_path, 1)
    (tmp_path / "renditions" / "notes.txt").write_bytes(b"mine")
    assert RenditionCache(tmp_path, 1).size == 0
    assert [path.name for path in files(tmp_path)] == ["notes.txt"]


def test_several_threads_get_what_was_put_or_nothing(tmp_path: Path) -> None:
    cache = RenditionCache(tmp_path, 2000, UnsyncedDisk())
    images = [image_id_of(b"image %d" % number) for number in range(40)]

    def use(seed: int) -> None:
        for step in range(300):
            image_id: ImageId = images[(step * 7 + seed * 3) % len(images)]
            whole = image_id * 8
            assert cache.get(image_id, SMALL) in (None, whole)
            cache.put(image_id, SMALL, whole)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(use, range(4))) == [None] * 4
    assert 0 < cache.size <= 2000
    assert RenditionCache(tmp_path, 2000).size == sum(path.stat().st_size for path in files(tmp_path))
