"""Where searches are put: to this host's own index, or to the replica, which has all hosts' images. No gRPC here.

choose -> the target of a search, when it begins; what it cannot answer is refused here
ask    -> what the target answers; the own index in its place, if it fails and that is set
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from simd.errors import InvalidRequest, ReplicaUnavailable
from simd.index.base import Searcher
from simd.index.replica import Replica
from simd.serving.search.breaker import FAILURES, REST_S, Breaker
from simd.serving.search.served import Served
from simd.types import ImageId, Vector

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """What a search is put to: the replica, or else the index of `served`; `fallback` is why it is that one, where the
    replica was to be asked. Searches with equal targets can share a scan."""

    served: Served
    replica: Replica | None = None
    fallback: str = ""

    @property
    def searcher(self) -> Searcher:
        """What is searched."""
        return self.served.index if self.replica is None else self.replica


class Route:
    """Every method may be called from any thread.

    Args:
        replica_of: the replica for a model, None while there is none for it; None puts all searches to the own index.
        host: the name under which this daemon publishes; "" if it does not.
        falls_back: whether the own index is searched while the replica cannot be.
        rest_s: for so long after a failure the replica is not asked.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        replica_of: Callable[[Served], Replica | None] | None = None,
        *,
        host: str = "",
        falls_back: bool = False,
        rest_s: float = REST_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host = host
        self._replica_of = replica_of
        self._falls_back = falls_back
        self._breaker = Breaker(rest_s, clock)

    def choose(self, served: Served, *, exact: bool) -> Target:
        """The target of a search.

        Args:
            served: the model and the index that it begins with.
            exact: whether it must be proved that nothing nearer was missed.

        Raises:
            InvalidRequest: the target proves nothing.
            ReplicaUnavailable, ReplicaRefused: it cannot be asked now.
        """
        try:
            replica = self._replica(served)
        except FAILURES as error:
            if not self._falls_back:
                raise
            return Target(served, fallback=str(error))
        if replica is not None and exact and not replica.proves:
            raise InvalidRequest(
                "the replica, where searches are put, cannot prove that nothing nearer was missed",
                field="exact",
                remedy='search without `exact`, or have the daemon search its own index (search = "local") or a '
                'collection that was made with replica_index = "flat"',
            )
        return Target(served, replica)

    def ask(self, target: Target, call: Callable[[Target], T]) -> T:
        """What `call` returns for the target that is asked in the end.

        Raises:
            ReplicaUnavailable, ReplicaRefused: the replica cannot be asked, and nothing takes its place.
        """
        if target.replica is None:
            return call(target)
        try:
            return self._breaker.call(lambda: call(target))
        except FAILURES as error:
            if not self._falls_back:
                raise
            fallback = str(error)
        return call(Target(target.served, fallback=fallback))

    def vector(self, served: Served, image_id: ImageId) -> Vector | None:
        """The vector of an image that another host has, float32 `(dimension,)`; None if none has it, or only this
        host's images are searched.

        Raises:
            ReplicaUnavailable, ReplicaRefused: that cannot be said now. Nothing takes its place: an image that cannot
                be looked up is not one that is not there.
        """
        replica = self._replica(served)
        return None if replica is None else self._breaker.call(lambda: replica.vector(image_id))

    def hosts_of(self, served: Served, image_id: ImageId) -> tuple[str, ...]:
        """The hosts that have an image, as far as the replica is searched and knows; raises as `vector`."""
        replica = self._replica(served)
        if replica is None:
            return ()
        return tuple(origin.host for origin in self._breaker.call(lambda: replica.origins(image_id)))

    def _replica(self, served: Served) -> Replica | None:
        """The replica that may be asked now; None if searches are put to the own index."""
        if self._replica_of is None:
            return None
        self._breaker.check()
        replica = self._replica_of(served)
        if replica is None:
            raise ReplicaUnavailable(f"there is no replica of the model {served.model.name}")
        return replica
