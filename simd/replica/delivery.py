"""Brings images of this host to a replica: what there is of each now is put there, what there is not is taken out.

An image counts as there if it has a file and a vector: what the replica answers is what this host's own index does.
Everything may be done again at any time, and comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.queries import relative
from simd.index.base import VectorStore
from simd.index.replica import Entity, Replica, version_of
from simd.replica.known import Known
from simd.types import ImageId, Root


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What is published: the vectors of one model, its fingerprint, and the replica they go to."""

    vectors: VectorStore
    fingerprint: str
    replica: Replica


Use = Callable[[], AbstractContextManager[Source]]
"""What is published now, which stays open until the block ends."""


class Delivery:
    """Of one thread.

    Args:
        catalogue: tells which files and facts images have.
        host: the name under which they are published.

    Attributes:
        put: how many were put, in all.
        swept: how many were taken out because the catalogue does not know them, in all.
    """

    def __init__(self, catalogue: Catalogue, host: str) -> None:
        self.put = 0
        self.swept = 0
        self._catalogue = catalogue
        self._host = host

    def deliver(self, source: Source, images: Sequence[ImageId], known: Known | None = None) -> list[ImageId]:
        """Bring some images to the replica.

        Args:
            source: what to take and where to bring it.
            images: any, no image twice.
            known: what is there; entities that are the same are left as they are.

        Returns:
            those that have a file and no vector yet.

        Raises:
            ReplicaUnavailable, ReplicaRefused: some or all may have been brought.
            StoreError: what there is cannot be read; nothing was brought.
        """
        entities, waiting = self._entities(source, images)
        there = {entity.image_id for entity in entities}
        absent = [image_id for image_id in images if image_id not in there]
        if known is not None:
            same = known.are([entity.image_id for entity in entities], [version_of(entity) for entity in entities])
            entities = [entity for entity, is_same in zip(entities, same, strict=True) if not is_same]
            # What becomes of a call that fails is not known.
            known.forget([*absent, *(entity.image_id for entity in entities)])
        if absent:
            source.replica.delete(self._host, absent)
        if entities:
            source.replica.put(entities)
        self.put += len(entities)
        return waiting

    def sweep(self, source: Source, known: Known) -> Iterator[None]:
        """Take out what the catalogue does not know, and so does not tell of; a step for each page.

        Raises:
            ReplicaUnavailable, ReplicaRefused, StoreError: it is not complete.
        """
        for images in known.pages():
            facts = self._catalogue.facts_of(images)
            gone = [image_id for image_id in images if image_id not in facts]
            if gone:
                known.forget(gone)
                source.replica.delete(self._host, gone)
                self.swept += len(gone)
            yield

    def _entities(self, source: Source, images: Sequence[ImageId]) -> tuple[list[Entity], list[ImageId]]:
        """Of those that have a file: what is to be there of those that have a vector, and the others."""
        searchable = self._catalogue.searchable(images)
        roots = self._catalogue.roots()
        entities, waiting = [], []
        for image_id, image in searchable.items():
            paths = tuple(image.paths)
            root = _root_of(paths[0], roots)
            vector = source.vectors.vector(image_id)
            if vector is None:
                waiting.append(image_id)
            # A root that is gone by now takes its files with it, of which the feed is about to tell.
            elif root is not None:
                entities.append(Entity(self._host, image_id, vector, root, paths, image.facts))
        return entities, waiting


def _root_of(path: bytes, roots: Sequence[Root]) -> bytes | None:
    """The root that a file is in; no root is inside another."""
    return next((root.path for root in roots if relative(root.path, path) is not None), None)
