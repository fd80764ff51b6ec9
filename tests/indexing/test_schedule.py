"""Which scan comes next, and that no number of hints takes much memory or time."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simd.indexing.roots.schedule import Folders, ScanRequest, Schedule

HOUR = 3600.0


def asked(root_id: int, under: bytes = b"") -> ScanRequest:
    return ScanRequest(root_id, under, Future())


def taken(schedule: Schedule) -> tuple[int, bytes, bool]:
    """The next scan, which ends at once."""
    request = schedule.next()
    assert request is not None
    schedule.finished(request)
    return request.root_id, request.under, request.timed


class TestSchedule:
    def test_who_waits_comes_first_then_folders_root_by_root_then_the_timer(self) -> None:
        schedule = Schedule(HOUR, offline_s=0.0)
        schedule.recheck(4)
        for root_id, under in ((1, b"a"), (1, b"b"), (2, b"c")):
            schedule.enqueue(root_id, under)
        schedule.submit(asked(3, b"d"))
        assert [taken(schedule) for _ in range(5)] == [
            (3, b"d", False), (1, b"a", False), (2, b"c", False), (1, b"b", False), (4, b"", True),
        ]  # fmt: skip

    def test_the_same_folder_is_queued_once_and_a_scan_of_the_root_covers_it(self) -> None:
        schedule = Schedule(HOUR)
        for _ in range(3):
            schedule.enqueue(1, b"a")
        assert schedule.pending == 1
        schedule.submit(asked(1))
        assert taken(schedule) == (1, b"", False) and schedule.pending == 0

    def test_the_next_scan_of_a_root_is_on_the_timer_before_it_begins(self) -> None:
        schedule = Schedule(0.001)
        schedule.enqueue(1, b"")
        assert [taken(schedule) for _ in range(3)] == [(1, b"", False), (1, b"", True), (1, b"", True)]
        assert schedule.pending == 0, "the timer's own are not pending"

    def test_a_retry_is_pending_until_it_begins(self) -> None:
        schedule = Schedule(HOUR, retry_s=(0.001, 0.001))
        for _ in range(2):
            schedule.retry(1)
        assert schedule.pending == 1
        request = schedule.next()
        assert request is not None and request.timed and schedule.pending == 1, "it is running"
        schedule.retry(1)
        schedule.finished(request)
        assert schedule.pending == 1, "something was put off while it ran"
        assert taken(schedule) == (1, b"", True) and schedule.pending == 0

    def test_a_scan_of_the_root_that_a_caller_asked_for_is_the_retry(self) -> None:
        schedule = Schedule(HOUR, retry_s=(HOUR, HOUR))
        schedule.retry(1)
        schedule.enqueue(1, b"a part")
        assert taken(schedule) == (1, b"a part", False) and schedule.pending == 1
        schedule.submit(asked(1))
        assert taken(schedule) == (1, b"", False) and schedule.pending == 0

    def test_a_shorter_interval_takes_effect_at_once(self) -> None:
        schedule = Schedule(HOUR)
        schedule.enqueue(1, b"")
        taken(schedule)
        waiting = threading.Thread(target=lambda: taken(schedule))
        waiting.start()
        schedule.set_interval(0.01)
        waiting.join(20.0)
        assert not waiting.is_alive()

    def test_a_root_that_is_gone_is_on_no_list(self) -> None:
        schedule = Schedule(0.0, retry_s=(0.0, 0.0))
        schedule.enqueue(1, b"a")
        schedule.retry(1)
        schedule.forget(1)
        schedule.enqueue(2, b"b")
        assert schedule.pending == 1 and taken(schedule) == (2, b"b", False)

    @pytest.mark.parametrize("early", [True, False])
    def test_nobody_waits_for_a_scan_that_never_begins(self, early: bool) -> None:
        schedule = Schedule(HOUR)
        request = asked(1)
        if early:
            schedule.submit(request)
        schedule.close()
        if not early:
            schedule.submit(request)
        assert request.future is not None and request.future.cancelled()
        assert schedule.next() is None

    def test_whoever_waits_for_the_next_scan_is_released_at_the_end(self) -> None:
        schedule = Schedule(HOUR)
        found: list[object] = []
        waiting = threading.Thread(target=lambda: found.append(schedule.next()))
        waiting.start()
        schedule.close()
        waiting.join(20.0)
        assert found == [None]


names = st.sampled_from([b"a", b"b", b"a-b", b"c"])
paths = st.lists(names, max_size=4).map(b"/".join)


class TestFolders:
    @given(st.lists(paths, max_size=60))
    def test_what_was_added_is_covered_once(self, added: list[bytes]) -> None:
        folders = Folders()
        for path in added:
            folders.add(path)
        assert all(folders.covers(path) for path in added)
        left = [folders.pop() for _ in range(len(folders))]
        inside = [
            (one, two)
            for one in left
            for two in left
            if one != two and (two + b"/").startswith(one + b"/" if one else b"")
        ]
        assert inside == [] and set(left) <= set(added) and len(folders) == 0

    @given(st.lists(paths, max_size=60), st.lists(st.booleans(), max_size=60))
    def test_what_is_taken_out_is_counted_no_more(self, added: list[bytes], taken_out: list[bool]) -> None:
        folders = Folders()
        model: set[bytes] = set()
        for path, out in zip(added, taken_out, strict=False):
            folders.add(path)
            inside = path + b"/" if path else b""
            if not any(path == other or path.startswith(other + b"/" if other else b"") for other in model):
                model = {other for other in model if not other.startswith(inside)} | {path}
            if out:
                model.discard(folders.pop())
            assert set(folders) == model

    def test_many_in_one_folder_become_that_folder(self) -> None:
        folders = Folders()
        folders.add(b"elsewhere")
        for number in range(20_000):
            folders.add(b"copied/tree/%d/sub" % number)
            assert len(folders) <= 102
        assert set(folders) == {b"elsewhere", b"copied/tree"}

    def test_many_all_over_a_root_become_the_root(self) -> None:
        folders = Folders()
        for number in range(20_000):
            folders.add(b"%d/%d" % (number % 200, number))
            assert len(folders) <= 1000
        assert list(folders) == [b""]
