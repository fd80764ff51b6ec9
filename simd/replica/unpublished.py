"""Since when something is still to be published."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Unpublished:
    """Every method may be called from any thread.

    Args:
        since: seconds since the epoch, as known from before; None if nothing was unpublished.
        clock: seconds since the epoch.
    """

    def __init__(self, since: float | None = None, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._read: float | None = None
        self._unread = since

    def changed(self) -> None:
        """Something is to be published."""
        with self._lock:
            self._unread = self._clock() if self._unread is None else self._unread

    def reading(self) -> None:
        """All changes so far are about to be read."""
        with self._lock:
            self._read = self._unread if self._read is None else self._read
            self._unread = None

    def published(self) -> None:
        """What was read is published."""
        with self._lock:
            self._read = None

    def kept_waiting(self) -> None:
        """What was read is published but for some of it."""
        with self._lock:
            if self._read is None and self._unread is None:
                self._read = self._clock()

    @property
    def since(self) -> float | None:
        """Seconds since the epoch; None if nothing is unpublished, as far as is known."""
        with self._lock:
            return self._unread if self._read is None else self._read

    @property
    def age_s(self) -> float:
        """For how many seconds something has been unpublished; 0 if nothing is."""
        since = self.since
        return 0.0 if since is None else max(0.0, self._clock() - since)
