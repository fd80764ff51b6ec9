"""Calls that stay after their answer and answer anew after each change. No gRPC here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from simd.cancelled import Cancelled
from simd.errors import Abandoned, NotReady, Overloaded

MAX_WATCHES = 8
"""More are refused: each may have the daemon compute after every change, and stays in the lane of long calls."""
POLL_S = 0.5
"""How often it is looked whether something has changed."""
SETTLE_S = 1.0
"""An import of labels has many parts, and pictures come by the batch: for so long nothing more has to change."""
SETTLE_AT_MOST_S = 10.0
"""Where there is no end of changes, an answer is made all the same."""


class Watches:
    """The calls that watch. Every method may be called from any thread.

    Args:
        max_watches: how many may watch at once.
        poll_s, settle_s, settle_at_most_s: see the constants.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        max_watches: int = MAX_WATCHES,
        *,
        poll_s: float = POLL_S,
        settle_s: float = SETTLE_S,
        settle_at_most_s: float = SETTLE_AT_MOST_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_watches = max_watches
        self._poll_s = poll_s
        self._settle_s = settle_s
        self._settle_at_most_s = settle_at_most_s
        self._clock = clock
        self._lock = threading.Lock()
        self._watching: set[Cancelled] = set()
        self._closed = False

    @contextmanager
    def one(self, cancelled: Cancelled) -> Iterator[None]:
        """Meanwhile a call watches; `cancelled` is set when the daemon stops, too.

        Raises:
            Overloaded: too many watch already.
            NotReady: the daemon stops.
        """
        with self._lock:
            if self._closed:
                raise _stopping()
            if len(self._watching) >= self._max_watches:
                raise Overloaded(
                    f"{self._max_watches} calls watch for suggestions already, and no more can",
                    remedy="ask without `watch` from time to time instead",
                )
            self._watching.add(cancelled)
        try:
            yield
        except Abandoned:
            if self._closed:
                raise _stopping() from None
            raise
        finally:
            with self._lock:
                self._watching.discard(cancelled)

    def until_changed(
        self, read: Callable[[], Hashable], before: Hashable, cancelled: Cancelled, rest_s: float = 0.0
    ) -> None:
        """Return when something is not what it was `before`, and has come to rest.

        Args:
            read: what is watched, now; cheap.
            before: what it was when the last answer was begun.
            cancelled: ends the wait.
            rest_s: wait at least for so long, whatever changes.

        Raises:
            Abandoned: nobody waits any more.
        """
        pause(rest_s, cancelled)
        while (last := read()) == before:
            pause(self._poll_s, cancelled)
        until = self._clock() + self._settle_at_most_s
        while self._clock() < until:
            pause(self._settle_s, cancelled)
            now = read()
            if now == last:
                return
            last = now

    def close(self) -> None:
        """End the calls that are left."""
        with self._lock:
            self._closed = True
            watching = list(self._watching)
        for cancelled in watching:
            cancelled.set()


def pause(seconds: float, cancelled: Cancelled) -> None:
    """Wait for a while.

    Raises:
        Abandoned: nobody waits for what comes after it.
    """
    ended = threading.Event()
    with cancelled.calling(ended.set):
        ended.wait(seconds)
    cancelled.check()


def _stopping() -> NotReady:
    return NotReady("the daemon is stopping")
