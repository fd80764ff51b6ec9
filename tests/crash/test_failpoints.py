from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from simd.storage import FAILPOINTS
from tests.crash.workload import Journal, run, verify
from tests.disks import Crash, CrashingDisk, LossyDisk
from tests.stores import contents, former_store, open_store, opened


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_workload_passes_every_failpoint_and_no_other(tmp_path: Path) -> None:
    disk = CrashingDisk()
    run(tmp_path / "store", disk, Journal(tmp_path / "journal"))
    assert set(disk.passed) == set(FAILPOINTS)
    verify(tmp_path / "store", Journal.read(tmp_path / "journal"))


def crashes(directory: Path, disk: CrashingDisk, journal: Path) -> bool:
    """Whether the whole life of a store is ended by a crash."""
    try:
        run(directory, disk, Journal(journal))
    except Crash:
        return True
    return False


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("name", FAILPOINTS)
def test_an_exception_at_a_failpoint_loses_nothing(tmp_path: Path, name: str, nth: int) -> None:
    disk = CrashingDisk(name, nth)
    crashed = crashes(tmp_path / "store", disk, tmp_path / "journal")
    assert crashed == (disk.passed[name] >= nth), "nothing between stops a crash"
    verify(tmp_path / "store", Journal.read(tmp_path / "journal"))


@pytest.mark.parametrize("name", FAILPOINTS)
def test_sigkill_at_a_failpoint_loses_nothing(tmp_path: Path, name: str) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            run(tmp_path / "store", CrashingDisk(name, 1, _kill), Journal(tmp_path / "journal"))
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    verify(tmp_path / "store", Journal.read(tmp_path / "journal"))


@pytest.mark.parametrize("keep_names", [False, True], ids=["names lost", "names kept"])
@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("name", FAILPOINTS)
def test_power_loss_at_a_failpoint_loses_nothing(tmp_path: Path, name: str, nth: int, keep_names: bool) -> None:
    disk = LossyDisk(name, nth)
    (tmp_path / "disk").mkdir()
    disk.sync_dir(tmp_path / "disk")
    crashes(tmp_path / "disk" / "store", disk, tmp_path / "journal")
    disk.power_cut(tmp_path / "disk", tmp_path / "after", keep_names=keep_names)
    disk.release()
    verify(tmp_path / "after" / "store", Journal.read(tmp_path / "journal"))


@pytest.mark.parametrize("name", [name for name in FAILPOINTS if name.startswith(("segment.", "compaction."))])
def test_a_crash_while_an_older_format_is_rewritten_loses_nothing(tmp_path: Path, name: str) -> None:
    directory = former_store(tmp_path)
    with opened(directory) as store:
        before = contents(store)
    store = open_store(directory, disk=CrashingDisk(name), max_segment_rows=30)
    with pytest.raises(Crash):
        store.compact()
    store.close()
    with opened(directory, max_segment_rows=30) as store:
        assert contents(store) == before
        store.compact()
        assert contents(store) == before and [len(part.coded) for part in store.snapshot.parts if part.rows] == [2, 2]
