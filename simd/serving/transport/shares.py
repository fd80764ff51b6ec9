"""What callers share: places, turns, bytes. Nobody gets all of it, so there is some left for whoever comes next."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field

from simd.cancelled import Cancelled

_LEFT = 8
"""An eighth is left to others, where that is a whole one."""


@dataclass(eq=False, slots=True)
class _Waiting:
    who: str
    amount: int
    granted: bool = False
    woken: threading.Event = field(default_factory=threading.Event)


class Shares:
    """So much of something. Every method may be called from any thread.

    Who waits gets it in the order of coming; whoever has a full share lets the others go first.

    Args:
        limit: so much there is. A single greater amount is given when nothing else is.
        share: so much of it one may have; seven eighths if None.
    """

    def __init__(self, limit: int, share: int | None = None) -> None:
        self.limit = limit
        self.share = limit - limit // _LEFT if share is None else share
        self._lock = threading.Lock()
        self._used = 0
        self._of: Counter[str] = Counter()
        self._line: deque[_Waiting] = deque()

    @property
    def used(self) -> int:
        """So much is given."""
        return self._used

    def try_take(self, who: str, amount: int = 1) -> bool:
        """Take it if it is there now."""
        with self._lock:
            fits = self._fits(who, amount)
            if fits:
                self._give(who, amount)
            return fits

    def take(self, who: str, amount: int, cancelled: Cancelled) -> bool:
        """Wait until it is there; false if nobody waits any more before."""
        waiting = _Waiting(who, amount)
        with self._lock:
            self._line.append(waiting)
            self._grant()
        with cancelled.calling(waiting.woken.set):
            waiting.woken.wait()
        with self._lock:
            if not waiting.granted:
                self._line.remove(waiting)
                self._grant()
        return waiting.granted

    def give_back(self, who: str, amount: int = 1) -> None:
        """Return what was taken."""
        with self._lock:
            self._return(who, amount)
            self._grant()

    def _fits(self, who: str, amount: int) -> bool:
        fits = not self._used or self._used + amount <= self.limit
        return fits and (not self._of[who] or self._of[who] + amount <= self.share)

    def _give(self, who: str, amount: int) -> None:
        self._used += amount
        self._of[who] += amount

    def _return(self, who: str, amount: int) -> None:
        self._used -= amount
        self._of[who] -= amount
        if not self._of[who]:
            del self._of[who]

    def _grant(self) -> None:
        """Give to those in line what fits; nobody passes one of their own."""
        passed: set[str] = set()
        for waiting in list(self._line):
            if waiting.who not in passed and self._fits(waiting.who, waiting.amount):
                self._give(waiting.who, waiting.amount)
                self._line.remove(waiting)
                waiting.granted = True
                waiting.woken.set()
            else:
                passed.add(waiting.who)
