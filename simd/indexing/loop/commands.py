"""Calls that other threads have the indexing thread run, between two batches, and how they wait for the results."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from queue import SimpleQueue
from typing import TypeVar

from simd.cancelled import Cancelled
from simd.errors import NotReady

T = TypeVar("T")


class Commands:
    """A queue of calls; `run` and `post` may be called from any thread.

    Args:
        wake: called when one was added.
        failed: called with the error of a command of `post`.
    """

    def __init__(self, wake: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self._wake = wake
        self._failed = failed
        self._queue: deque[Callable[[], None]] = deque()
        self._closed = False
        self._lock = threading.Lock()

    def run(self, command: Callable[[], T], cancelled: Cancelled) -> T:
        """Run something and wait for it; what it returns or raises.

        Raises:
            NotReady: the daemon is stopping.
            Abandoned: it was cancelled before its end; if its turn had not come, it is never run.
        """
        future: Future[T] = Future()

        def step() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(command())
                except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it from the future
                    future.set_exception(error)

        with self._lock:
            if self._closed:
                raise NotReady("the daemon is stopping")
            self._queue.append(step)
        self._wake()
        return results_of([future], cancelled)[0]

    def post(self, command: Callable[[], None]) -> None:
        """Run something, without waiting for it."""

        def step() -> None:
            try:
                command()
            except Exception as error:  # noqa: BLE001 - it is reported, and must not keep other commands from running
                self._failed(error)

        self._queue.append(step)
        self._wake()

    def drain(self) -> None:
        """Run all that is there; called by the indexing thread."""
        while self._queue:
            self._queue.popleft()()

    def close(self) -> None:
        """Refuse `run` from now on. What was accepted is run by the next `drain`."""
        with self._lock:
            self._closed = True

    def __len__(self) -> int:
        return len(self._queue)


def results_of(futures: Sequence[Future[T]], cancelled: Cancelled) -> list[T]:
    """The results, in order. When the caller leaves first, what has not begun never begins, and what has goes on.

    Raises:
        Abandoned: it was cancelled before all were done.
        NotReady: the daemon stops.
    """
    ended: SimpleQueue[bool] = SimpleQueue()
    for future in futures:
        future.add_done_callback(lambda _: ended.put(True))
    with cancelled.calling(lambda: ended.put(False)):
        are_done = all(ended.get() for _ in futures) or all(future.done() for future in futures)
    if not are_done:
        for future in futures:
            future.cancel()
        cancelled.check()
    try:
        return [future.result() for future in futures]
    except CancelledError as error:
        raise NotReady("the daemon is stopping") from error
