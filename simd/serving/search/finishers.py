"""Threads that finish searches, several at once.

    submit -> decoding ... decoded -> queue -> a finisher takes up to AT_ONCE -> the outcome of each

There are as many as cores, so that one embeds while another scans. Between two steps of one search decoders and
backbone fill the caches with their own; several searches in one go pay for that once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

from simd.supervision import Threads

AT_ONCE = 4
"""More save little, and leave other cores without work."""


class Finishable(Protocol):
    """A search that has begun."""

    def when_ready(self, call: Callable[[], None], /) -> None:
        """Have something called once it need not wait; that may be now, or in another thread."""
        ...

    def cancel(self) -> None:
        """Its caller has left."""
        ...


_Search = TypeVar("_Search", bound=Finishable)
_Outcome = TypeVar("_Outcome")


class Finishers(Generic[_Search, _Outcome]):
    """A pool of them; safe to use from any thread.

    Args:
        name: of the threads.
        finish: gives the outcomes of several searches, in the same order; its second argument is whether they are all
            that was submitted.
        count: of threads.
        threads: runs them.
    """

    def __init__(
        self,
        name: str,
        finish: Callable[[Sequence[_Search], bool], Sequence[_Outcome | BaseException]],
        count: int,
        threads: Threads,
    ) -> None:
        self._finish = finish
        self._unfinished: dict[Future[_Outcome], _Search] = {}
        self._queue: deque[Future[_Outcome]] = deque()
        self._closed = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threads.start(f"{name}-{number}", self._run, self._closed) for number in range(count)]

    def submit(self, search: _Search) -> Future[_Outcome]:
        """What will come of a search. It can be cancelled until a finisher takes it, and so is its decoding then."""
        outcome: Future[_Outcome] = Future()
        with self._changed:
            self._unfinished[outcome] = search
            closed = self._closed.is_set()
        outcome.add_done_callback(self._forget)
        if closed:
            outcome.cancel()
        search.when_ready(lambda: self._enqueue(outcome))
        return outcome

    def close(self) -> None:
        """End the threads; what none of them has taken is cancelled."""
        with self._changed:
            self._closed.set()
            left = list(self._unfinished)
            self._changed.notify_all()
        for outcome in left:
            outcome.cancel()
        for thread in self._threads:
            thread.join()

    def _enqueue(self, outcome: Future[_Outcome]) -> None:
        with self._changed:
            if outcome in self._unfinished:
                self._queue.append(outcome)
                self._changed.notify()

    def _forget(self, outcome: Future[_Outcome]) -> None:
        """It was cancelled, or is done."""
        with self._changed:
            search = self._unfinished.pop(outcome, None)
            if outcome in self._queue:
                self._queue.remove(outcome)
        if search is not None:
            search.cancel()

    def _run(self) -> None:
        while taken := self._take():
            self._deliver(taken)
            # Not to be held until there is more.
            del taken

    def _take(self) -> list[Future[_Outcome]]:
        """Wait for searches that can be finished; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed.is_set())
            if self._closed.is_set():
                return []
            return [self._queue.popleft() for _ in range(min(AT_ONCE, len(self._queue)))]

    def _deliver(self, taken: list[Future[_Outcome]]) -> None:
        running = [outcome for outcome in taken if outcome.set_running_or_notify_cancel()]
        with self._changed:
            searches = [self._unfinished[outcome] for outcome in running]
            alone = len(self._unfinished) == 1
        results = self._outcomes(searches, alone)
        with self._changed:
            for outcome in running:
                del self._unfinished[outcome]
        for outcome, result in zip(running, results, strict=True):
            if isinstance(result, BaseException):
                outcome.set_exception(result)
            else:
                outcome.set_result(result)

    def _outcomes(self, searches: Sequence[_Search], alone: bool) -> list[_Outcome | BaseException]:
        """An error holds this frame, which therefore must know nothing of futures: they would hold the error."""
        try:
            return list(self._finish(searches, alone)) if searches else []
        except BaseException as error:  # noqa: BLE001 - it is the outcome of each
            return [error] * len(searches)
