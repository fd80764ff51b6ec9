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
        self.distances: Vector = np.empty(0, dtype=np.float32)
        self.ids: Ids = np.empty((0, 16), dtype=np.uint8)

    @property
    def reach(self) -> float:
        """No row further than this can get in; infinite while there is room."""
        return float(self.distances[-1]) if len(self.distances) == self._k else np.inf

    def offer(self, query: Vector, part: Part, rows: npt.NDArray[np.intp]) -> None:
        """Consider these rows of a part; none may have been offered before."""
        distances, ids = exact(query, part, rows)
        distances = np.concatenate([self.distances, distances])
        ids = np.concatenate([self.ids, ids])
        best = top_k(distances, ids, self._k)
        self.distances, self.ids = distances[best], ids[best]
