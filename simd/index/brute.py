"""The oracle: vectors in a dict, every distance computed. For tests and small experiments; nothing is durable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Self

import numpy as np

from simd.errors import CorruptStore, InvalidRequest
from simd.index.base import CHUNK_ROWS, Chunk, IndexStats
from simd.index.filter import EVERYTHING, Filter
from simd.types import ID_BYTES, Answer, Embedding, Hit, ImageId, Vector
from simd.vectors.ids import pack_ids, unpack_ids
from simd.vectors.metric import check_radius, check_vectors, distances, half
from simd.vectors.topk import top_k


class BruteIndex:
    """The contract of `simd.index.base`, done in the most obvious way.

    Args:
        dimension: length of every vector.
    """

    knows_paths = False
    proves = True

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._live: dict[ImageId, Vector] = {}
        self._deleted: dict[ImageId, Vector] = {}

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._dimension

    @property
    def damage(self) -> CorruptStore | None:
        """Nothing: there are no files."""
        return None

    def put(self, embeddings: Sequence[Embedding]) -> None:
        """Add or replace."""
        for embedding in embeddings:
            if len(embedding.image_id) != ID_BYTES:
                raise InvalidRequest(f"an image_id has {ID_BYTES} bytes, not {len(embedding.image_id)}")
            check_vectors(embedding.vector[None], self._dimension)
        for embedding in embeddings:
            self._live[embedding.image_id] = half(embedding.vector)
            self._deleted.pop(embedding.image_id, None)

    def delete(self, image_ids: Sequence[ImageId]) -> int:
        """Take images out of the answers; returns how many were there."""
        there = [image_id for image_id in dict.fromkeys(image_ids) if image_id in self._live]
        for image_id in there:
            self._deleted[image_id] = self._live.pop(image_id)
        return len(there)

    def contains(self, image_id: ImageId) -> bool:
        """Whether the image is in the answers."""
        return image_id in self._live

    def missing(self, image_ids: Sequence[ImageId]) -> list[ImageId]:
        """Those of the images that are not in the answers."""
        return [image_id for image_id in image_ids if image_id not in self._live]

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        """The stored vector."""
        found = self._live.get(image_id)
        return self._deleted.get(image_id) if found is None and deleted else found

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        """The `k` nearest of each query."""
        return self.view().search(queries, k, among=among, exact=exact)

    def within(self, queries: Vector, radius: float, *, limit: int, among: Filter = EVERYTHING) -> list[Answer]:
        """Every image at most `radius` from each query, nearest first."""
        return self.view().within(queries, radius, limit=limit, among=among)

    def ids(self) -> Iterator[ImageId]:
        """Every image in the answers."""
        return iter(list(self._live))

    def __len__(self) -> int:
        return len(self._live)

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Every image in the answers with its vector, in the order of the ids, `rows` at a time."""
        return self.view().chunks(rows)

    def view(self) -> BruteView:
        """The index as it is now."""
        return BruteView(self._dimension, dict(self._live))

    def compact(self, pause: Callable[[], None] = lambda: None) -> None:
        """Nothing to do."""

    def check(self, pause: Callable[[int], None] = lambda count: None) -> list[str]:
        """Nothing can be broken."""
        return []

    def stats(self) -> IndexStats:
        """Counts."""
        return IndexStats("brute", self._dimension, len(self._live), len(self._deleted), 0)

    def close(self) -> None:
        """Nothing to release."""


class BruteView:
    """A `View` that is a copy.

    Args:
        dimension: length of every vector.
        vectors: of every image in the answers.
    """

    knows_paths = False
    proves = True

    def __init__(self, dimension: int, vectors: dict[ImageId, Vector]) -> None:
        self.dimension = dimension
        self._vectors: dict[ImageId, Vector] | None = vectors

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        """The `k` nearest of each query."""
        if k < 0:
            raise InvalidRequest(f"k is {k}; it must not be negative", field="limit")
        check_vectors(queries, self.dimension)
        return [Answer(hits[:k], len(hits), True) for hits in self._compared(queries, among)]

    def within(self, queries: Vector, radius: float, *, limit: int, among: Filter = EVERYTHING) -> list[Answer]:
        """Every image at most `radius` from each query, nearest first."""
        check_radius(radius, limit)
        check_vectors(queries, self.dimension)
        answers = []
        for hits in self._compared(queries, among):
            near = [hit for hit in hits if hit.distance <= radius]
            answers.append(Answer(near[:limit], len(hits), len(near) <= limit))
        return answers

    def vector(self, image_id: ImageId) -> Vector | None:
        """The vector of an image in the answers, or None."""
        return self._state.get(image_id)

    def ids(self) -> Iterator[ImageId]:
        """Every image in the answers."""
        return iter(self._state)

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Every image in the answers with its vector, in the order of the ids, `rows` at a time."""
        vectors = self._state
        images = sorted(vectors)
        pages = (images[start : start + rows] for start in range(0, len(images), rows))
        return ((pack_ids(page), np.stack([vectors[i] for i in page]).astype(np.float16)) for page in pages)

    def __len__(self) -> int:
        return len(self._state)

    def close(self) -> None:
        """Let go of the copy."""
        self._vectors = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def _state(self) -> dict[ImageId, Vector]:
        if self._vectors is None:
            raise ValueError("the view is closed")
        return self._vectors

    def _compared(self, queries: Vector, among: Filter) -> list[list[Hit]]:
        """For each query every image that counts, nearest first."""
        among.require_resolved()
        counted = set(self._state)
        if among.any_of is not None:
            counted &= set(unpack_ids(among.any_of))
        if among.not_in is not None:
            counted -= set(unpack_ids(among.not_in))
        images = list(counted)
        if not images:
            return [[] for _ in queries]
        rows, ids = np.stack([self._state[i] for i in images]), pack_ids(images)
        compared = []
        for query in half(queries):
            apart = distances(query, rows)
            compared.append([Hit(images[at], float(apart[at])) for at in top_k(apart, ids, len(images))])
        return compared
