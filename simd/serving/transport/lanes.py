"""Calls go in lanes, each with limits of its own: a flood in one leaves the others free.

So `status` and health checks are answered while searches are refused. A call enters its lane once its request is there;
in a lane that is full it is refused at once, with the time after which to try again. No queue grows without end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

from simd.cancelled import Cancelled
from simd.errors import Abandoned, Overloaded
from simd.serving.transport.fairsemaphore import FairSemaphore

_PICTURE_WITHIN_S = 60.0
"""What a slow network takes for the largest request."""


class LaneName(StrEnum):
    """What calls of a lane have in common: SEARCH computes, LOOK answers at once, IMAGE is a thumbnail of
    a page that has many, GROUP may have to compare all files
    first, CHANGE waits for indexing, ORIGINAL is a file, as fast as
    its caller takes it, STREAM stays for long, HEALTH asks whether there is a daemon."""

    SEARCH = "search"
    LOOK = "look"
    IMAGE = "image"
    ORIGINAL = "original"
    GROUP = "group"
    CHANGE = "change"
    STREAM = "stream"
    HEALTH = "health"


class Lane:
    """Room for calls of a kind. Every method may be called from any thread.

    Args:
        name: what they are, for messages.
        max_running: calls that run at once.
        max_calls: calls that it holds, those that wait for their turn included.
        within_s: how long their first request may take to come.
    """

    def __init__(self, name: str, *, max_running: int, max_calls: int, within_s: float = 10.0) -> None:
        self.name = name
        self.max_calls = max_calls
        self.within_s = within_s
        self._calls = FairSemaphore(max_calls)
        self._running = FairSemaphore(min(max_running, max_calls))

    @property
    def full(self) -> bool:
        """Whether another call would be one too many."""
        return self._calls.used >= self.max_calls

    def overloaded(self) -> Overloaded:
        """The error of a call that is one too many."""
        setting = ", or raise its setting max_concurrent_requests" if self.name == LaneName.SEARCH else ""
        return Overloaded(
            f"the daemon already has {self._calls.used} calls of the kind `{self.name}`", remedy=f"try again{setting}"
        )

    @contextmanager
    def turn(self, caller: str, cancelled: Cancelled) -> Iterator[None]:
        """Wait until a call may run; meanwhile it does.

        Raises:
            Overloaded: there is no room for another call of this caller's.
            Abandoned: `cancelled` is set before it is the call's turn.
        """
        if not self._calls.try_acquire(caller):
            raise self.overloaded()
        try:
            if not self._running.acquire(caller, 1, cancelled):
                raise Abandoned("nobody waits for the answer any more")
            try:
                yield
            finally:
                self._running.release(caller)
        finally:
            self._calls.release(caller)


def lanes(*, max_searches: int, max_running_searches: int, cores: int = 1) -> Mapping[LaneName, Lane]:
    """The lanes of a server.

    Args:
        max_searches: searches that are held.
        max_running_searches: those of them that run at once.
        cores: pictures that are decoded at once.
    """
    search = Lane(LaneName.SEARCH, max_running=max_running_searches, max_calls=max_searches, within_s=_PICTURE_WITHIN_S)
    return {
        LaneName.SEARCH: search,
        LaneName.LOOK: Lane(LaneName.LOOK, max_running=4, max_calls=64),
        # Enough to keep all decoders busy. Those that need none come by the hundred, and more of them at once would
        # only keep searches from the interpreter.
        LaneName.IMAGE: Lane(LaneName.IMAGE, max_running=max(8, 2 * cores), max_calls=256),
        LaneName.GROUP: Lane(LaneName.GROUP, max_running=4, max_calls=32),
        LaneName.CHANGE: Lane(LaneName.CHANGE, max_running=8, max_calls=32),
        # A stream that waits for its turn might wait for ever, so none does.
        LaneName.STREAM: Lane(LaneName.STREAM, max_running=32, max_calls=32, within_s=_PICTURE_WITHIN_S),
        LaneName.ORIGINAL: Lane(LaneName.ORIGINAL, max_running=32, max_calls=32),
        LaneName.HEALTH: Lane(LaneName.HEALTH, max_running=2, max_calls=32),
    }
