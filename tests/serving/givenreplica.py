"""A replica whose state a test gives, in place of one that is published in."""

from __future__ import annotations

from dataclasses import replace

from simd.errors import SimdError
from simd.replica.state import Phase, ReplicaState

CURRENT = ReplicaState(
    address="memory:19530/photos",
    host="here",
    phase=Phase.CURRENT,
    detail="",
    outbox=0,
    outbox_age_s=0.0,
    images=2,
    images_of_all=5,
    searched=True,
)
BEHIND = replace(CURRENT, phase=Phase.BEHIND, detail="it is being brought up to date", outbox=3, outbox_age_s=90.0)
DOWN = replace(BEHIND, phase=Phase.DOWN, detail="memory:19530 does not answer")


class GivenReplica:
    """Is published in by nobody.

    Attributes:
        states: what is told in turn; the last one stays.
        rebuilt: how often it was asked for.
        dropped: the same.
        refusals: raised in turn, in place of doing what is asked.
    """

    def __init__(self, *states: ReplicaState) -> None:
        self.states = list(states or (CURRENT,))
        self.rebuilt = self.dropped = 0
        self.refusals: list[SimdError] = []

    def state(self) -> ReplicaState:
        """The next one."""
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def rebuild(self) -> None:
        """Count it."""
        self._refuse()
        self.rebuilt += 1

    def drop(self) -> int:
        """Count it; as many are taken out as there are of this host."""
        self._refuse()
        self.dropped += 1
        return self.states[0].images

    def _refuse(self) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
