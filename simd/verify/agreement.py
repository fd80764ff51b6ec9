"""What the cells of two aligned pictures say: how much of them agrees, and whether that is enough.

Photographs are told apart by few cells. Drawings come in families, of which every two have most lines in common: the
plainer the stored one, the more must agree. Between the two kinds the limits are a straight line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simd.verify.alignment import Alignment
from simd.verify.cells import Array, Cells
from simd.verify.features import Plane

_TEXTURE = 6.0
"""Standard deviation of grey levels that a cell has at least if it is not flat."""
_AGREES = 0.7
"""Correlation of the grey values of a cell that agrees."""
_FLAT_WEIGHT = 0.5
"""What a cell that is flat in one picture counts against. Something may have been put over it, or be missing there."""
_LEAST_CELLS = 4
"""With fewer, the share says nothing."""
_STRONGEST = 3.0
"""How many times its chroma may be that of the other picture."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a pair must reach to be the same.

    Attributes:
        plainness: the share of pixels that hardly differ from their neighbours, in the stored one.
        share: of agreeing cells.
        inliers: matches that agree on the alignment.
        correlation: mean of the cells with texture in both.
        contained: how much of the smaller one is within the other.
        recoloured: at most, the root mean square of chroma that no edit of all colours explains.
    """

    plainness: float
    share: float
    inliers: float
    correlation: float
    contained: float
    recoloured: float


_PHOTOGRAPH = Limits(plainness=0.2, share=0.6, inliers=6, correlation=0.7, contained=0.0, recoloured=14.0)
_DRAWING = Limits(plainness=0.45, share=0.9, inliers=16, correlation=0.985, contained=0.9, recoloured=10.0)
_AGREEING = 6
"""How many cells must agree, whatever the picture."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the cells came to.

    Attributes:
        same: whether they are one picture, edited.
        share: of agreeing cells, 0 to 1; 0 where there are too few.
        cells: how many have texture in both.
        weakest: the least correlation of one of these, -1 to 1.
        added: the greatest standard deviation, in grey levels, of a cell that is flat in the other picture.
    """

    same: bool
    share: float
    cells: int
    weakest: float = -1.0
    added: float = 0.0


def agreement(cells: Cells, alignment: Alignment, plain: float) -> Agreement:
    """Judge a pair by its cells.

    Args:
        plain: the plainness of the stored picture. What is done to a query makes it plainer or less so.
    """
    lesser, greater = np.minimum(cells.queried, cells.stored), np.maximum(cells.queried, cells.stored)
    textured = cells.covered & (lesser >= _TEXTURE)
    agreeing = textured & (cells.correlation > _AGREES)
    half = cells.covered & (greater >= _TEXTURE) & ~textured
    compared, agreed = int(textured.sum()), int(agreeing.sum())
    counted = compared + _FLAT_WEIGHT * int(half.sum())
    if counted < _LEAST_CELLS or not agreed:
        return Agreement(False, 0.0, compared)
    share = agreed / counted
    limits = _limits(plain)
    same = (
        agreed >= _AGREEING
        and share >= limits.share
        and alignment.inliers >= limits.inliers
        and float(cells.correlation[textured].mean()) >= limits.correlation
        and cells.contained >= limits.contained
        and recoloured(cells.colours[0][agreeing], cells.colours[1][agreeing]) <= limits.recoloured
    )
    weakest, added = float(cells.correlation[textured].min()), float(greater[half].max(initial=0.0))
    return Agreement(same, share, compared, weakest, added)


def plainness(grey: Plane) -> float:
    """The share of pixels that hardly differ from their neighbours: 0.2 or less in most photographs, 0.45 or more in
    most drawings."""
    levels = grey.astype(np.int16)
    if min(levels.shape) < 2:
        return 1.0
    steps = np.abs(np.diff(levels, axis=1))[:-1] + np.abs(np.diff(levels, axis=0))[:, :-1]
    return float((steps <= 1).mean())


def recoloured(query: Array, stored: Array) -> float:
    """How far the chroma `(n, 2)` of one is from that of the other, made stronger, weaker or grey, and tinted."""
    q, s = query - query.mean(axis=0), stored - stored.mean(axis=0)
    return min(_unexplained(q, s), _unexplained(s, q))


def _unexplained(result: Array, source: Array) -> float:
    """Root mean square of what is left of one when the best multiple of the other is taken away."""
    factor = float(np.clip((result * source).sum() / max(float((source * source).sum()), 1e-6), 0.0, _STRONGEST))
    return float(np.sqrt(((result - factor * source) ** 2).sum(axis=1).mean()))


def _limits(plain: float) -> Limits:
    """Those of pictures of this plainness."""
    low, high = _PHOTOGRAPH, _DRAWING
    part = float(np.clip((plain - low.plainness) / (high.plainness - low.plainness), 0.0, 1.0))
    between = {name: (1 - part) * getattr(low, name) + part * getattr(high, name) for name in Limits.__slots__}
    return Limits(**between)
