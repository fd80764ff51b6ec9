"""How fast files are being decided, over the last seconds."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable


class Rate:
    """A sliding window of counts.

    Args:
        span_s: the length of the window, seconds.
    """

    def __init__(self, span_s: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._span = span_s
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: deque[tuple[float, int]] = deque()

    def count(self, n: int) -> None:
        """Note that `n` files were decided now."""
        with self._lock:
            self._counts.append((self._clock(), n))
            self._trim()

    def per_second(self) -> float:
        """Files a second over the window, or over the time since its first count when that is shorter; 0 when idle."""
        with self._lock:
            self._trim()
            if not self._counts:
                return 0.0
            elapsed = self._clock() - self._counts[0][0]
            total = sum(n for _, n in self._counts)
            return total / elapsed if elapsed >= 1.0 else float(total)

    def _trim(self) -> None:
        while self._counts and self._clock() - self._counts[0][0] > self._span:
            self._counts.popleft()
