"""Which hosts have an image: asked of the replica, and remembered for a while. No gRPC here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simd.errors import ReplicaRefused, ReplicaUnavailable
from simd.serving.images.remembered import Remembered
from simd.types import ImageId, Origin

_REMEMBERED = 16384
"""Images, about 4 MiB."""
_KNOWN_S = 60.0
_UNKNOWN_S = 5.0
"""An image that no host has may be published any moment."""


@dataclass(frozen=True, slots=True)
class _Answer:
    hosts: tuple[str, ...]
    until: float


class Hosts:
    """Every method may be called from any thread. A replica that is away is not asked again for some seconds, so that
    callers do not all wait for it.

    Args:
        origins: asks the replica; raises ReplicaUnavailable or ReplicaRefused.
        clock: seconds that only go forward.
    """

    def __init__(
        self, origins: Callable[[ImageId], Sequence[Origin]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._origins = origins
        self._clock = clock
        self._known: Remembered[ImageId, _Answer] = Remembered(_REMEMBERED)
        self._away: tuple[str, float] = ("", 0.0)

    def of(self, image_id: ImageId) -> tuple[str, ...]:
        """Their names, sorted.

        Raises:
            ReplicaUnavailable, ReplicaRefused: that cannot be told.
        """
        now = self._clock()
        known = self._known.get(image_id)
        if known is not None and now < known.until:
            return known.hosts
        why, until = self._away
        if now < until:
            raise ReplicaUnavailable(_untold(image_id, why))
        try:
            hosts = tuple(sorted({origin.host for origin in self._origins(image_id)}))
        except ReplicaUnavailable as error:
            self._away = str(error), self._clock() + _UNKNOWN_S
            raise ReplicaUnavailable(_untold(image_id, str(error))) from None
        except ReplicaRefused as error:
            raise ReplicaRefused(_untold(image_id, str(error))) from None
        self._known.put(image_id, _Answer(hosts, now + (_KNOWN_S if hosts else _UNKNOWN_S)))
        return hosts

    def forget(self, image_id: ImageId) -> None:
        """The hosts that were told of do not have it any more: ask again soon."""
        self._known.put(image_id, _Answer((), self._clock() + _UNKNOWN_S))


def _untold(image_id: ImageId, why: str) -> str:
    return f"no image {image_id.hex()} is indexed here, and whether another host has it cannot be told: {why}"
