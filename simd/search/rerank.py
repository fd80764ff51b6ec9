"""Stage 2: exact distances of a few rows, read in row order, which is their order on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from simd.search.targets import Looked
from simd.storage.snapshot import Part
from simd.types import Hit, ImageId, Vector
from simd.vectors.ids import Ids
from simd.vectors.metric import distances
from simd.vectors.topk import top_k

_CHUNK = 4096


def exact(query: Vector, part: Part, rows: npt.NDArray[np.intp]) -> tuple[Vector, Ids]:
    """Distances float32 `(n,)` of the rows to one query `(dimension,)`, and the rows' ids, both in row order."""
    rows = np.sort(rows)
    chunks = [distances(query, part.vectors[rows[start : start + _CHUNK]]) for start in range(0, len(rows), _CHUNK)]
    return np.concatenate(chunks) if chunks else np.empty(0, dtype=np.float32), part.ids[rows]


class Nearest:
    """The `k` nearest, at least 1, of all rows that were offered and are no further than `radius`."""

    def __init__(self, k: int, radius: float = np.inf) -> None:
        self._k = k
        # As a NumPy number, so that distances are compared with it in float64.
        self._radius = np.float64(radius)
        self._distances: list[Vector] = [np.empty(0, dtype=np.float32)]
        self._ids: list[Ids] = [np.empty((0, 16), dtype=np.uint8)]

    def offer(self, query: Vector, part: Part, rows: npt.NDArray[np.intp]) -> None:
        """Consider these rows of a part; none may have been offered before."""
        if rows.size:
            distances, ids = exact(query, part, rows)
            near = distances <= self._radius
            self._distances.append(distances[near])
            self._ids.append(ids[near])

    def offer_in_order(
        self,
        query: Vector,
        part: Part,
        rows: npt.NDArray[np.intp],
        least: npt.NDArray[np.floating[Any]],
        at_once: int,
        looked: Looked,
        need: Callable[[npt.NDArray[np.intp]], None] = lambda rows: None,
    ) -> None:
        """Consider rows of a part that are no nearer than `least`, the least first: what they shorten `reach` to lets
        the others be passed over.

        Args:
            query, part, rows: as for `offer`.
            least: of each row.
            at_once: so many are read together.
            looked: told how many rows are being read.
            need: told which they are, before.
        """
        order = np.argsort(least)
        for start in range(0, order.size, at_once):
            some = order[start : start + at_once]
            if least[some[0]] > self.reach():
                return
            looked(some.size)
            need(rows[some])
            self.offer(query, part, rows[some])

    def best(self) -> tuple[Vector, Ids]:
        """Distances float32 `(n,)` and ids of the nearest, in order; `n` is `k` unless fewer were offered and near."""
        distances, ids = np.concatenate(self._distances), np.concatenate(self._ids)
        order = top_k(distances, ids, self._k)
        self._distances, self._ids = [distances[order]], [ids[order]]
        return self._distances[0], self._ids[0]

    def hits(self) -> list[Hit]:
        """The nearest, in order."""
        distances, ids = self.best()
        return [Hit(ImageId(i.tobytes()), float(d)) for i, d in zip(ids, distances, strict=True)]

    def reach(self) -> float:
        """No row further than this can get in: the radius, while there is room."""
        distances, _ = self.best()
        return float(distances[-1]) if len(distances) == self._k else float(self._radius)
