"""Waits that grow, and threads that go on after an error."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from simd.supervision import Backoff, Threads
from tests.serving.waiting import until


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("first_s", "longest_s", "waits"),
    [(1.0, 60.0, [1, 2, 4, 8, 16, 32, 60, 60]), (5.0, 5.0, [5, 5, 5]), (0.01, 1.0, [0.01, 0.02, 0.04])],
)
def test_waits_double_up_to_the_longest_and_begin_anew_after_a_success(
    first_s: float, longest_s: float, waits: list[float]
) -> None:
    clock = Clock()
    backoff = Backoff(first_s, longest_s, clock)

    def state() -> tuple[bool, object]:
        return backoff.failing, pytest.approx(backoff.left_s)

    for _ in range(2):
        assert state() == (False, 0.0)
        for wait in waits:
            assert backoff.failed() == wait and state() == (True, wait)
            clock.now += wait / 2
            assert state() == (True, wait / 2)
            clock.now += wait
            assert state() == (True, 0.0)
        backoff.succeeded()
    assert state() == (False, 0.0)


def test_any_number_of_failures_is_no_error() -> None:
    backoff = Backoff()
    assert {backoff.failed() for _ in range(5000)} >= {1.0, 60.0}


def failing(times: int, then: Callable[[], None]) -> Callable[[], None]:
    """Fails so often, then does something."""
    left = [ValueError(f"attempt {n}") for n in range(times)]

    def work() -> None:
        if left:
            raise left.pop()
        then()

    return work


def test_a_thread_that_fails_is_logged_and_counted_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    threads = Threads(lambda: Backoff(0.001, 0.001))
    done, stopping = threading.Event(), threading.Event()
    thread = threads.start("a worker", failing(3, done.set), stopping)
    threads.start("another", lambda: None, stopping).join()
    thread.join(20.0)
    assert done.is_set() and not thread.is_alive(), "a thread whose work returns has ended"
    assert threads.failures == {"a worker": 3}
    assert caplog.text.count("the thread a worker failed and goes on") == 3
    assert "ValueError: attempt 2" in caplog.text and "Traceback" in caplog.text


def test_a_thread_that_waits_after_an_error_ends_when_it_is_told_to() -> None:
    threads = Threads(lambda: Backoff(3600.0, 3600.0))
    stopping = threading.Event()
    thread = threads.start("a worker", failing(10**6, lambda: None), stopping)
    until(lambda: threads.failures == {"a worker": 1}, "the error to be counted")
    stopping.set()
    thread.join(20.0)
    assert not thread.is_alive()


def test_errors_of_others_are_counted_by_name() -> None:
    threads = Threads()
    threads.failed("indexer", ValueError("x"))
    assert threads.failures == {"indexer": 1}
