"""Stage 2: exact distances of a few rows, read in row order, which is their order on disk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simd.storage.snapshot import Part
from simd.types import Vector
from simd.vectors.metric import distances
from simd.vectors.topk import Ids, top_k

_CHUNK = 4096


def exact(query: Vector, part: Part, rows: npt.NDArray[np.intp]) -> tuple[Vector, Ids]:
    """Distances float32 `(n,)` of the rows to one query `(dimension,)`, and the rows' ids, both in row order."""
    rows = np.sort(rows)
    chunks = [distances(query, part.vectors[rows[start : start + _CHUNK]]) for start in range(0, len(rows), _CHUNK)]
    return np.concatenate(chunks) if chunks else np.empty(0, dtype=np.float32), part.ids[rows]


class Nearest:
    """The `k` nearest of all rows that were offered: their distances and ids, in order."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._distances: list[Vector] = [np.empty(0, dtype=np.float32)]
        self._ids: list[Ids] = [np.empty((0, 16), dtype=np.uint8)]

    def offer(self, query: Vector, part: Part, rows: npt.NDArray[np.intp]) -> None:
        """Consider these rows of a part; none may have been offered before."""
        if rows.size:
            distances, ids = exact(query, part, rows)
            self._distances.append(distances)
            self._ids.append(ids)

    def best(self) -> tuple[Vector, Ids]:
        """Distances float32 `(n,)` and ids of the nearest, in order; `n` is `k` unless fewer were offered."""
        distances, ids = np.concatenate(self._distances), np.concatenate(self._ids)
        order = top_k(distances, ids, self._k)
        self._distances, self._ids = [distances[order]], [ids[order]]
        return self._distances[0], self._ids[0]

    def reach(self) -> float:
        """No row further than this can get in; infinite while there is room."""
        distances, _ = self.best()
        return float(distances[-1]) if len(distances) == self._k else np.inf
