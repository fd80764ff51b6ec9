"""How fast files are being decided, over the last seconds of work: idle time counts for nothing."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable


class Rate:
    """A sliding window of counts, from `begin` to `end` of the work.

    Args:
        span_s: the length of the window, seconds.
        least_s: how long the work must last before there is a rate.
    """

    def __init__(
        self, span_s: float = 30.0, clock: Callable[[], float] = time.monotonic, *, least_s: float = 1.0
    ) -> None:
        self._span = span_s
        self._clock = clock
        self._least = least_s
        self._lock = threading.Lock()
        self._began: float | None = None
        self._counts: deque[tuple[float, int]] = deque()

    def begin(self) -> None:
        """There is work from now on, unless there was already."""
        with self._lock:
            if self._began is None:
                self._began = self._clock()

    def end(self) -> None:
        """There is no work any more."""
        with self._lock:
            self._began = None
            self._counts.clear()

    def count(self, n: int) -> None:
        """Note that `n` files were decided now."""
        with self._lock:
            self._counts.append((self._clock(), n))
            self._trim()

    def per_second(self) -> float:
        """Files a second over the window, or since the work began when that is shorter; 0 when idle or just begun."""
        with self._lock:
            if self._began is None:
                return 0.0
            self._trim()
            elapsed = min(self._span, self._clock() - self._began)
            return sum(n for _, n in self._counts) / elapsed if elapsed >= self._least else 0.0

    def _trim(self) -> None:
        while self._counts and self._clock() - self._counts[0][0] > self._span:
            self._counts.popleft()
