"""A replica in memory, with switches for everything that may go wrong with an engine."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from threading import RLock

import numpy as np

from simd.errors import InvalidRequest, ReplicaRefused, ReplicaUnavailable
from simd.index.filter import EVERYTHING, Filter
from simd.index.replica import Entity, version_of
from simd.types import Answer, Hit, ImageId, Origin, Vector
from simd.vectors.ids import unpack_ids
from simd.vectors.metric import check_radius, check_vectors, distances, half


class Collection:
    """What several `MemoryReplica` share, as hosts do a collection of an engine.

    Attributes:
        entities: by host and image.
        owners: by host.
        down: why the engine does not answer; "" while it does.
        refused: why the collection is of no use; "" while it is.
        before: called before each change with its name, such as "put"; may raise.
        after: the same, once it came to pass.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.lock = RLock()
        self.life = uuid.uuid4().hex
        self.entities: dict[tuple[str, ImageId], Entity] = {}
        self.owners: dict[str, str] = {}
        self.down = self.refused = ""
        self.before: Callable[[str], None] = lambda what: None
        self.after: Callable[[str], None] = lambda what: None

    def drop(self) -> None:
        """As somebody would by hand; it is made anew when it is next opened."""
        with self.lock:
            self.entities, self.owners, self.life = {}, {}, uuid.uuid4().hex


class MemoryReplica:
    """The contract of `simd.index.replica`, done in the most obvious way."""

    knows_paths = True
    address = "memory:19530/photos"

    def __init__(self, collection: Collection, *, proves: bool = True) -> None:
        self.collection = collection
        self.proves = proves
        self.dimension = collection.dimension

    def open(self) -> str:
        """Returns what names this life of the collection."""
        self._check()
        return self.collection.life

    def claim(self, host: str, owner: str, *, take_over: bool = False) -> None:
        """Take a host's name for one state directory."""
        self._change("claim")
        with self.collection.lock:
            if self.collection.owners.setdefault(host, owner) != owner and not take_over:
                raise ReplicaRefused(f"another state directory publishes as {host}")
            self.collection.owners[host] = owner

    def put(self, entities: Sequence[Entity]) -> None:
        """Add or replace."""
        self._change("put")
        for entity in entities:
            check_vectors(entity.vector[None], self.dimension)
        with self.collection.lock:
            self.collection.entities |= {(entity.host, entity.image_id): entity for entity in entities}
        self.collection.after("put")

    def delete(self, host: str, image_ids: Sequence[ImageId]) -> None:
        """Take images of a host out."""
        self._change("delete")
        with self.collection.lock:
            for image_id in image_ids:
                self.collection.entities.pop((host, image_id), None)
        self.collection.after("delete")

    def clear(self, host: str) -> None:
        """Take all images of a host out, and give its name up."""
        self._change("clear")
        with self.collection.lock:
            self.delete(host, [image_id for of, image_id in self.collection.entities if of == host])
            self.collection.owners.pop(host, None)

    def versions(self, host: str) -> Iterator[tuple[ImageId, bytes]]:
        """Every image of a host with the version of its entity."""
        return iter([(e.image_id, version_of(e)) for e in self._all() if e.host == host])

    def count(self, host: str = "") -> int:
        """How many entities there are, of one host or of all."""
        return sum(not host or entity.host == host for entity in self._all())

    def vector(self, image_id: ImageId) -> Vector | None:
        """The vector of an image that any host has, or None."""
        return next((half(entity.vector) for entity in self._all() if entity.image_id == image_id), None)

    def origins(self, image_id: ImageId) -> list[Origin]:
        """Where an image is, by host."""
        found = [origin_of(entity) for entity in self._all() if entity.image_id == image_id]
        return sorted(found, key=lambda origin: origin.host)

    def settle(self) -> None:
        """Nothing to do."""
        self._check()

    def close(self) -> None:
        """Nothing to let go of."""

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        """The `k` nearest of each query."""
        if k < 0:
            raise InvalidRequest(f"k is {k}; it must not be negative", field="limit")
        check_vectors(queries, self.dimension)
        self._require_proof(exact)
        return [Answer(hits[:k], len(hits), self.proves) for hits in self._compared(queries, among)]

    def within(self, queries: Vector, radius: float, *, limit: int, among: Filter = EVERYTHING) -> list[Answer]:
        """Every image at most `radius` from each query, nearest first."""
        check_radius(radius, limit)
        check_vectors(queries, self.dimension)
        self._require_proof(True)
        answers = []
        for hits in self._compared(queries, among):
            near = [hit for hit in hits if hit.distance <= radius]
            answers.append(Answer(near[:limit], len(hits), len(near) <= limit))
        return answers

    def _require_proof(self, exact: bool) -> None:
        if exact and not self.proves:
            raise InvalidRequest("the replica cannot prove that nothing was missed", field="exact")

    def _change(self, what: str) -> None:
        self._check()
        self.collection.before(what)

    def _check(self) -> None:
        if self.collection.down:
            raise ReplicaUnavailable(self.collection.down)
        if self.collection.refused:
            raise ReplicaRefused(self.collection.refused)

    def _all(self) -> list[Entity]:
        self._check()
        with self.collection.lock:
            return list(self.collection.entities.values())

    def _compared(self, queries: Vector, among: Filter) -> list[list[Hit]]:
        """For each query every image that counts, nearest first."""
        any_of = None if among.any_of is None else set(unpack_ids(among.any_of))
        not_in = set() if among.not_in is None else set(unpack_ids(among.not_in))
        entities = [
            entity
            for entity in self._all()
            if (any_of is None or entity.image_id in any_of)
            and entity.image_id not in not_in
            and (not among.prefix or any(_is_under(path, among.prefix) for path in entity.paths))
        ]
        if not entities:
            return [[] for _ in queries]
        rows = np.stack([half(entity.vector) for entity in entities])
        compared = []
        for query in half(queries):
            hits = [
                Hit(entity.image_id, float(apart), origin_of(entity))
                for entity, apart in zip(entities, distances(query, rows), strict=True)
            ]
            compared.append(sorted(hits, key=lambda hit: (hit.distance, hit.image_id, hit.origin and hit.origin.host)))
        return compared


def origin_of(entity: Entity) -> Origin:
    """Where an entity's image is."""
    return Origin(entity.host, entity.paths, len(entity.paths), entity.facts)


def _is_under(path: bytes, prefix: bytes) -> bool:
    return path == prefix or path.startswith(prefix.rstrip(b"/") + b"/")
