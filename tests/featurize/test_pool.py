"""How a pool shares memory between large pictures, and how many workers it keeps."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest
from PIL import Image

from simd.errors import FileChanged, Reason, SimdError
from simd.featurize.decode.decode import DecodeLimits
from simd.featurize.decode.renditions import Rendition
from simd.featurize.workers.budget import MemoryBudget
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from simd.types import ImageId, image_id_of
from tests.featurize import dying
from tests.featurize.drawings import INPUT, SIZE, encoded
from tests.featurize.hostile import hostile
from tests.featurize.test_workers import PATIENCE_S, PICTURE, eventually, rejection, running

LIMITS = DecodeLimits(1 << 28, 100_000_000)
LARGE = encoded(Image.new("RGB", (4000, 3000), "red"), "PNG", compress_level=1)


class Holder:
    """A large image that is being decoded, as far as it is admitted, until it is told to be done; or a small one."""

    def __init__(self, pool: DecodePool, place: Path, memory: int | None = 100 << 20) -> None:
        self._place = place
        needs = b"" if memory is None else b"needs %d " % memory
        self.future = pool.submit_bytes(b"%bhold %b" % (needs, os.fsencode(place)), INPUT)

    def holds(self) -> bool:
        return self._place.with_suffix(".held").exists()

    def let_go(self) -> None:
        self._place.with_suffix(".free").mkdir()
        assert "let go" in rejection(self.future).detail


def pid_of(pool: DecodePool) -> int:
    return int(rejection(pool.submit_bytes(b"pid", INPUT)).detail)


def children() -> list[int]:
    """The worker processes of this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == str(os.getpid()) and b"simd.featurize.workers.worker" in command:
                found.append(int(entry.name))
    return found


@pytest.fixture
def three() -> Iterator[DecodePool]:
    pool = DecodePool(3, WorkerSettings(LIMITS, timeout_s=3600.0, memory_bytes=256 << 20, confined=False), hostile)
    yield pool
    pool.close()


def test_a_budget_admits_what_fits_and_one_that_fits_never_alone() -> None:
    budget = MemoryBudget(100, 2)
    assert budget.take(60)
    assert not budget.take(41)
    assert budget.take(40)
    assert not budget.take(0)
    budget.give_back(60)
    budget.give_back(40)
    assert budget.take(1000)
    assert not budget.take(1)


def test_large_pictures_wait_for_each_others_memory_and_small_ones_go_on(three: DecodePool, tmp_path: Path) -> None:
    holders = [Holder(three, tmp_path / str(n)) for n in range(5)]
    eventually(lambda: sum(holder.holds() for holder in holders) == 2)
    for _ in range(10):
        assert three.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
    assert sum(holder.holds() for holder in holders) == 2, "a worker is left to small pictures"
    while holders:
        eventually(lambda: sum(holder.holds() for holder in holders) == min(2, len(holders)))
        holder = next(holder for holder in holders if holder.holds())
        holder.let_go()
        holders.remove(holder)


def test_no_more_memory_is_taken_at_once_than_one_picture_may_take(three: DecodePool, tmp_path: Path) -> None:
    first = Holder(three, tmp_path / "first", 200 << 20)
    eventually(first.holds)
    second = Holder(three, tmp_path / "second", 100 << 20)
    for _ in range(5):
        assert three.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
    assert not second.holds()
    first.let_go()
    eventually(second.holds)


def test_a_picture_that_waited_for_memory_is_decoded_when_it_is_free(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.png" for n in range(8)]
    for number, path in enumerate(paths):
        path.write_bytes(LARGE + bytes([number]))
    asked: list[ImageId] = []

    def wanted(image_id: ImageId) -> list[Rendition]:
        asked.append(image_id)
        return [INPUT]

    pool = DecodePool(3, WorkerSettings(LIMITS, memory_bytes=100 << 20))
    try:
        files = [pool.submit_file(os.fsencode(path), wanted) for path in paths]
        blobs = [pool.submit_bytes(LARGE, INPUT) for _ in range(4)]
        for future in files + blobs:
            assert future.result(PATIENCE_S).pictures[INPUT].shape == (*SIZE, 3)
    finally:
        pool.close()
    assert sorted(asked) == sorted(image_id_of(path.read_bytes()) for path in paths), "each was asked for once"


def test_what_waited_for_memory_comes_before_what_came_later(tmp_path: Path) -> None:
    settings = WorkerSettings(LIMITS, timeout_s=3600.0, memory_bytes=256 << 20, confined=False)
    pool = DecodePool(2, settings, hostile)
    try:
        first = Holder(pool, tmp_path / "first")
        eventually(first.holds)
        second = Holder(pool, tmp_path / "second")
        assert pool.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
        busy = Holder(pool, tmp_path / "busy", None)
        eventually(busy.holds)
        later = pool.submit_bytes(PICTURE, INPUT)
        first.let_go()
        eventually(second.holds)
        assert not later.done()
        second.let_go()
        assert later.result(PATIENCE_S).pictures
        busy.let_go()
    finally:
        pool.close()


def test_a_file_that_changes_while_it_waits_for_memory_is_not_passed_off_as_the_former(
    three: DecodePool, tmp_path: Path
) -> None:
    holders = [Holder(three, tmp_path / str(n)) for n in range(2)]
    eventually(lambda: all(holder.holds() for holder in holders))
    path = tmp_path / "large"
    path.write_bytes(b"needs 100000000 pid")

    def wanted(_: ImageId) -> list[Rendition]:
        path.write_bytes(b"needs 100000000 policy")
        return [INPUT]

    waiting = three.submit_file(os.fsencode(path), wanted)
    # There is one worker left for both: it is done with the large one when it is done with the small one.
    assert three.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
    assert not waiting.done()
    holders[0].let_go()
    assert isinstance(waiting.exception(PATIENCE_S), FileChanged)


def test_a_large_picture_that_kills_its_worker_gives_its_memory_back(three: DecodePool) -> None:
    for number in range(6):
        assert rejection(three.submit_bytes(b"needs %d segv %d" % (200 << 20, number), INPUT)).reason is Reason.CRASHED
    assert three.submit_bytes(LARGE, INPUT).result(PATIENCE_S).pictures


def test_a_pool_of_one_worker_decodes_large_pictures() -> None:
    pool = DecodePool(1, WorkerSettings(LIMITS, memory_bytes=100 << 20))
    try:
        assert all(f.result(PATIENCE_S).pictures for f in [pool.submit_bytes(LARGE, INPUT) for _ in range(3)])
    finally:
        pool.close()


def test_close_ends_what_waits_for_memory_too(three: DecodePool, tmp_path: Path) -> None:
    holders = [Holder(three, tmp_path / str(n)) for n in range(6)]
    eventually(lambda: sum(holder.holds() for holder in holders) == 2)
    # The worker that is left comes to it when it has been told of all others that they have to wait.
    assert three.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
    three.close()
    futures = [holder.future for holder in holders]
    assert not wait(futures, PATIENCE_S).not_done
    assert all(future.cancelled() for future in futures)


def test_workers_without_work_end_but_for_one_and_come_back_when_they_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PICTURE)
    others = set(children())
    pool = DecodePool(3, WorkerSettings(LIMITS, idle_s=0.2), hostile)
    try:
        for _ in range(2):
            meeting = threading.Barrier(3)

            def together(_: ImageId, meeting: threading.Barrier = meeting) -> list[Rendition]:
                meeting.wait(PATIENCE_S)
                return [INPUT]

            for future in [pool.submit_file(os.fsencode(path), together) for _ in range(3)]:
                assert future.result(PATIENCE_S).pictures
            eventually(lambda: len(set(children()) - others) == 1)
            [kept] = set(children()) - others
            assert pid_of(pool) == kept, "the one that is left gets the work"
    finally:
        pool.close()


def test_without_one_on_standby_there_is_no_worker_until_there_is_work_and_none_some_time_after_it() -> None:
    others = set(children())
    pool = DecodePool(2, WorkerSettings(LIMITS, idle_s=0.2, standby=False), hostile)
    try:
        for _ in range(2):
            eventually(lambda: set(children()) == others)
            assert pid_of(pool) not in others
    finally:
        pool.close()


def test_work_that_trickles_in_keeps_one_worker_busy_and_starts_no_others() -> None:
    pool = DecodePool(4, WorkerSettings(LIMITS), hostile)
    try:
        # Until the worker that is started before anybody asks has come up, another one may be in use.
        eventually(lambda: len({pid_of(pool) for _ in range(20)}) == 1)
        assert running(pid_of(pool)) and pool.lost == 0
    finally:
        pool.close()


def test_a_file_that_is_cancelled_while_it_waits_for_its_turn_is_skipped(three: DecodePool, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PICTURE)
    held = [Holder(three, tmp_path / str(n), memory=0) for n in range(3)]
    eventually(lambda: all(holder.holds() for holder in held))
    asked: list[ImageId] = []

    def wanted(image_id: ImageId) -> list[Rendition]:
        asked.append(image_id)
        return [INPUT]

    queued = three.submit_file(os.fsencode(path), wanted)
    assert queued.cancel() and queued.cancel() and queued.cancelled()
    held[0].let_go()
    assert three.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
    assert asked == []


def test_a_large_picture_that_nobody_waits_for_any_more_leaves_the_queue(three: DecodePool, tmp_path: Path) -> None:
    holders = [Holder(three, tmp_path / str(n)) for n in range(2)]
    eventually(lambda: all(holder.holds() for holder in holders))
    data = [b"needs 100000000 raise %d " % number + bytes(1 << 20) for number in range(60)]
    abandoned = [three.submit_bytes(one, INPUT) for one in data]
    # The worker that is left has looked at them all when it comes to this one.
    assert three.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
    assert all(future.cancel() for future in abandoned)
    assert not wait(abandoned, PATIENCE_S).not_done
    assert all(future.cancelled() for future in abandoned)
    eventually(lambda: all(sys.getrefcount(one) <= 3 for one in data))
    rightful = three.submit_bytes(LARGE, INPUT)
    holders[0].let_go()
    assert rightful.result(PATIENCE_S).pictures


def test_a_picture_that_is_cancelled_in_a_worker_ends_at_once_and_its_memory_is_free_when_the_worker_is_done(
    three: DecodePool, tmp_path: Path
) -> None:
    holders = [Holder(three, tmp_path / str(n)) for n in range(2)]
    eventually(lambda: all(holder.holds() for holder in holders))
    assert holders[0].future.cancel() and holders[0].future.cancelled()
    large = three.submit_bytes(LARGE, INPUT)
    assert three.submit_bytes(PICTURE, INPUT).result(PATIENCE_S).pictures
    assert not large.done(), "a worker still has it"
    (tmp_path / "0.free").mkdir()
    assert large.result(PATIENCE_S).pictures


@pytest.mark.parametrize("deaths", [2, 100])
def test_a_worker_that_is_killed_while_it_starts_says_nothing_about_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int
) -> None:
    left = tmp_path / "deaths"
    left.write_bytes(b"x" * deaths)
    monkeypatch.setenv("SIMD_TEST_DEATHS", str(left))
    pool = DecodePool(1, WorkerSettings(limits=LIMITS), dying.decode)  # type: ignore[arg-type]
    try:
        future = pool.submit_bytes(PICTURE, INPUT)
        if deaths < 100:
            assert INPUT in future.result(PATIENCE_S).pictures
        else:
            with pytest.raises(SimdError, match="no decode worker starts"):
                future.result(PATIENCE_S)
    finally:
        pool.close()
