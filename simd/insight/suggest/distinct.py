"""Suggestions that are no picture that is labelled, skipped or suggested already."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from simd.index.base import View
from simd.index.filter import Filter
from simd.insight.suggest.pool import Pool
from simd.types import ImageId, Vector
from simd.vectors.ids import pack_ids, unique_ids

_SLACK = 1e-6
"""Similarities that are equal but for the rounding of distances."""
_LOOKED_AT = 1000
"""People say of few images that they are no duplicates."""


class Distinct:
    """Compares images as they come: what is never suggested is never compared.

    Two images are one picture by their pairs, and if they are as alike as the same picture, unless people said that
    they are no duplicates.

    Args:
        view: the index.
        pool: what is labelled and skipped, and which images are one picture; none of `pool.free` is labelled, or the
            same picture by its pairs.
        same: the least similarity of the same picture; None if that is not known.
        most: how many images are taken at most.
    """

    def __init__(self, view: View, pool: Pool, same: float | None, most: int) -> None:
        self._components = pool.components
        self._same = same
        self._view = view
        others = unique_ids(np.concatenate([pool.labelled, pool.skipped]))
        self._others = Filter(any_of=others) if len(others) else None
        self._said: dict[ImageId, set[int]] = defaultdict(set)
        for number, images in enumerate(pool.apart):
            for image_id in images:
                self._said[image_id].add(number)
        self._pictures: set[bytes] = set()
        self._taken: list[ImageId] = []
        self._vectors = np.empty((most, view.dimension), np.float32)

    @property
    def taken(self) -> Vector:
        """The vectors of what was taken, float32 `(n, dimension)`."""
        return self._vectors[: len(self._taken)]

    def admits(self, image_id: ImageId, vector: Vector) -> bool:
        """Whether an image of `pool.free` with its vector, float32 `(dimension,)`, is another picture than all that are
        labelled, skipped or taken."""
        if self._picture(image_id) in self._pictures:
            return False
        if self._same is None:
            return True
        alike = np.flatnonzero(self.taken @ vector >= self._same - _SLACK).tolist()
        return self._are_apart(image_id, (self._taken[row] for row in alike)) and self._are_apart(
            image_id, self._labelled_or_skipped(vector, self._same)
        )

    def take(self, image_id: ImageId, vector: Vector) -> None:
        """An image is suggested."""
        self._vectors[len(self._taken)] = vector
        self._taken.append(image_id)
        self._pictures.add(self._picture(image_id))

    def _labelled_or_skipped(self, vector: Vector, same: float) -> list[ImageId]:
        """The nearest of those that are as alike as the same picture."""
        if self._others is None:
            return []
        radius = math.sqrt(2.0 - 2.0 * (same - _SLACK))
        [answer] = self._view.within(vector[np.newaxis], radius, limit=_LOOKED_AT, among=self._others)
        return [hit.image_id for hit in answer.hits]

    def _are_apart(self, one: ImageId, others: Iterable[ImageId]) -> bool:
        """Whether people said so of an image and each of others."""
        said = self._said.get(one, set())
        return all(not said.isdisjoint(self._said.get(other, ())) for other in others)

    def _picture(self, image_id: ImageId) -> bytes:
        return self._components.first_of(pack_ids([image_id])).tobytes()
