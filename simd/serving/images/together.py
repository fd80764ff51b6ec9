"""Work that several callers want at the same time is done once: by the first of them, for all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial
from typing import Generic, TypeVar

from simd.cancelled import Cancelled

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _Shared(Generic[T]):
    """Work under way, and how many wait for it."""

    def __init__(self) -> None:
        self.outcome: Future[T] = Future()
        self.cancelled = Cancelled()
        self.waiting = 0


class Together(Generic[K, T]):
    """Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[K, _Shared[T]] = {}

    def result(self, key: K, make: Callable[[Cancelled], T], cancelled: Cancelled) -> T:
        """What `make` returns or raises, or what it does for somebody who asked for the same a little earlier.

        Args:
            key: what tells one work from another.
            make: does it in this thread. It is given what is set once nobody waits for it any more, which may be later
                than its own caller leaves.
            cancelled: whether this caller has left.

        Raises:
            Abandoned: this caller has left.
        """
        with self._lock:
            shared = self._under_way.get(key)
            is_first = shared is None
            if shared is None:
                shared = self._under_way[key] = _Shared()
            shared.waiting += 1
        try:
            with cancelled.calling(partial(self._leave, key, shared)):
                if is_first:
                    self._do(key, shared, make)
                else:
                    _wait(shared.outcome, cancelled)
            return shared.outcome.result()
        finally:
            # Its error holds this frame.
            del shared

    def _do(self, key: K, shared: _Shared[T], make: Callable[[Cancelled], T]) -> None:
        try:
            shared.outcome.set_result(make(shared.cancelled))
        except BaseException as error:  # noqa: BLE001 - all who wait get it
            shared.outcome.set_exception(error)
        finally:
            self._end(key, shared)
            # As above.
            del shared

    def _leave(self, key: K, shared: _Shared[T]) -> None:
        with self._lock:
            shared.waiting -= 1
            is_last = shared.waiting == 0
        if is_last:
            # Whoever comes now begins anew.
            self._end(key, shared)
            shared.cancelled.set()

    def _end(self, key: K, shared: _Shared[T]) -> None:
        with self._lock:
            if self._under_way.get(key) is shared:
                del self._under_way[key]


def _wait(outcome: Future[T], cancelled: Cancelled) -> None:
    """Return when it is there.

    Raises:
        Abandoned: the caller left before.
    """
    woken = threading.Event()
    outcome.add_done_callback(lambda _: woken.set())
    with cancelled.calling(woken.set):
        woken.wait()
    if not outcome.done():
        cancelled.check()
