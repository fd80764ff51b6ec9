"""Remembers that the replica failed, so that not every search waits for it in turn. No gRPC here.

closed --a call fails--> open for REST_S: calls fail at once --> one call tries --succeeds--> closed
                          ^                                          |
                          '------------------ fails -----------------'
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from simd.errors import ReplicaRefused, ReplicaUnavailable

T = TypeVar("T")

Failure = ReplicaUnavailable | ReplicaRefused
"""Why the replica cannot be asked."""

FAILURES = (ReplicaUnavailable, ReplicaRefused)

REST_S = 3.0
"""Less than callers are told to wait (`ReplicaUnavailable.retry_after_s`), so that those who do find it tried anew."""


class Breaker:
    """Safe to use from any thread.

    Args:
        rest_s: for so long after a failure nobody asks.
        clock: seconds that only go forward.
    """

    def __init__(self, rest_s: float = REST_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest_s = rest_s
        self._clock = clock
        self._lock = Lock()
        self._failure: Failure | None = None
        self._until = 0.0

    def check(self) -> None:
        """Return if it may be tried.

        Raises:
            ReplicaUnavailable, ReplicaRefused: it failed a short while ago.
        """
        with self._lock:
            if self._failure is not None and self._clock() < self._until:
                raise self._failure.again()

    def call(self, ask: Callable[[], T]) -> T:
        """What `ask` returns.

        Raises:
            ReplicaUnavailable, ReplicaRefused: by `ask`, or by one before it a short while ago.
        """
        self._enter()
        try:
            answer = ask()
        except FAILURES as error:
            with self._lock:
                self._failure, self._until = error.again(), self._clock() + self._rest_s
            raise
        with self._lock:
            self._failure = None
        return answer

    def _enter(self) -> None:
        """After a failure one call tries, and meanwhile the others go on as before."""
        with self._lock:
            if self._failure is None:
                return
            if self._clock() < self._until:
                raise self._failure.again()
            self._until = self._clock() + self._rest_s
