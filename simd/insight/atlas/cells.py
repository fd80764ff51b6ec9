"""A cell of its own for each of many points, as near as may be to where it is.

Layouts crowd like things together, and a grid has one place for one picture. The grid is halved, and each half again,
down to single cells; of the points in a part, each goes into the half that it lies in, until that is full: those that
lie nearest to the border go over it then. So what is dense spreads over free cells around it as a whole, and neighbours
stay together; taking the nearest free cell one after the other would carry the last ones far away from theirs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from simd.insight.atlas.places import TILE_CELLS, Cells

Points = npt.NDArray[np.float32]
"""Positions `(n, 2)`: x to the right, y downwards."""

_INSIDE = 1e-3
"""So far from the last border is the last point."""


def side_for(count: int) -> int:
    """How many cells a side of the map has for so many pictures: at most half of the cells are taken."""
    side = TILE_CELLS
    while 2 * count > side * side:
        side *= 2
    return side


def spread(points: Points, side: int, step: Callable[[], None] = lambda: None) -> tuple[Cells, Cells]:
    """Give each point a cell of its own.

    Args:
        points: finite, in any unit; the map shows all of them, in their proportions.
        side: a power of two; there are as many cells as points at least.
        step: called between pieces of work; what it raises ends it.

    Returns:
        Columns and rows; of points in the same place, those that come first are further to the left and the top.
    """
    at = _scaled(points, side)
    left, top = (np.zeros(len(at), np.int32) for _ in range(2))
    width = height = side
    while height > 1:
        for axis, corner in enumerate((left, top)):
            step()
            part = (top // height) * np.int64(side) + left // width
            size = (width, height)[axis] // 2
            over = _beyond(part, at[:, axis], corner + size, width * height // 2)
            corner += size * over
            width, height = (size, height) if axis == 0 else (width, size)
    return left, top


def _scaled(points: Points, side: int) -> npt.NDArray[np.float64]:
    """The points on the grid, those that are furthest apart at its borders."""
    at = points.astype(np.float64)
    if not len(at):
        return at
    low, high = at.min(axis=0), at.max(axis=0)
    span = (high - low).max() or 1.0
    scaled: npt.NDArray[np.float64] = (at - (low + high) / 2) * ((side - _INSIDE) / span) + side / 2
    return scaled


def _beyond(
    part: npt.NDArray[np.int64], at: npt.NDArray[np.float64], border: Cells, room: int
) -> npt.NDArray[np.bool_]:
    """Which points go into the second half of their part.

    Args:
        part: the number of the part that each is in.
        at: where each is, along the axis on which its part is halved.
        border: where its part is halved.
        room: how many fit into a half.
    """
    order = np.lexsort((at, part))
    first = np.flatnonzero(np.diff(part[order], prepend=-1))
    count = np.diff(first, append=len(part))
    before = np.add.reduceat((at < border)[order], first, dtype=np.int64) if len(part) else count
    kept = np.clip(before, count - room, room)
    rank = np.arange(len(part)) - np.repeat(first, count)
    beyond = np.empty(len(part), np.bool_)
    beyond[order] = rank >= np.repeat(kept, count)
    return beyond
