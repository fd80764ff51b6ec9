"""Calls go in lanes, each with a limit of its own: a flood in one leaves the others free.

So `status` and health checks are answered while searches are refused. A call has its place once its request is there,
and whoever comes to a lane that is full is told so at once, and when to try again; no queue grows without end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

from simd.cancelled import Cancelled
from simd.errors import Abandoned, Overloaded
from simd.serving.transport.shares import Shares

_PICTURE_WITHIN_S = 60.0
"""What a slow network takes for the largest request."""


class LaneName(StrEnum):
    """What calls of a lane have in common: SEARCH computes, LOOK answers at once, CHANGE waits for indexing, STREAM
    stays for long, HEALTH asks whether there is a daemon."""

    SEARCH = "search"
    LOOK = "look"
    CHANGE = "change"
    STREAM = "stream"
    HEALTH = "health"


class Lane:
    """Room for calls of a kind.

    Args:
        name: what they are, for messages.
        turns: so many are worked on at once.
        limit: so many it holds, those that wait for their turn included.
        within_s: how long their first request may take to come.
    """

    def __init__(self, name: str, *, turns: int, limit: int, within_s: float = 10.0) -> None:
        self.name = name
        self.limit = limit
        self.within_s = within_s
        self._places = Shares(limit)
        self._turns = Shares(min(turns, limit))

    @property
    def full(self) -> bool:
        """Whether another call would be one too many."""
        return self._places.used >= self.limit

    def refusal(self) -> Overloaded:
        """What a call is told that is one too many."""
        setting = ", or raise its setting max_concurrent_requests" if self.name == LaneName.SEARCH else ""
        return Overloaded(
            f"the daemon already has {self._places.used} calls of the kind `{self.name}`", remedy=f"try again{setting}"
        )

    @contextmanager
    def place(self, who: str, cancelled: Cancelled) -> Iterator[None]:
        """Meanwhile a call has a place, and it is its turn.

        Raises:
            Overloaded: there is no place for another call of this caller's.
            Abandoned: nobody waits any more before it is its turn.
        """
        if not self._places.try_take(who):
            raise self.refusal()
        try:
            if not self._turns.take(who, 1, cancelled):
                raise Abandoned("nobody waits for the answer any more")
            try:
                yield
            finally:
                self._turns.give_back(who)
        finally:
            self._places.give_back(who)


def lanes(*, searches: int, search_turns: int) -> Mapping[LaneName, Lane]:
    """The lanes of a server.

    Args:
        searches: how many searches may be held.
        search_turns: how many of them are worked on at once.
    """
    return {
        LaneName.SEARCH: Lane(LaneName.SEARCH, turns=search_turns, limit=searches, within_s=_PICTURE_WITHIN_S),
        LaneName.LOOK: Lane(LaneName.LOOK, turns=4, limit=64),
        LaneName.CHANGE: Lane(LaneName.CHANGE, turns=8, limit=32),
        # A stream that waits for its turn might wait for ever, so none does.
        LaneName.STREAM: Lane(LaneName.STREAM, turns=32, limit=32, within_s=_PICTURE_WITHIN_S),
        LaneName.HEALTH: Lane(LaneName.HEALTH, turns=2, limit=32),
    }
