"""Image ids as arrays: uint8 `(n, 16)`, and how they are ordered and found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from simd.types import ID_BYTES, ImageId

Ids = npt.NDArray[np.uint8]
"""Image ids, uint8 `(n, 16)`."""

Keys = npt.NDArray[np.bytes_]
"""Ids as `keys` gives them."""

_ONE_IN = 256
"""Fewer needles than one for so many rows are found by whole ids."""


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


def find(haystack: Keys, needles: Keys) -> npt.NDArray[np.intp]:
    """Where each needle is in a haystack that is sorted and unique, or -1."""
    if not haystack.size:
        return np.full(needles.size, -1, dtype=np.intp)
    if needles.size * _ONE_IN < haystack.size:
        return _found(haystack, needles, np.searchsorted(haystack, needles))
    # By their first halves, as numbers, in order: five times as fast, for so many that halving the others pays.
    own, sought = _first_half(haystack), _first_half(needles)
    if (sought[1:] >= sought[:-1]).all():
        at = np.searchsorted(own, sought)
    else:
        order = np.argsort(sought)
        at = np.empty(needles.size, dtype=np.intp)
        at[order] = np.searchsorted(own, sought[order])
    found = _found(haystack, needles, at)
    # What has the first half of another id is behind that one.
    unsure = np.flatnonzero((found < 0) & (own[np.minimum(at, own.size - 1)] == sought))
    if unsure.size:
        found[unsure] = _found(haystack, needles[unsure], np.searchsorted(haystack, needles[unsure]))
    return found


def nearly_sorted(ids: Ids) -> Keys:
    """The ids in the order of their first halves, in which `find` is soonest done with them."""
    own = keys(ids)
    return own[np.argsort(_first_half(own))]


def rows_of(ids: Ids, image_ids: Ids) -> npt.NDArray[np.int32]:
    """Where images are in sorted ids, int32; -1 for those that are not."""
    return find(keys(ids), keys(image_ids)).astype(np.int32)


def _found(haystack: Keys, needles: Keys, at: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Of places where needles would be put those where they are; -1 for the others."""
    at = np.minimum(at, haystack.size - 1)
    (first, last), (sought_first, sought_last) = _halves(haystack), _halves(needles)
    return np.where((first[at] == sought_first) & (last[at] == sought_last), at, -1)


def _first_half(ids: Keys) -> npt.NDArray[np.uint64]:
    """In the order of the ids."""
    return _halves(ids)[0].view(">u8").astype(np.uint64)


def _halves(ids: Keys) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Of use only to tell whether ids are equal."""
    numbers = ids.view(np.uint64).reshape(-1, 2)
    return numbers[:, 0], numbers[:, 1]
