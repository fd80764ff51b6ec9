"""Which codes rows get: coarse ones, which every search scans, and where those leave much out, fine ones as well.

Fine codes are looked at for the rows that the coarse ones cannot rule out. They are what makes a proof cheap: they say
of nearly all of those rows, in a byte a coordinate, that they are no nearer than what was found.
"""

from __future__ import annotations

import numpy as np

from simd.types import Vector
from simd.vectors.quantizer import Axes, Quantizer

_MOST_FINE, _LEAST_FINE, _STEP = 512, 256, 64
"""Bounds on the length of fine codes, and what it is a multiple of, unless it is the dimension."""

_MAY_BE_LEFT = 0.01
"""The share of the variance that fine codes may leave to the norm of the rest."""


def fit_levels(sample: Vector, dims: int) -> tuple[Quantizer, ...]:
    """The quantizers for rows like the sample, float32 `(n, dimension)`: coarse, then fine.

    The components of the first are the first ones of the last. One whose codes are not longer than `dims` has no finer
    one beside it, as it leaves nothing out.
    """
    axes = Axes.of(sample)
    coarse = Quantizer.fit(sample, dims, axes)
    if dims >= sample.shape[1]:
        return (coarse,)
    return coarse, Quantizer.fit(sample, max(dims, fine_dims(axes)), axes)


def fine_dims(axes: Axes) -> int:
    """How long fine codes are: as long as the vectors if those are short, else by the spectrum."""
    dimension = len(axes.variances)
    if dimension <= _MOST_FINE:
        return dimension
    left = 1.0 - np.cumsum(axes.variances) / max(float(axes.variances.sum()), 1e-30)
    enough = int(np.argmax(left <= _MAY_BE_LEFT)) + 2
    return int(np.clip(-(-enough // _STEP) * _STEP, _LEAST_FINE, _MOST_FINE))
