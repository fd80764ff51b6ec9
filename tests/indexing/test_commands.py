"""Nobody's thread is held by a caller who left."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from simd.cancelled import NEVER, Cancelled
from simd.errors import Abandoned, NotReady
from simd.indexing.loop.commands import results_of


def done(value: int) -> Future[int]:
    future: Future[int] = Future()
    future.set_result(value)
    return future


def left() -> Cancelled:
    """A caller who does not wait any more."""
    cancelled = Cancelled()
    cancelled.set()
    return cancelled


def test_results_come_in_order() -> None:
    late: Future[int] = Future()
    threading.Timer(0.05, late.set_result, (1,)).start()
    assert results_of([late, done(2)], NEVER) == [1, 2]


def test_who_leaves_is_not_waited_for_and_what_has_not_begun_never_begins() -> None:
    begun, queued = Future[int](), Future[int]()
    begun.set_running_or_notify_cancel()
    with pytest.raises(Abandoned):
        results_of([done(1), begun, queued], left())
    assert queued.cancelled() and not begun.cancelled()


def test_who_leaves_meanwhile_is_not_waited_for() -> None:
    cancelled = Cancelled()
    running = Future[int]()
    running.set_running_or_notify_cancel()
    threading.Timer(0.05, cancelled.set).start()
    with pytest.raises(Abandoned):
        results_of([running], cancelled)


def test_what_is_done_is_answered_even_if_nobody_seems_to_wait() -> None:
    assert results_of([done(1)], left()) == [1]


def test_an_error_and_a_timeout_of_the_work_itself_are_passed_on() -> None:
    for error in (ValueError("a bug"), TimeoutError("the work's own")):
        failed: Future[int] = Future()
        failed.set_exception(error)
        with pytest.raises(type(error), match=str(error)):
            results_of([failed], NEVER)


def test_work_that_is_called_off_because_the_daemon_stops_says_so() -> None:
    called_off: Future[int] = Future()
    called_off.cancel()
    with pytest.raises(NotReady, match="stopping"):
        results_of([called_off], NEVER)
