"""Retries, while a daemon is not there, not ready or too busy.

A call that only reads is made again whatever became of it. One that changes something is made again only when the
daemon said itself that it did not begin with it. The pauses grow exponentially, with jitter, and are no shorter
than the daemon asks for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from simctl.errors import SimctlError

T = TypeVar("T")

_FIRST_S = 0.1
_LONGEST_S = 2.0

_NOT_STARTED = ("NOT_READY", "OVERLOADED")
"""Reasons of a daemon that has not begun with a call."""


class Retrier:
    """Makes calls until they succeed or the time is over.

    Args:
        seconds: how long after its beginning a call may be made again; 0 is never.
        clock: seconds.
        sleep: waits.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep

    def call(self, attempt: Callable[[float | None], T], limit: float | None, *, reads: bool) -> T:
        """What a call returns in the end.

        Args:
            attempt: makes the call, within the seconds it is given.
            limit: seconds that all attempts may take together.
            reads: whether it changes nothing.

        Raises:
            SimctlError: the last attempt's error.
        """
        began, pause_s = self._clock(), _FIRST_S
        left = limit
        while True:
            try:
                return attempt(left)
            except SimctlError as error:
                pause = max(error.retry_after_s or 0.0, pause_s) * _between(1.0, 1.5)
                spent = self._clock() - began + pause
                if not _is_retryable(error, reads) or spent > min(self._seconds, limit or self._seconds):
                    raise
            self._sleep(pause)
            left = None if limit is None else limit - spent
            pause_s = min(2 * pause_s, _LONGEST_S)


def _is_retryable(error: SimctlError, reads: bool) -> bool:
    return error.reason in _NOT_STARTED or (reads and error.code == "UNAVAILABLE")


def _between(low: float, high: float) -> float:
    # Imported here: most calls succeed at once, and this takes as long as some of them.
    import random

    return random.uniform(low, high)
