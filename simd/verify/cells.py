"""Two pictures that are aligned, cut into cells.

The part that both show is drawn from both renditions, at the same size, and cut into square cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.verify.alignment import Matrix
from simd.verify.features import LocalFeatures
from simd.verify.opencv import opencv

Array = npt.NDArray[np.float32]

_CELL, _CELLS = 12, 8
"""Pixels of a cell's edge, and cells along the longer edge."""
_FRAME = _CELL * _CELLS
_BLUR = 1.2
"""Standard deviation in pixels: what a resampling of one picture and not of the other changes goes."""
_COVERED = 0.995
"""How much of a cell both pictures must have."""
_LEAST_AREA = 0.02
"""How much of the query must be common to both."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What the cells of two aligned pictures look like; all but `region` float32 or bool `(rows, columns)`.

    Attributes:
        covered: whether both pictures have the cell.
        queried, stored: standard deviations of the grey values.
        correlation: of the grey values, -1 to 1.
        colours: mean Cr and Cb in the query and in the stored picture, `(2, rows, columns, 2)`.
        contained: how much of the smaller picture is within the other, 0 to 1.
        region: corners of what was compared, float64 `(4, 2)`, in the query and in units of its longer edge.
    """

    covered: npt.NDArray[np.bool_]
    queried: Array
    stored: Array
    correlation: Array
    colours: Array
    contained: float
    region: npt.NDArray[np.float64]


def cells(query: LocalFeatures, stored: LocalFeatures, matrix: Matrix, mirrored: bool) -> Cells | None:
    """Cut what both show into cells; None if that is next to nothing.

    Args:
        matrix: from points of the stored picture to points of the query, or of its mirror image if `mirrored`.
    """
    cv2 = opencv()
    polygon = _overlap(query, stored, matrix)
    common = _area(polygon)
    if common < _LEAST_AREA * query.width * query.height:
        return None
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    scale = _FRAME / (high - low).max()
    columns, rows = (int(max(1, min(_CELLS, round(side * scale / _CELL)))) for side in high - low)
    size = (columns * _CELL, rows * _CELL)
    frame = np.array([[scale, 0, -low[0] * scale], [0, scale, -low[1] * scale]])
    turn = np.array([[-1.0, 0, query.width], [0, 1, 0]]) if mirrored else np.eye(2, 3)
    maps = _chained(frame, turn), _chained(frame, matrix)
    a, b = (_drawn(f.grey, f, m, size) for f, m in zip((query, stored), maps, strict=True))
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(mask, np.rint((polygon - low) * scale * 16).astype(np.int32), 1, shift=4)
    mean_a, mean_b, squares_a, squares_b, products, covered = (_means(x) for x in (a, b, a * a, b * b, a * b, mask))
    deviation_a = np.sqrt(np.maximum(squares_a - mean_a * mean_a, 0))
    deviation_b = np.sqrt(np.maximum(squares_b - mean_b * mean_b, 0))
    coarse = np.array([[1 / _CELL, 0, 0], [0, 1 / _CELL, 0]])
    colours = [
        _drawn(f.chroma, f, _chained(coarse, m), (columns, rows)).reshape(rows, columns, 2)
        for f, m in zip((query, stored), maps, strict=True)
    ]
    return Cells(
        covered >= _COVERED,
        deviation_a,
        deviation_b,
        (products - mean_a * mean_b) / np.maximum(deviation_a * deviation_b, 1e-3),
        np.stack(colours),
        common
        / min(query.width * query.height, stored.width * stored.height * abs(float(np.linalg.det(matrix[:, :2])))),
        np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]),
    )


def _overlap(query: LocalFeatures, stored: LocalFeatures, matrix: Matrix) -> npt.NDArray[np.float64]:
    """Corners `(n, 2)` of the convex polygon that both pictures cover, in the query; none if there is none.

    OpenCV's `intersectConvexConvex` finds nothing in common where edges nearly coincide, as those of copies do.
    """
    polygon = _corners(stored) @ matrix[:, :2].T + matrix[:, 2]
    for axis, sign, limit in ((0, -1.0, 0.0), (0, 1.0, query.width), (1, -1.0, 0.0), (1, 1.0, query.height)):
        if len(polygon):
            polygon = _clipped(polygon, limit * sign - polygon[:, axis] * sign)
    return polygon


def _clipped(polygon: npt.NDArray[np.float64], inside: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The part of a convex polygon where a linear function, given at its corners, is not negative."""
    following, next_inside = np.roll(polygon, -1, axis=0), np.roll(inside, -1)
    crossing = (inside < 0) != (next_inside < 0)
    part = np.where(crossing, inside, 0.0) / np.where(crossing, inside - next_inside, 1.0)
    crossed = polygon + part[:, None] * (following - polygon)
    kept = np.stack([inside >= 0, crossing], axis=1)
    clipped: npt.NDArray[np.float64] = np.stack([polygon, crossed], axis=1)[kept]
    return clipped


def _area(polygon: npt.NDArray[np.float64]) -> float:
    """Of a polygon `(n, 2)`."""
    x, y = polygon.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _corners(of: LocalFeatures) -> npt.NDArray[np.float64]:
    """Of a picture, float64 `(4, 2)`, in units of its longer edge."""
    return np.array([[0, 0], [of.width, 0], [of.width, of.height], [0, of.height]])


def _chained(outer: Matrix, inner: Matrix) -> Matrix:
    """The map that does the inner one first."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.hstack([linear, (outer[:, :2] @ inner[:, 2] + outer[:, 2])[:, None]])


def _drawn(plane: npt.NDArray[np.uint8], features: LocalFeatures, matrix: Matrix, size: tuple[int, int]) -> Array:
    """A rendition drawn by a map from units of the picture's longer edge to pixels, float32."""
    cv2 = opencv()
    units = np.array([features.width / plane.shape[1], features.height / plane.shape[0]])
    linear = matrix[:, :2] * units
    # Coordinates are those of pixels' corners, OpenCV's of their centres.
    offset = matrix[:, 2] + linear @ [0.5, 0.5] - 0.5
    placed = np.hstack([linear, offset[:, None]])
    drawn = cv2.warpAffine(
        plane.astype(np.float32), placed, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    blurred: Array = cv2.GaussianBlur(drawn, (0, 0), _BLUR) if plane.ndim == 2 else drawn
    return blurred


def _means(values: Array) -> Array:
    """Of each cell."""
    rows, columns = values.shape[0] // _CELL, values.shape[1] // _CELL
    means: Array = values.reshape(rows, _CELL, columns, _CELL).mean(axis=(1, 3))
    return means
