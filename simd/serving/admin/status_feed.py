"""Readings of the status, shared by all who watch. No gRPC here.

A reading is taken when a watcher waits for one and the last one is old enough, so watchers cost one reading an interval
together, and nothing when there are none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from simd.serving.admin.overview import DaemonStatus

INTERVAL_S = 0.25
"""The least time between two readings."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One state of the daemon; `number` is another one for every state."""

    number: int
    status: DaemonStatus


class StatusFeed:
    """Readings one after the other. Every method may be called from any thread.

    Args:
        read: the status now.
        interval_s: the least time between two readings.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        read: Callable[[], DaemonStatus],
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._interval_s = interval_s
        self._clock = clock
        self._reading = threading.Lock()
        self._changed = threading.Condition()
        self._last: Reading | None = None
        self._read_at = float("-inf")
        self._closed = False

    def next(self, after: Reading | None, not_before: float, wanted: Callable[[], bool]) -> Reading | None:
        """The first state that is another one than `after`.

        Args:
            after: the last one that the watcher got.
            not_before: in seconds of the clock.
            wanted: whether the watcher still waits; asked again after `wake`.

        Returns:
            None: the watcher has left, or the feed was closed.
        """
        while wanted() and not self._closed:
            early = not_before - self._clock()
            if early <= 0:
                reading = self._refreshed()
                if after is None or reading.number != after.number:
                    return reading
            with self._changed:
                if wanted() and not self._closed:
                    self._changed.wait(early if early > 0 else self._interval_s)
        return None

    def wake(self) -> None:
        """Have every watcher ask whether it is still wanted; waits for no reading, so a polling thread may call it."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """No more readings."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def _refreshed(self) -> Reading:
        """The last reading, taken anew if it is old."""
        with self._reading:
            now = self._clock()
            if self._last is None or now - self._read_at >= self._interval_s:
                status = self._read()
                if self._last is None or status != self._last.status:
                    self._last = Reading(self._last.number + 1 if self._last else 0, status)
                self._read_at = now
            return self._last
