"""What callers share: places, turns, bytes. Nobody gets all of it, so there is some left for whoever comes next."""

from __future__ import annotations

import ipaddress
import threading
import urllib.parse
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

_POLL_S = 0.2
_LEFT = 8
"""An eighth is left to others, where that is a whole one."""
_NETWORK_BITS = 64
"""Of an IPv6 address: whoever has one has all that begin like it."""

Alive = Callable[[], bool]
"""Whether somebody still waits for the answer."""


@dataclass(eq=False, slots=True)
class _Waiting:
    who: str
    amount: int
    granted: threading.Event = field(default_factory=threading.Event)


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

    def take(self, who: str, amount: int, alive: Alive) -> bool:
        """Wait until it is there; false once `alive` says that nobody waits any more."""
        waiting = _Waiting(who, amount)
        with self._lock:
            self._line.append(waiting)
            self._grant()
        while not waiting.granted.wait(_POLL_S):
            if not alive():
                break
        else:
            return True
        with self._lock:
            if waiting.granted.is_set():
                self._return(who, amount)
            else:
                self._line.remove(waiting)
            self._grant()
        return False

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
                waiting.granted.set()
            else:
                passed.add(waiting.who)


def caller_of(peer: str) -> str:
    """Where a call comes from: one name for a host, whatever the port, and one for whoever may use the unix socket.

    Args:
        peer: as gRPC tells it: `ipv4:HOST:PORT`, `ipv6:[HOST]:PORT`, `unix:`.
    """
    kind, _, rest = urllib.parse.unquote(peer).partition(":")
    host = rest.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return kind
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))
