"""The nearest k, in one order whatever order the candidates came in: by distance, then by image_id."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simd.vectors.ids import Ids


def top_k(distances: npt.NDArray[np.float32], ids: Ids, k: int) -> npt.NDArray[np.intp]:
    """Positions of the `k` smallest distances, or of all if there are fewer, ordered by distance, then id."""
    if k <= 0 or not distances.size:
        return np.empty(0, dtype=np.intp)
    candidates = np.arange(distances.size)
    if k < distances.size:
        limit = np.partition(distances, k - 1)[k - 1]
        candidates = np.flatnonzero(distances <= limit)
    words = np.ascontiguousarray(ids[candidates]).view(">u8")
    order = np.lexsort((words[:, 1], words[:, 0], distances[candidates]))
    return candidates[order[:k]]
