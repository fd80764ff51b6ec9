"""What several want at once is done once, for all who still wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from simd.cancelled import NEVER, Cancelled
from simd.errors import Abandoned
from simd.serving.images.remembered import Remembered
from simd.serving.images.together import Together


class Slow:
    """Work that goes on until it is told to end, or nobody waits.

    Attributes:
        begun: how often it was begun.
    """

    def __init__(self, end: Callable[[], str] = lambda: "done") -> None:
        self.begun = 0
        self.go_on = threading.Event()
        self.cancelled = threading.Event()
        self._end = end

    def __call__(self, cancelled: Cancelled) -> str:
        self.begun += 1
        with cancelled.calling(self.cancelled.set), cancelled.calling(self.go_on.set):
            assert self.go_on.wait(10)
        cancelled.check()
        return self._end()


class Caller(Cancelled):
    """Somebody who waits; `waits` tells that it does."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        with super().calling(call):
            self.waits.set()
            yield


class Waiting:
    """So many callers who want the same."""

    def __init__(self, together: Together[str, str], work: Slow, threads: ThreadPoolExecutor, count: int) -> None:
        self.callers = [Caller() for _ in range(count)]
        self.calls = [threads.submit(together.result, "key", work, caller) for caller in self.callers]
        assert all(caller.waits.wait(10) for caller in self.callers)


def fail() -> str:
    raise ValueError("it failed")


def test_all_get_what_the_first_one_made_and_the_next_one_begins_anew() -> None:
    together: Together[str, str] = Together()
    work = Slow()
    with ThreadPoolExecutor(4) as threads:
        waiting = Waiting(together, work, threads, 4)
        assert together.result("another", lambda _: "at once", NEVER) == "at once"
        work.go_on.set()
        assert [call.result(10) for call in waiting.calls] == ["done"] * 4 and work.begun == 1
    assert together.result("key", work, NEVER) == "done" and work.begun == 2


def test_all_get_the_error() -> None:
    together: Together[str, str] = Together()
    work = Slow(fail)
    with ThreadPoolExecutor(3) as threads:
        waiting = Waiting(together, work, threads, 3)
        work.go_on.set()
        assert all(isinstance(call.exception(10), ValueError) for call in waiting.calls)
    assert work.begun == 1


@pytest.mark.parametrize("leaving", [0, 1])
def test_whoever_leaves_ends_it_for_nobody_else(leaving: int) -> None:
    together: Together[str, str] = Together()
    work = Slow()
    with ThreadPoolExecutor(3) as threads:
        waiting = Waiting(together, work, threads, 3)
        waiting.callers[leaving].set()
        assert not work.cancelled.is_set()
        work.go_on.set()
        assert waiting.calls[2].result(10) == "done" and work.begun == 1


def test_a_caller_who_leaves_need_not_wait() -> None:
    together: Together[str, str] = Together()
    work = Slow()
    with ThreadPoolExecutor(3) as threads:
        first = Waiting(together, work, threads, 1)
        second = Waiting(together, work, threads, 1)
        second.callers[0].set()
        assert isinstance(second.calls[0].exception(10), Abandoned)
        work.go_on.set()
        assert first.calls[0].result(10) == "done"


def test_when_all_have_left_it_ends_and_whoever_comes_then_begins_anew() -> None:
    together: Together[str, str] = Together()
    work, again = Slow(), Slow()
    again.go_on.set()
    with ThreadPoolExecutor(3) as threads:
        waiting = Waiting(together, work, threads, 3)
        for caller in waiting.callers:
            caller.set()
        assert work.cancelled.wait(10)
        assert all(isinstance(call.exception(10), Abandoned) for call in waiting.calls)
        assert together.result("key", again, NEVER) == "done" and (work.begun, again.begun) == (1, 1)


def test_who_has_left_before_gets_nothing() -> None:
    gone = Cancelled()
    gone.set()
    together: Together[str, str] = Together()
    with pytest.raises(Abandoned):
        together.result("key", Slow(), gone)


def test_what_was_not_asked_for_the_longest_is_forgotten() -> None:
    remembered: Remembered[str, bool] = Remembered(2)
    remembered.put("a", True)
    remembered.put("b", False)
    assert remembered.get("a") is True and remembered.get("b") is False and remembered.get("c") is None
    assert remembered.get("a")
    remembered.put("c", True)
    assert (remembered.get("a"), remembered.get("b"), remembered.get("c")) == (True, None, True)
