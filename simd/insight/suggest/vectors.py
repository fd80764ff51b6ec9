"""Vectors of many images, read in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from simd.index.base import View
from simd.insight.suggest.sample import Rows
from simd.types import Vector
from simd.vectors.ids import Ids, keys, rows_of, unpack_ids
from simd.vectors.metric import widen

BLOCK = 1024
"""Images at a time."""
_SEEK = 25
"""Reading one image by itself takes as long as reading so many in their order."""


class Vectors:
    """What an index has.

    Args:
        view: the index.
        step: told of how many images were read; what it raises ends the work.
    """

    def __init__(self, view: View, step: Callable[[int], None]) -> None:
        self._view = view
        self._step = step

    def cost(self, count: int) -> int:
        """How many images are read to have so many."""
        return count if self._one_by_one(count) else len(self._view)

    def blocks(self, ids: Ids) -> Iterator[tuple[Rows, Vector]]:
        """The images that there are of these, sorted uint8 `(n, 16)`: their rows in `ids`, and their vectors, float32
        `(m, dimension)`, at most `BLOCK` at a time."""
        return self._single(ids) if self._one_by_one(len(ids)) else self._all(ids)

    def of(self, ids: Ids) -> Vector:
        """The vectors of images, all of which there are, float32 `(n, dimension)`, in their order.

        Args:
            ids: uint8 `(n, 16)`, in any order.
        """
        found = np.empty((len(ids), self._view.dimension), np.float32)
        order = np.argsort(keys(ids), kind="stable")
        for rows, vectors in self.blocks(ids[order]):
            found[order[rows]] = vectors
        return found

    def _one_by_one(self, count: int) -> bool:
        return count * _SEEK < len(self._view)

    def _single(self, ids: Ids) -> Iterator[tuple[Rows, Vector]]:
        for start in range(0, len(ids), BLOCK):
            some = [self._view.vector(image_id) for image_id in unpack_ids(ids[start : start + BLOCK])]
            rows = [start + number for number, vector in enumerate(some) if vector is not None]
            if rows:
                yield np.array(rows, np.intp), np.stack([vector for vector in some if vector is not None])
            self._step(len(some))

    def _all(self, ids: Ids) -> Iterator[tuple[Rows, Vector]]:
        for stored, halves in self._view.chunks():
            rows = rows_of(ids, stored).astype(np.intp)
            wanted = np.flatnonzero(rows >= 0)
            for start in range(0, wanted.size, BLOCK):
                some = wanted[start : start + BLOCK]
                yield rows[some], widen(halves[some])
            self._step(len(stored))
