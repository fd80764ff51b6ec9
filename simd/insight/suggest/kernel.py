"""How far an image stands for another one, by how alike they are to the model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.featurize.models.spec import Levels

Floats = npt.NDArray[np.float32]
"""One number for each of some images."""

BANDWIDTH = 1.0
"""A Euclidean distance between unit vectors: the constant of MaxHerding's authors, so that nothing is to be tuned and
models need not be measured. On labelled pictures of four kinds, balanced or not, with one to five labels a class, 1.0
to 1.5 chose equally well, and the median distance of a picture and its edited copies, 0.615, worst of all."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What similarities mean.

    Attributes:
        reach: from which on an image stands for another one.
        same: from which on they are taken for the same picture; None if that is not known.
    """

    reach: float
    same: float | None

    @classmethod
    def of(cls, levels: Levels | None) -> Scale:
        """As measured with the model: an image stands for those that reach the level `similar`. Where that is not
        known, it does so where the kernel is at least half its height."""
        if levels is not None:
            return cls(levels.similar, levels.same)
        return cls(1.0 - BANDWIDTH**2 * math.log(2.0) / 2.0, None)


def kernel(similarity: Floats, bandwidth: float = BANDWIDTH) -> Floats:
    """The Gaussian kernel exp(-distance^2 / bandwidth^2) between unit vectors of these cosines; 1 = same."""
    scaled = np.multiply(similarity, np.float32(2.0 / bandwidth**2))
    scaled -= np.float32(2.0 / bandwidth**2)
    # Of equal vectors the cosine may be greater than 1 by its rounding.
    np.minimum(scaled, np.float32(0.0), out=scaled)
    return np.asarray(np.exp(scaled, out=scaled), dtype=np.float32)


def distance(similarity: Floats) -> Floats:
    """The Euclidean distance between unit vectors of these cosines."""
    return np.asarray(np.sqrt(np.maximum(np.float32(2.0) - np.float32(2.0) * similarity, 0.0)), dtype=np.float32)
