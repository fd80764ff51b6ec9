"""How the replica stands to what the daemon has indexed, as a plain Python value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simd.v1 import index_service_pb2


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """The replica that the daemon publishes in.

    Attributes:
        address: where it is: HOST:PORT/COLLECTION.
        host: the name under which this daemon publishes.
        state: "current", "behind" (it is being brought up to date), "down" (it cannot be reached), "refused" (it is of
            another model or version, or the host's name is taken) or "dropped" (nothing is published).
        detail: why it is not current, for a person; "" if it is.
        outbox: images that are still to be published or taken out.
        outbox_age_s: for how many seconds some have been; None if there are none.
        images: images of this host in it, as they were counted last.
        images_of_all: of all hosts.
        searched: whether searches are put to it.
    """

    address: str
    host: str
    state: str
    detail: str
    outbox: int
    outbox_age_s: float | None
    images: int
    images_of_all: int
    searched: bool

    @property
    def works(self) -> bool:
        """Whether all is in it, or about to be."""
        return self.state in ("current", "behind")

    def document(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "address": self.address,
            "host": self.host,
            "state": self.state,
            "detail": self.detail,
            "outbox": self.outbox,
            "outbox_age_s": None if self.outbox_age_s is None else round(self.outbox_age_s, 1),
            "images": self.images,
            "images_of_all": self.images_of_all,
            "searched": self.searched,
        }


def replica_status(response: index_service_pb2.StatusResponse) -> ReplicaStatus | None:
    """From the wire; None where no replica is told of."""
    if not response.HasField("replica"):
        return None
    told = response.replica
    return ReplicaStatus(
        address=told.address,
        host=told.host,
        state=told.state,
        detail=told.detail,
        outbox=told.outbox,
        outbox_age_s=told.outbox_age.ToMicroseconds() / 1e6 if told.HasField("outbox_age") else None,
        images=told.images,
        images_of_all=told.images_of_all,
        searched=told.searched,
    )
