"""The nearest k, in one order whatever order the candidates came in: by distance, then by image_id.

Image ids travel as uint8 `(n, 16)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from simd.types import ID_BYTES, ImageId

Ids = npt.NDArray[np.uint8]
"""Image ids, uint8 `(n, 16)`."""

Keys = npt.NDArray[np.bytes_]
"""Ids as `keys` gives them."""


def keys(ids: Ids) -> Keys:
    """A view of ids that sorts and searches in byte order.

    For whole-array operations only: NumPy drops trailing zero bytes from an element that is taken out.
    """
    return np.ascontiguousarray(ids).view("S16").reshape(-1)


def pack_ids(image_ids: Sequence[bytes]) -> Ids:
    """Image ids as an array `(n, 16)`."""
    return np.frombuffer(b"".join(image_ids), dtype=np.uint8).reshape(-1, 16)


def unique_ids(ids: Ids) -> Ids:
    """The ids in byte order, each once; `np.unique` takes eight times as long for so many different ones."""
    ordered = np.sort(keys(ids))
    first = np.ones(ordered.size, dtype=np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first].view(np.uint8).reshape(-1, ID_BYTES)


def unpack_ids(ids: Ids) -> list[ImageId]:
    """The image ids of an array."""
    together = ids.tobytes()
    return [ImageId(together[start : start + ID_BYTES]) for start in range(0, len(together), ID_BYTES)]


def rows_of(ids: Ids, image_ids: Ids) -> npt.NDArray[np.int32]:
    """Where images are in sorted ids, int32; -1 for those that are not."""
    known, wanted = keys(ids), keys(image_ids)
    if not known.size:
        return np.full(wanted.size, -1, np.int32)
    at = np.minimum(np.searchsorted(known, wanted), known.size - 1)
    return np.where(known[at] == wanted, at, -1).astype(np.int32)


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
