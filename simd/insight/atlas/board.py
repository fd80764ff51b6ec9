"""Which image has which cell: the map as the one thread sees it that keeps it up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simd.insight.atlas.cells import Points
from simd.insight.atlas.places import Cells, Places
from simd.vectors.ids import Ids, keys, rows_of

Flags = npt.NDArray[np.bool_]

_REACH = 2
"""So far around itself is a free cell looked for first."""


def middles(places: Places, ids: Ids) -> Points:
    """The middles of the cells of images, float32 `(n, 2)`; NaN for those that are not on the map."""
    at = rows_of(places.ids, ids)
    found = np.full((len(at), 2), np.nan, np.float32)
    known = at >= 0
    found[known, 0] = places.columns[at[known]]
    found[known, 1] = places.rows[at[known]]
    return found + np.float32(0.5)


class Board:
    """A grid with at most one image in a cell. Not thread-safe; arrays that it gave out never change.

    Args:
        side: how many cells it has on each side.
        ids: images, sorted, uint8 `(n, 16)`.
        columns, rows: of the cell of each, int32 `(n,)`.
        added: whether each has come since the map was laid out; none has, if None.

    Raises:
        ValueError: a cell is outside, or has two images.
    """

    def __init__(self, side: int, ids: Ids, columns: Cells, rows: Cells, added: Flags | None = None) -> None:
        self.side = side
        self.ids = ids
        self._columns = columns
        self._rows = rows
        self._added = np.zeros(len(ids), np.bool_) if added is None else added
        self._taken = np.zeros((side, side), np.bool_)
        inside = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
        if not inside.all():
            raise ValueError("a cell is outside of the map")
        self._taken[rows, columns] = True
        if np.count_nonzero(self._taken) != len(ids):
            raise ValueError("two images are in one cell")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def added(self) -> int:
        """How many have come since it was laid out."""
        return int(np.count_nonzero(self._added))

    @property
    def room(self) -> int:
        """How many cells are free."""
        return self.side * self.side - len(self)

    def places(self, revision: int) -> Places:
        """The map as it is now."""
        return Places(revision, self.side, self.ids, self._columns, self._rows)

    def missing(self, ids: Ids) -> Flags:
        """Which of the images are not on it."""
        return rows_of(self.ids, ids) < 0

    def where(self, ids: Ids) -> Points:
        """As `middles` has it."""
        return middles(self.places(0), ids)

    def place(self, ids: Ids, wanted: Points) -> tuple[Cells, Cells]:
        """Give new images the free cells nearest to where they are to be, one after the other; nobody is moved.

        Args:
            ids: none of them is on it, and there is `room` for all.
            wanted: where they are to be, on the map.

        Returns:
            Columns and rows of their cells.
        """
        columns, rows = (np.empty(len(ids), np.int32) for _ in range(2))
        for number, (x, y) in enumerate(np.clip(wanted, 0, self.side - 1e-3).tolist()):
            rows[number], columns[number] = cell = self._nearest_free(x, y)
            self._taken[cell] = True
        if not len(ids):
            return columns, rows
        together = np.concatenate((self.ids, ids))
        order = np.argsort(keys(together), kind="stable")
        self.ids = together[order]
        self._columns = np.concatenate((self._columns, columns))[order]
        self._rows = np.concatenate((self._rows, rows))[order]
        self._added = np.concatenate((self._added, np.ones(len(ids), np.bool_)))[order]
        return columns, rows

    def remove(self, ids: Ids) -> int:
        """Take images off; how many were on it."""
        at = rows_of(self.ids, ids)
        gone = np.zeros(len(self), np.bool_)
        gone[at[at >= 0]] = True
        if gone.any():
            self._taken[self._rows[gone], self._columns[gone]] = False
            kept = ~gone
            self.ids, self._added = self.ids[kept], self._added[kept]
            self._columns, self._rows = self._columns[kept], self._rows[kept]
        return int(np.count_nonzero(gone))

    def _nearest_free(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of the free cell whose middle is nearest, of several the topmost, then the leftmost."""
        reach = _REACH
        while True:
            top, left = max(0, int(y) - reach), max(0, int(x) - reach)
            rows, columns = np.nonzero(~self._taken[top : int(y) + reach + 1, left : int(x) + reach + 1])
            if len(rows):
                squares = (columns + (left + 0.5 - x)) ** 2 + (rows + (top + 0.5 - y)) ** 2
                best = int(squares.argmin())
                if squares[best] <= reach * reach or reach >= self.side:
                    return top + int(rows[best]), left + int(columns[best])
            reach *= 2
