"""Lanes: how many calls they hold, and what becomes of those that come too late."""

from __future__ import annotations

import threading

from simd.serving.lanes import Lane, LaneName, lanes


def test_a_lane_is_full_with_as_many_as_it_holds_working_or_waiting() -> None:
    lane, hold = Lane("test", threads=1, limit=2), threading.Event()
    first, second = lane.submit(hold.wait, 10), lane.submit(hold.wait, 10)
    assert lane.full
    hold.set()
    assert first.result(10) and second.result(10)
    lane.shutdown(wait=True)
    assert not lane.full


def test_an_error_and_a_cancelled_call_make_room() -> None:
    lane, hold = Lane("test", threads=1, limit=2), threading.Event()
    lane.submit(hold.wait, 10)
    waiting = lane.submit(hold.wait, 10)
    held = [lane.full, waiting.cancel(), lane.full]
    assert held == [True, True, False]
    hold.set()
    lane.submit(int, "no number").exception(10)
    lane.shutdown(wait=True)
    assert not lane.full


def test_a_call_that_comes_after_the_end_is_called_off_and_raises_nothing() -> None:
    lane = Lane("test", threads=1, limit=1)
    lane.shutdown()
    assert lane.submit(int).cancelled() and not lane.full


def test_every_kind_of_call_has_a_lane_and_streams_never_wait() -> None:
    made = lanes(searches=7, search_threads=2)
    assert set(made) == set(LaneName)
    assert made[LaneName.SEARCH].limit == 7
    streams = made[LaneName.STREAM]
    meeting = threading.Barrier(streams.limit + 1)
    held = [streams.submit(meeting.wait, 10) for _ in range(streams.limit)]
    assert streams.full
    meeting.wait(10)
    for one in held:
        one.result(10)
    streams.shutdown(wait=True)


def test_no_more_calls_are_worked_on_at_once_than_a_lane_has_threads() -> None:
    lane, hold, begun = Lane("test", threads=2, limit=5), threading.Event(), threading.Semaphore(0)

    def work() -> bool:
        begun.release()
        return hold.wait(10)

    calls = [lane.submit(work) for _ in range(5)]
    assert all(begun.acquire(timeout=10) for _ in range(2))
    assert [call.running() for call in calls] == [True, True, False, False, False]
    hold.set()
    assert all(call.result(10) for call in calls)
    lane.shutdown(wait=True)
