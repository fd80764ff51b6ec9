"""What other threads ask of the indexing thread, which runs it between two batches, and how they wait for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import TypeVar

from simd.errors import Abandoned, NotReady

T = TypeVar("T")

_POLL_S = 0.1

Alive = Callable[[], bool]
"""Whether somebody still waits."""


class Commands:
    """A queue of calls; `run` and `post` may be called from any thread.

    Args:
        wake: called when there is one.
        failed: is told the error of a command that nobody waits for.
    """

    def __init__(self, wake: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self._wake = wake
        self._failed = failed
        self._queue: deque[Callable[[], None]] = deque()
        self._closed = False
        self._lock = threading.Lock()

    def run(self, command: Callable[[], T], alive: Alive) -> T:
        """Run something and wait for it; what it returns or raises.

        Raises:
            NotReady: the daemon is stopping.
            Abandoned: `alive` said no before its turn came; then it is never run.
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
        return results_of([future], alive)[0]

    def post(self, command: Callable[[], None]) -> None:
        """Run something; nobody waits for it."""

        def step() -> None:
            try:
                command()
            except Exception as error:  # noqa: BLE001 - it is told, and must not end what else is to be done
                self._failed(error)

        self._queue.append(step)
        self._wake()

    def drain(self) -> None:
        """Run all that is there; called by the indexing thread."""
        while self._queue:
            self._queue.popleft()()

    def close(self) -> None:
        """Refuse `run` from now on. What was accepted is there for the next `drain`."""
        with self._lock:
            self._closed = True

    def __len__(self) -> int:
        return len(self._queue)


def always() -> bool:
    """Somebody who does not leave."""
    return True


def results_of(futures: Sequence[Future[T]], alive: Alive) -> list[T]:
    """The results, in order. What has not begun when nobody waits any more never begins.

    Raises:
        Abandoned: `alive` said no.
        NotReady: the daemon stops.
    """
    try:
        return [_result_of(future, alive) for future in futures]
    except Abandoned:
        for future in futures:
            future.cancel()
        raise
    except CancelledError as error:
        raise NotReady("the daemon is stopping") from error


def _result_of(future: Future[T], alive: Alive) -> T:
    while True:
        try:
            return future.result(timeout=_POLL_S)
        except TimeoutError:
            if future.done():
                raise
            if not alive():
                raise Abandoned("nobody waits for the answer any more") from None
