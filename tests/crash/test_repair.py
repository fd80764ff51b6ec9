"""A repair that is cut short leaves the damaged store or the repaired one, and never none."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from simd.durable import Disk
from simd.errors import CorruptStore
from simd.index.local import LocalIndex
from simd.index.repair import FAILPOINTS, finish_repair, repair_store
from simd.storage.check import check_directory
from simd.types import ImageId
from tests.disks import Crash, CrashingDisk, LossyDisk, UnsyncedDisk
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, embeddings, image_id, opened

POINTS = (
    "recovery.before_manifest",
    "log.after_sync",
    "segment.wrote_files",
    "flush.before_manifest",
    "durable.after_rename",
    *FAILPOINTS,
)
SOUND = {image_id(n) for n in range(40, 90)}
"""What is left once the first segment is damaged."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of two segments and a log; the first segment is damaged."""
    directory = tmp_path / "indexes" / "store"
    with opened(directory, disk=UnsyncedDisk()) as store:
        store.put(embeddings(*range(40)))
        store.flush()
        store.put(embeddings(*range(40, 80)))
        store.flush()
        store.put(embeddings(*range(80, 90)))
    first, _ = sorted((directory / "segments").iterdir())
    data = bytearray((first / "vectors.npy").read_bytes())
    data[-5] ^= 0x40
    (first / "vectors.npy").write_bytes(data)
    return directory


def mend(directory: Path, disk: Disk) -> None:
    repair_store(directory, DIMENSION, FINGERPRINT, disk=disk, options=OPTIONS)


def found(directory: Path) -> set[ImageId] | None:
    """What the next start finds; None if it refuses the store as damaged."""
    try:
        index = LocalIndex.open(directory, DIMENSION, FINGERPRINT, options=OPTIONS)
    except CorruptStore:
        return None
    try:
        assert index.check() == []
        return set(index.ids())
    finally:
        index.close()


def verify(directory: Path) -> None:
    """That a check and a start find the damaged store or the repaired one, and that a repair mends the former."""
    copy = directory.parent.with_name("copy") / directory.name
    shutil.copytree(directory.parent, copy.parent)
    finish_repair(copy)
    is_whole = check_directory(copy) == []
    assert found(directory) == (SOUND if is_whole else None)
    if not is_whole:
        mend(directory, UnsyncedDisk())
        assert found(directory) == SOUND
    assert {path.name for path in directory.parent.iterdir()} == {"store", "store.damaged-1"}


def test_a_repair_puts_what_is_sound_in_place_and_keeps_the_damaged_store(store: Path) -> None:
    disk = CrashingDisk()
    mend(store, disk)
    assert set(POINTS) <= set(disk.passed)
    assert found(store) == SOUND
    assert check_directory(store.with_name("store.damaged-1")) != []


@pytest.mark.parametrize("name", POINTS)
def test_an_exception_in_a_repair_leaves_the_damaged_store_or_the_repaired_one(store: Path, name: str) -> None:
    with pytest.raises(Crash):
        mend(store, CrashingDisk(name))
    verify(store)


@pytest.mark.parametrize("name", POINTS)
def test_sigkill_in_a_repair_leaves_the_damaged_store_or_the_repaired_one(store: Path, name: str) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            mend(store, CrashingDisk(name, 1, lambda: os.kill(os.getpid(), signal.SIGKILL)))
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    verify(store)


@pytest.mark.parametrize("keep_names", [False, True], ids=["names lost", "names kept"])
@pytest.mark.parametrize("name", POINTS)
def test_power_loss_in_a_repair_leaves_the_damaged_store_or_the_repaired_one(
    store: Path, tmp_path: Path, name: str, keep_names: bool
) -> None:
    disk = LossyDisk(name)
    remember(disk, store.parent)
    with pytest.raises(Crash):
        mend(store, disk)
    disk.power_cut(store.parent, tmp_path / "after", keep_names=keep_names)
    disk.release()
    verify(tmp_path / "after" / "store")


def remember(disk: LossyDisk, top: Path) -> None:
    """Everything below is on the disk."""
    for path in [top, *top.rglob("*")]:
        if path.is_dir():
            disk.sync_dir(path)
        else:
            with path.open("rb") as stream:
                disk.sync(stream.fileno(), path)


def test_a_repair_that_was_cut_short_is_not_taken_for_one_that_is_complete(store: Path) -> None:
    with pytest.raises(Crash):
        mend(store, CrashingDisk("segment.wrote_files"))
    store.rename(store.with_name("elsewhere"))
    finish_repair(store)
    assert not store.exists()


def test_a_repaired_store_beside_one_that_is_there_is_not_used(store: Path) -> None:
    with pytest.raises(Crash):
        mend(store, CrashingDisk("repair.complete"))
    finish_repair(store)
    assert found(store) is None


def test_a_store_of_an_earlier_repair_is_never_put_in_place_by_a_later_one(store: Path) -> None:
    with pytest.raises(Crash):
        mend(store, CrashingDisk("repair.complete"))
    later = store.with_name("later")
    with opened(later, disk=UnsyncedDisk()) as made:
        made.put(embeddings(*range(7)))
    shutil.rmtree(store)
    later.rename(store)
    with pytest.raises(Crash):
        mend(store, CrashingDisk("segment.wrote_files"))
    shutil.rmtree(store)
    assert found(store) == set()
