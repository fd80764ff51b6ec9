"""Nobody's work goes on for a caller who left."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from simd.cancelled import NEVER, Cancelled, result_of
from simd.errors import Abandoned, NotReady
from tests.serving.waiting import until


def left() -> Cancelled:
    cancelled = Cancelled()
    cancelled.set()
    return cancelled


def done(value: int) -> Future[int]:
    future: Future[int] = Future()
    future.set_result(value)
    return future


def test_it_is_set_once_and_for_all_and_checked_then() -> None:
    cancelled = Cancelled()
    cancelled.check()
    cancelled.set()
    cancelled.set()
    assert cancelled.is_set()
    with pytest.raises(Abandoned):
        cancelled.check()


def test_what_is_to_be_called_is_called_meanwhile_only_and_at_once_if_it_is_too_late() -> None:
    cancelled, called = Cancelled(), []
    with cancelled.calling(lambda: called.append("before")):
        pass
    with cancelled.calling(lambda: called.append("meanwhile")):
        cancelled.set()
        assert called == ["meanwhile"]
    with cancelled.calling(lambda: called.append("late")):
        assert called == ["meanwhile", "late"]


def test_who_waits_is_woken_and_what_has_not_begun_never_begins() -> None:
    cancelled, begun, queued = Cancelled(), Future[int](), Future[int]()
    begun.set_running_or_notify_cancel()
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(cancelled.wait, [done(1), begun, queued])
        until(waits.running, "it to begin")
        cancelled.set()
        until(queued.cancelled, "it to be cancelled")
        assert not waits.done(), "what has begun is waited for"
        begun.set_result(2)
        assert isinstance(waits.exception(10), Abandoned)


def test_what_is_done_is_answered_even_if_nobody_seems_to_wait() -> None:
    assert result_of(done(1), left()) == 1


def test_an_error_of_the_work_itself_is_passed_on() -> None:
    failed: Future[int] = Future()
    failed.set_exception(TimeoutError("the work's own"))
    with pytest.raises(TimeoutError, match="the work's own"):
        result_of(failed, NEVER)


def test_work_that_somebody_else_cancelled_says_that_the_daemon_stops() -> None:
    future: Future[int] = Future()
    future.cancel()
    with pytest.raises(NotReady, match="stopping"):
        result_of(future, NEVER)
