"""The map at every scale: a cell of a level stands for four of the next one, and shows one of the pictures in it.

It shows the one with the smallest id. Ids are hashes, so that is any of them, and the same whatever else comes or goes,
unless the new one is smaller still; and the picture that a cell shows is shown by one of its four as well, so that what
one zooms in on stays in sight.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.insight.atlas.places import TILE_CELLS, Cells, Places

_Codes = npt.NDArray[np.uint64]
_TILE_BITS = TILE_CELLS.bit_length() - 1


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The cells of a level that are not empty, in the order of their codes.

    Attributes:
        codes: Morton codes of their columns and rows, so that those of a tile lie together, uint64 `(m,)`.
        shown: rows in `Places.ids` of what they show, int32 `(m,)`.
        counts: of images in them, int32 `(m,)`.
    """

    codes: _Codes
    shown: Cells
    counts: Cells


@dataclass(frozen=True, slots=True, eq=False)
class TileCells:
    """The cells of a tile that are not empty, row by row.

    Attributes:
        across: how many cells the tile has on each side.
        columns, rows: of the cells in the tile, int32 `(m,)`.
        shown: rows in `Places.ids` of what they show, int32 `(m,)`.
        counts: of images in them, int32 `(m,)`.
    """

    across: int
    columns: Cells
    rows: Cells
    shown: Cells
    counts: Cells


class Pyramid:
    """Every method may be called from any thread. The levels are made when the first of them is asked for.

    Args:
        places: where images are.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self._lock = threading.Lock()
        self._levels: list[Level] | None = None

    def level(self, level: int) -> Level:
        """The cells of a level, 0 to `Places.levels`."""
        with self._lock:
            if self._levels is None:
                self._levels = _levels(self.places)
            return self._levels[level]

    def tile(self, level: int, column: int, row: int, deeper: int = 0) -> TileCells:
        """What a tile shows.

        Args:
            level: of the tile, 0 to `Places.levels`.
            column, row: which of the 2^level on each side.
            deeper: by so many levels its cells are smaller than those of its own level; no more than there are.
        """
        deeper = min(deeper, self.places.levels - level)
        cells = self.level(level + deeper)
        bits = _TILE_BITS + deeper
        first = int(_codes(np.array([column]), np.array([row]))[0]) << 2 * bits
        ends = np.array([first, first + (1 << 2 * bits)], np.uint64)
        low, high = np.searchsorted(cells.codes, ends)
        within = cells.codes[low:high] - np.uint64(first)
        columns, rows = _halves(within), _halves(within >> np.uint64(1))
        order = np.lexsort((columns, rows))
        return TileCells(
            1 << bits, columns[order], rows[order], cells.shown[low:high][order], cells.counts[low:high][order]
        )


def _levels(places: Places) -> list[Level]:
    codes = _codes(places.columns, places.rows)
    order = np.argsort(codes, kind="stable")
    level = _merged(codes[order], order.astype(np.int32), np.ones(codes.size, np.int32))
    found = [level]
    for _ in range(places.levels):
        level = _merged(level.codes >> np.uint64(2), level.shown, level.counts)
        found.append(level)
    return found[::-1]


def _merged(codes: _Codes, shown: Cells, counts: Cells) -> Level:
    """One cell of those that follow each other with the same code. Rows are in the order of ids: the least is shown."""
    if not codes.size:
        return Level(codes, shown, counts)
    starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    return Level(codes[starts], np.minimum.reduceat(shown, starts), np.add.reduceat(counts, starts, dtype=np.int32))


def _codes(columns: npt.NDArray[np.integer], rows: npt.NDArray[np.integer]) -> _Codes:
    """Morton codes: the bits of a row and of a column in turn, the row's first."""
    codes: _Codes = _spread(columns) | (_spread(rows) << np.uint64(1))
    return codes


_STEPS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def _spread(numbers: npt.NDArray[np.integer]) -> _Codes:
    """The bits of each number with a 0 before each."""
    found: _Codes = numbers.astype(np.uint64)
    for shift, mask in _STEPS:
        found = (found | (found << np.uint64(shift))) & np.uint64(mask)
    return found


def _halves(codes: _Codes) -> Cells:
    """Every other bit of each code, the last one first: what `_spread` undoes."""
    found = codes & np.uint64(_STEPS[-1][1])
    for (shift, _), mask in zip(reversed(_STEPS), [*(m for _, m in reversed(_STEPS[:-1])), 0xFFFFFFFF], strict=True):
        found = (found | (found >> np.uint64(shift))) & np.uint64(mask)
    return found.astype(np.int32)
