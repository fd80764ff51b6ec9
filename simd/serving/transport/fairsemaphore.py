"""A semaphore that is shared fairly: no owner gets all of it, so there is some left for the next one."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field

from simd.cancelled import Cancelled

_RESERVED = 8
"""The eighth part is left to others, where that is a whole one."""


@dataclass(eq=False, slots=True)
class _Waiter:
    owner: str
    amount: int
    granted: bool = False
    woken: threading.Event = field(default_factory=threading.Event)


class FairSemaphore:
    """Counts what is in use of something limited: slots or bytes. Every method may be called from any thread.

    Waiters are served in the order of coming; an owner that has a full share lets the others go first.

    Args:
        limit: how much there is. A single greater amount is granted when nothing else is in use.
        share: how much of it one owner may have; seven eighths if None.
    """

    def __init__(self, limit: int, share: int | None = None) -> None:
        self.limit = limit
        self.share = limit - limit // _RESERVED if share is None else share
        self._lock = threading.Lock()
        self._used = 0
        self._used_by: Counter[str] = Counter()
        self._waiters: deque[_Waiter] = deque()

    @property
    def used(self) -> int:
        """How much is in use."""
        return self._used

    def try_acquire(self, owner: str, amount: int = 1) -> bool:
        """Take it if it is free now."""
        with self._lock:
            fits = self._fits(owner, amount)
            if fits:
                self._take(owner, amount)
            return fits

    def acquire(self, owner: str, amount: int, cancelled: Cancelled) -> bool:
        """Wait until it is free, and take it; false if `cancelled` is set before."""
        waiter = _Waiter(owner, amount)
        with self._lock:
            self._waiters.append(waiter)
            self._grant()
        with cancelled.calling(waiter.woken.set):
            waiter.woken.wait()
        with self._lock:
            if not waiter.granted:
                self._waiters.remove(waiter)
                self._grant()
        return waiter.granted

    def release(self, owner: str, amount: int = 1) -> None:
        """Give back what was taken."""
        with self._lock:
            self._used -= amount
            self._used_by[owner] -= amount
            if not self._used_by[owner]:
                del self._used_by[owner]
            self._grant()

    def _fits(self, owner: str, amount: int) -> bool:
        fits = not self._used or self._used + amount <= self.limit
        return fits and (not self._used_by[owner] or self._used_by[owner] + amount <= self.share)

    def _take(self, owner: str, amount: int) -> None:
        self._used += amount
        self._used_by[owner] += amount

    def _grant(self) -> None:
        """Grant what fits, in order; no waiter overtakes another one of the same owner."""
        blocked: set[str] = set()
        for waiter in list(self._waiters):
            if waiter.owner not in blocked and self._fits(waiter.owner, waiter.amount):
                self._take(waiter.owner, waiter.amount)
                self._waiters.remove(waiter)
                waiter.granted = True
                waiter.woken.set()
            else:
                blocked.add(waiter.owner)
