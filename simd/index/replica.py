"""A copy of the indexes of several hosts on another engine: what whoever publishes and whoever searches it relies on.

Each host's log, segments and catalogue stay its truth. What it publishes are entities, one for each of its images that
has a file; nobody changes the entities of another host. The contract every implementation is tested against
(`tests/contract`), besides that of `Searcher`:

* `put` and `delete` return once the engine has acknowledged them; doing either twice is doing it once. A call
  that failed may still come to pass later.
* A question may miss what was acknowledged in the last seconds, unless it is `exact`, or documented to count all.
* Every method may be called from any thread, fails within its time limit, and connects by itself: a replica can be made
  while its engine is away, and works again once that is back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simd.index.base import Searcher
from simd.types import ImageFacts, ImageId, Origin, Vector

SCHEMA_VERSION = 1
"""Of what is kept of an image; another one is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """What is published of an image: the host that has it, its vector, the root of its first file, its files' absolute
    paths, sorted and one at least, and its facts."""

    host: str
    image_id: ImageId
    vector: Vector
    root: bytes
    paths: tuple[bytes, ...]
    facts: ImageFacts | None


def version_of(entity: Entity) -> bytes:
    """16 bytes that tell entities apart: two that have the same are the same."""
    facts = entity.facts
    told = [
        SCHEMA_VERSION,
        entity.host,
        entity.root.hex(),
        [path.hex() for path in entity.paths],
        None if facts is None else [facts.width, facts.height, facts.format, facts.animated],
    ]
    digest = hashlib.blake2b(json.dumps(told).encode(), digest_size=16)
    digest.update(entity.image_id)
    digest.update(entity.vector.astype(np.float16).tobytes())
    return digest.digest()


class Replica(Searcher, Protocol):
    """One collection. All but the properties may raise:

    ReplicaUnavailable: the engine cannot be reached, or does not answer in time.
    ReplicaRefused: the collection is of another model, dimension or version.
    """

    @property
    def address(self) -> str:
        """Where it is, for people and without secrets: HOST:PORT/COLLECTION."""
        ...

    def open(self) -> str:
        """Make the collection if it is not there, and have it answer. Returns what names this life of it: a collection
        that was dropped and made anew has another one."""
        ...

    def claim(self, host: str, owner: str, *, take_over: bool = False) -> None:
        """Take a host's name for one state directory, `owner`, from now on.

        Raises:
            ReplicaRefused: another one has it, and it is not to be taken over.
        """
        ...

    def put(self, entities: Sequence[Entity]) -> None:
        """Add or replace."""
        ...

    def delete(self, host: str, image_ids: Sequence[ImageId]) -> None:
        """Take images of a host out; those that are not there are passed over."""
        ...

    def clear(self, host: str) -> None:
        """Take all images of a host out, and give its name up."""
        ...

    def versions(self, host: str) -> Iterator[tuple[ImageId, bytes]]:
        """Every image of a host with the `version_of` its entity, in no particular order; nothing acknowledged is
        missed."""
        ...

    def count(self, host: str = "") -> int:
        """How many entities there are, of one host or of all; nothing acknowledged is missed."""
        ...

    def vector(self, image_id: ImageId) -> Vector | None:
        """The vector of an image that any host has, float32 `(dimension,)`, or None."""
        ...

    def origins(self, image_id: ImageId) -> list[Origin]:
        """Where an image is, by host."""
        ...

    def settle(self) -> None:
        """Have the engine put what came lately into the shape that it searches best, in its own time."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
