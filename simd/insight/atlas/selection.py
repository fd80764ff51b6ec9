"""Which images of a map are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.errors import InvalidRequest
from simd.insight.atlas.places import Places
from simd.vectors.ids import Ids, rows_of

Point = tuple[float, float]
"""From the left and from the top, 0 to 1."""
Rows = npt.NDArray[np.intp]

_POINTS = range(3, 1001)
_FAR = 1000.0
"""Lines may be drawn beyond the edge of the map; nobody draws them farther."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What is asked for; without any of it all images are.

    Attributes:
        polygon: only images whose place is within this, by the even-odd rule.
        among: only images that are in each of these, uint8 `(n, 16)`.

    Raises:
        InvalidRequest: a polygon that is none.
    """

    polygon: Sequence[Point] = ()
    among: Sequence[Ids] = ()

    def __post_init__(self) -> None:
        if self.polygon and len(self.polygon) not in _POINTS:
            raise InvalidRequest(
                f"a polygon of {len(self.polygon)} points is none that is looked into",
                field="polygon",
                remedy=f"{_POINTS.start} to {_POINTS.stop - 1} points",
            )
        if not all(abs(number) <= _FAR for point in self.polygon for number in point):
            raise InvalidRequest(
                "a point of the polygon is no place on the map or near it", field="polygon", remedy="the map is 0 to 1"
            )

    def rows(self, places: Places) -> Rows:
        """The images, as rows in `places.ids`, in order."""
        chosen = np.ones(len(places.ids), np.bool_)
        for ids in self.among:
            rows = rows_of(places.ids, ids)
            named = np.zeros(chosen.size, np.bool_)
            named[rows[rows >= 0]] = True
            chosen &= named
        found = np.flatnonzero(chosen)
        if self.polygon:
            x, y = middles(places, found)
            found = found[within(np.array(self.polygon, np.float64), x, y)]
        return found


def middles(places: Places, rows: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where the cells of images have their middle, from the left and from the top, 0 to 1."""
    return (places.columns[rows] + 0.5) / places.side, (places.rows[rows] + 0.5) / places.side


def within(
    polygon: npt.NDArray[np.float64], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Whether points are inside a polygon: whether a ray to the right crosses an odd number of its edges.

    Args:
        polygon: float64 `(m, 2)`; its last point is joined to its first.
        x, y: of the points, float64 `(n,)`.
    """
    order = np.argsort(y, kind="stable")
    left, heights = x[order], y[order]
    inside = np.zeros(x.size, np.bool_)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        # Only the points at the height of the edge are looked at; one at the height of a corner counts for one edge.
        low, high = np.searchsorted(heights, (min(y1, y2), max(y1, y2)))
        if low < high:
            crossing = x1 + (heights[low:high] - y1) * ((x2 - x1) / (y2 - y1))
            inside[low:high] ^= left[low:high] < crossing
    found = np.empty_like(inside)
    found[order] = inside
    return found
