"""How often somebody may guess: failures are counted a minute long, of each client and of all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_PERIOD_S = 60.0
_OF_ONE = 5
_OF_ALL = 60
_CLIENTS = 1024
"""Clients that are told apart; those whose failures are the oldest are forgotten first, and count among all."""


class Throttle:
    """Args:
    clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._all: deque[float] = deque(maxlen=_OF_ALL)
        self._clients: dict[str, deque[float]] = {}

    def wait_s(self, client: str) -> float:
        """Seconds until a client may try; 0 if it may now."""
        now = self._clock()
        one = self._clients.get(client)
        return max(_left(now, one) if one else 0.0, _left(now, self._all))

    def failed(self, client: str) -> None:
        """A client's attempt failed."""
        now = self._clock()
        failures = self._clients.pop(client, None) or deque(maxlen=_OF_ONE)
        failures.append(now)
        # At the end: what is first has not failed for longest.
        self._clients[client] = failures
        while len(self._clients) > _CLIENTS:
            del self._clients[next(iter(self._clients))]
        self._all.append(now)


def _left(now: float, failures: deque[float]) -> float:
    """Seconds until the first of as many failures as may be is a period old."""
    return max(0.0, failures[0] + _PERIOD_S - now) if len(failures) == failures.maxlen else 0.0
