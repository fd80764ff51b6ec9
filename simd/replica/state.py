"""How the replica stands to what this host has indexed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """The text is what programs match on."""

    CURRENT = "current"
    BEHIND = "behind"
    DOWN = "down"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """The replica at one moment. Two are equal if nothing but the time has passed between them.

    Attributes:
        address: where it is, without secrets.
        host: the name under which this daemon publishes.
        phase: how it stands.
        detail: why it is not current, for callers; "" if it is.
        outbox: images that are still to be published or taken out.
        outbox_age_s: for how many seconds some have been; 0 if there are none.
        images: entities of this host, as they were counted last.
        images_of_all: of all hosts.
        searched: whether searches are put to it.
    """

    address: str
    host: str
    phase: Phase
    detail: str
    outbox: int
    outbox_age_s: float = field(compare=False)
    images: int
    images_of_all: int
    searched: bool
