"""What fails is tried again, ever more seldom: the waits between two attempts, and threads that go on after an error.

A daemon's long-lived thread must not end by an error that nobody thought of: what it did is then left undone without a
word. `Threads` runs them all: an error is logged, counted, and the thread begins again after a wait.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

_SOUND_S = 60.0
"""A thread that went on for so long before an error has its first one."""


class Backoff:
    """The waits between attempts: `first_s`, then twice as long after each failure in a row, up to `longest_s`.

    Not thread-safe.

    Args:
        first_s: seconds after the first failure.
        longest_s: seconds at most.
        clock: seconds that only go forward.
    """

    def __init__(
        self, first_s: float = 1.0, longest_s: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    def failed(self) -> float:
        """An attempt failed. Returns the seconds until the next one."""
        # Beyond 64 doublings every wait is the longest.
        wait_s = min(self._first_s * 2.0 ** min(self._failures, 64), self._longest_s)
        self._failures += 1
        self._until = self._clock() + wait_s
        return wait_s

    def succeeded(self) -> None:
        """An attempt succeeded: the next failure is a first one."""
        self._failures, self._until = 0, 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the next attempt; 0 if it may be made now."""
        return max(0.0, self._until - self._clock()) if self._failures else 0.0

    @property
    def failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._failures > 0


class Threads:
    """The long-lived threads of a daemon. Every method may be called from any thread.

    Args:
        make_backoff: the waits of a thread whose work fails.
    """

    def __init__(self, make_backoff: Callable[[], Backoff] = Backoff) -> None:
        self._make_backoff = make_backoff
        self._lock = threading.Lock()
        self._failures: Counter[str] = Counter()

    @property
    def failures(self) -> Mapping[str, int]:
        """How often each thread failed and went on, by its name; those that never did are left out."""
        with self._lock:
            return dict(self._failures)

    def start(self, name: str, work: Callable[[], None], stopping: threading.Event) -> threading.Thread:
        """Run `work` in a thread of its own until it returns, again after each error.

        Args:
            name: of the thread.
            work: what it does; it returns soon once `stopping` is set.
            stopping: ends the wait after an error, and the thread with it.
        """
        thread = threading.Thread(target=self._run, args=(name, work, stopping), name=name, daemon=True)
        thread.start()
        return thread

    def failed(self, name: str, error: BaseException) -> None:
        """Log and count an error in a thread that goes on."""
        with self._lock:
            self._failures[name] += 1
        log.error("the thread %s failed and goes on", name, exc_info=error)

    def _run(self, name: str, work: Callable[[], None], stopping: threading.Event) -> None:
        backoff = self._make_backoff()
        while not stopping.is_set():
            began = time.monotonic()
            try:
                work()
                return
            except Exception as error:  # noqa: BLE001 - it is logged and counted
                self.failed(name, error)
            if time.monotonic() - began >= _SOUND_S:
                backoff.succeeded()
            stopping.wait(backoff.failed())
