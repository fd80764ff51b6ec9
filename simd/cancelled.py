"""Work that ends when nobody waits for it any more, because the caller left or the deadline is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Protocol, TypeVar

from simd.errors import Abandoned, NotReady

T_co = TypeVar("T_co", covariant=True)


class Work(Protocol):
    """Work under way: a `concurrent.futures.Future`."""

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait until it is done; its error, if it has one. Raises CancelledError."""
        ...

    def cancel(self) -> bool:
        """Say that nobody waits for it."""
        ...

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        ...


class Outcome(Work, Protocol[T_co]):
    """Work under way that gives something."""

    def result(self, timeout: float | None = None) -> T_co:
        """Wait until it is done; what came of it, or its error raised."""
        ...


class Cancelled:
    """Whether a caller does not wait any more. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._calls: list[Callable[[], object]] = []

    def set(self) -> None:
        """The caller does not wait any more."""
        with self._lock:
            self._is_set = True
            calls = list(self._calls)
        for call in calls:
            call()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def check(self) -> None:
        """Go on only for somebody.

        Raises:
            Abandoned: nobody waits.
        """
        if self._is_set:
            raise Abandoned("nobody waits for the answer any more")

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Have something called when it is set meanwhile, in whatever thread; at once, if it is."""
        with self._lock:
            self._calls.append(call)
            is_set = self._is_set
        try:
            if is_set:
                call()
            yield
        finally:
            with self._lock:
                self._calls.remove(call)

    def wait(self, works: Sequence[Work]) -> None:
        """Return when all are done. Those that can be are cancelled when the caller leaves.

        Raises:
            Abandoned: one of them was cancelled, and nobody waits.
        """
        with self.calling(lambda: [work.cancel() for work in works]):
            for work in works:
                with suppress(CancelledError):
                    work.exception()
        if any(work.cancelled() for work in works):
            self.check()


NEVER = Cancelled()
"""Somebody who waits to the end; it is not to be set."""


def result_of(work: Outcome[T_co], cancelled: Cancelled) -> T_co:
    """Wait for a result; without it the work is cancelled.

    Raises:
        Abandoned: nobody waits for it any more.
        NotReady: somebody else cancelled it: the daemon stops.
    """
    try:
        cancelled.wait([work])
        return work.result()
    except CancelledError:
        raise NotReady("the daemon is stopping") from None
    finally:
        # Its error holds this frame.
        del work
