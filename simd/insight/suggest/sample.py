"""A part of many images that is no one's choice: the same for the same images, whatever their order and history."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simd.vectors.ids import Ids

Rows = npt.NDArray[np.intp]
"""Row numbers."""


def shuffled(ids: Ids) -> Rows:
    """The rows of ids, sorted uint8 `(n, 16)`, ordered by a hash of each: the first so many of them are a sample, which
    changes by at most one image for each image that comes or goes.

    Ids are hashes of contents already; they are mixed (as splitmix64 does), so that it is not the order of listings.
    """
    words = np.ascontiguousarray(ids).view("<u8")
    mixed = words[:, 0] ^ (words[:, 1] * np.uint64(0x9E3779B97F4A7C15))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.argsort(mixed, kind="stable")
