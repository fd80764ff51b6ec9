"""Lanes: how many calls they hold, whose turn it is, and what becomes of those that come too late."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from simd.cancelled import NEVER, Cancelled
from simd.errors import Abandoned, Overloaded
from simd.serving.transport.lanes import Lane, LaneName, lanes
from tests.serving.waiting import until


def test_a_lane_is_full_with_as_many_as_it_holds_working_or_waiting() -> None:
    lane, hold, begun = Lane("test", max_running=1, max_calls=2), threading.Event(), threading.Semaphore(0)

    def call() -> None:
        with lane.turn("me", NEVER):
            begun.release()
            hold.wait(10)

    with ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(call) for _ in range(2)]
        assert begun.acquire(timeout=10)
        until(lambda: lane.full, "the second call to wait")
        assert not begun.acquire(blocking=False), "one at once"
        with pytest.raises(Overloaded, match="already has 2 calls of the kind `test`"), lane.turn("me", NEVER):
            pass
        hold.set()
        for one in calls:
            one.result(10)
    assert not lane.full


def test_an_error_makes_room() -> None:
    lane = Lane("test", max_running=1, max_calls=1)
    for _ in range(3):
        with pytest.raises(LookupError), lane.turn("me", NEVER):
            assert lane.full
            raise LookupError
    assert not lane.full


def test_who_leaves_before_it_is_their_turn_makes_room() -> None:
    lane, left = Lane("test", max_running=1, max_calls=2), Cancelled()
    left.set()
    with lane.turn("me", NEVER):
        with pytest.raises(Abandoned), lane.turn("you", left):
            pass
        assert not lane.full
    assert not lane.full


def test_one_caller_leaves_places_and_turns_to_others() -> None:
    lane, hold, begun = Lane("test", max_running=8, max_calls=16), threading.Event(), threading.Semaphore(0)

    def call(who: str) -> None:
        with lane.turn(who, NEVER):
            begun.release()
            hold.wait(10)

    with ThreadPoolExecutor(20) as callers:
        calls = [callers.submit(call, "flood") for _ in range(17)]
        assert all(begun.acquire(timeout=10) for _ in range(7))
        assert not begun.acquire(timeout=0.1), "seven turns are its share of eight"
        other = callers.submit(call, "other")
        assert begun.acquire(timeout=10), "the eighth is another's at once"
        hold.set()
        other.result(10)
        refused = [one for one in calls if isinstance(one.exception(10), Overloaded)]
        assert len(refused) == 3, "fourteen places are its share of sixteen"


def test_every_kind_of_call_has_a_lane() -> None:
    made = lanes(max_searches=7, max_running_searches=2)
    assert set(made) == set(LaneName)
    assert made[LaneName.SEARCH].max_calls == 7


@pytest.mark.parametrize("name", [LaneName.STREAM, LaneName.ORIGINAL])
def test_streams_never_wait(name: LaneName) -> None:
    streams = lanes(max_searches=7, max_running_searches=2)[name]
    meeting = threading.Barrier(streams.max_calls + 1)

    def call(number: int) -> None:
        with streams.turn(str(number % 4), NEVER):
            meeting.wait(10)

    with ThreadPoolExecutor(streams.max_calls) as callers:
        calls = [callers.submit(call, number) for number in range(streams.max_calls)]
        meeting.wait(10)
        for one in calls:
            one.result(10)
