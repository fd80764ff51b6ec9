"""Several hosts in one collection, as one of them searches it."""

from __future__ import annotations

import os

from simd.index.replica import Entity
from simd.replica.state import Phase, ReplicaState
from simd.serving.search.matcher import SearchResult
from simd.serving.search.queries import Query
from simd.serving.search.route import Route
from simd.serving.search.subjects import ImageBytes, StoredImage
from simd.types import ImageFacts, ImageId, image_id_of
from tests.replicas import Collection, MemoryReplica
from tests.serving.doubles import DIMENSION, Bench, vector_of

FACTS = ImageFacts(1600, 1200, "PNG")
"""Of every image that is published."""


class Published:
    """The door to publishing, of which only the state is asked."""

    def state(self) -> ReplicaState:
        return ReplicaState("memory:19530/photos", "own", Phase.CURRENT, "", 0, 0.0, 1, 1, True)

    def rebuild(self) -> None:
        raise AssertionError("nobody asks for it")

    def drop(self) -> int:
        raise AssertionError("nobody asks for it")


class Shared:
    """A bench whose searches are put to a collection, in which it is the host `own`.

    Args:
        bench: it; its services are made afterwards.
        proves: whether answers of the replica can be exact.
        falls_back: whether the bench's own index is searched while the replica is down.
    """

    def __init__(self, bench: Bench, *, proves: bool = True, falls_back: bool = False) -> None:
        self.bench = bench
        self.collection = Collection(DIMENSION)
        self.replica = MemoryReplica(self.collection, proves=proves)
        bench.replica = Published()
        bench.route = Route(lambda _: self.replica, host="own", falls_back=falls_back)

    def put(self, name: str, data: bytes) -> ImageId:
        """A file of this host, indexed and published."""
        image_id = self.bench.put(name, data)
        self.publish("own", data, os.fsencode(self.bench.root / name))
        return image_id

    def publish(self, host: str, data: bytes, *paths: bytes) -> ImageId:
        """An image of a host, as its daemon publishes it."""
        image_id = image_id_of(data)
        vector = vector_of(*map(int, data.removeprefix(b"picture ").split()[:3]))
        self.replica.put([Entity(host, image_id, vector, b"/", paths or (b"/photos/" + host.encode(),), FACTS)])
        return image_id

    def search(self, query: bytes | ImageId, **options: object) -> SearchResult:
        """The answer to a picture, or to an image by its id; options as of `Query`."""
        subject = ImageBytes(query) if query.startswith(b"picture") else StoredImage(ImageId(query))
        return self.bench.queries().search(Query(subject, **options))  # type: ignore[arg-type]
