"""What the contracts are tested with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from simd.index.base import Index, Searcher
from simd.index.replica import Entity, Replica
from simd.types import Embedding, ImageFacts, ImageId
from tests.stores import embedding, embeddings, image_id

HOST = "attic"


class Searchable(Protocol):
    """A searcher, and what fills it."""

    @property
    def searcher(self) -> Searcher:
        """What is asked."""
        ...

    def put(self, *numbers: int, version: int = 0) -> None:
        """Images by number."""
        ...

    def put_these(self, images: Iterable[Embedding]) -> None:
        """Images with vectors of their own."""
        ...

    def delete(self, *numbers: int) -> object:
        """Those that are not there are passed over."""
        ...

    def catch_up(self) -> None:
        """Return once a question that is not `exact` sees every change: an engine may take seconds."""
        ...


class Subject:
    """An index and how it is kept between changes: `settle` puts it into the shape under test."""

    def __init__(self, index: Index, settle: Callable[[], None]) -> None:
        self.index = index
        self.settle = settle

    @property
    def searcher(self) -> Searcher:
        return self.index

    def put(self, *numbers: int, version: int = 0) -> None:
        self.put_these(embeddings(*numbers, version=version))

    def put_these(self, images: Iterable[Embedding]) -> None:
        # In small portions, so that shapes that flush have something to merge.
        every = list(images)
        for start in range(0, len(every), 20):
            self.index.put(every[start : start + 20])
            self.settle()

    def delete(self, *numbers: int) -> int:
        count = self.index.delete([image_id(n) for n in numbers])
        self.settle()
        return count

    def catch_up(self) -> None:
        """An index is never behind."""

    def close(self) -> None:
        """Nothing is broken at the end."""
        assert self.index.check() == []
        self.index.close()


class ReplicaSubject:
    """A replica that others use before and after: what was put by one test is taken out at its end."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.there: set[ImageId] = set()

    @property
    def searcher(self) -> Searcher:
        return self.replica

    def put(self, *numbers: int, version: int = 0) -> None:
        self.put_these(embeddings(*numbers, version=version))

    def put_these(self, images: Iterable[Embedding]) -> None:
        every = [entity_of(one) for one in images]
        self.there |= {entity.image_id for entity in every}
        self.replica.put(every)

    def delete(self, *numbers: int) -> None:
        self.replica.delete(HOST, [image_id(n) for n in numbers])

    def catch_up(self) -> None:
        # It waits for all that was acknowledged, which every later question then sees.
        self.replica.count()

    def clean(self) -> None:
        self.replica.delete(HOST, list(self.there))


def entity(number: int, host: str = HOST, *paths: bytes, version: int = 0) -> Entity:
    """An entity by number, at these paths."""
    return entity_of(embedding(number, version), host, *paths)


def entity_of(one: Embedding, host: str = HOST, *paths: bytes) -> Entity:
    where = paths or (b"/photos/%s.jpg" % one.image_id.hex().encode(),)
    return Entity(host, one.image_id, one.vector, b"/photos", where, ImageFacts(640, 480, "JPEG", False))
