"""Two pictures that are aligned, compared cell by cell.

The part that both show is drawn from both renditions, at the same size, and cut into square cells. A cell agrees if its
grey values correlate. A cell that is flat in one of the two tells nothing: something may have been put over it.
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
_FRAME = _CELL * _CELLS
_BLUR = 1.2
_COVERED = 0.9
_TEXTURE = 6.0
_AGREES = 0.7
_LEAST_AREA = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """What the cells of two pictures came to.

    Attributes:
        cells: how many have texture in both.
        share: of them, how many agree.
        flat: how many have texture in one only.
        recoloured: the root mean square of what no edit of all colours explains, in grey levels.
        region: corners of what was compared, float64 `(4, 2)`, in the query and in units of its longer edge.
    """

    cells: int
    share: float
    flat: int
    recoloured: float
    region: npt.NDArray[np.float64]


def agreement(query: LocalFeatures, stored: LocalFeatures, matrix: Matrix, mirrored: bool) -> Agreement | None:
    """Compare what both show; None if that is next to nothing.

    Args:
        matrix: from points of the stored picture to points of the query, or of its mirror image if `mirrored`.
    """
    cv2 = opencv()
    corners = np.array([[0, 0], [stored.width, 0], [stored.width, stored.height], [0, stored.height]])
    placed = corners @ matrix[:, :2].T + matrix[:, 2]
    whole = np.array([[0, 0], [query.width, 0], [query.width, query.height], [0, query.height]])
    area, polygon = cv2.intersectConvexConvex(placed.astype(np.float32), whole.astype(np.float32))
    if area < _LEAST_AREA * query.width * query.height or polygon is None:
        return None
    polygon = polygon.reshape(-1, 2).astype(np.float64)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    scale = _FRAME / (high - low).max()
    columns, rows = (int(max(1, min(_CELLS, round(side * scale / _CELL)))) for side in high - low)
    size = (columns * _CELL, rows * _CELL)
    frame = np.array([[scale, 0, -low[0] * scale], [0, scale, -low[1] * scale]])
    turn = np.array([[-1.0, 0, query.width], [0, 1, 0]]) if mirrored else np.eye(2, 3)
    of_query, of_stored = _chained(frame, turn), _chained(frame, matrix)
    a, b = _drawn(query.grey, query, of_query, size), _drawn(stored.grey, stored, of_stored, size)
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(mask, np.rint((polygon - low) * scale * 16).astype(np.int32), 1, shift=4)
    covered = _means(mask.astype(np.float32)) >= _COVERED
    mean_a, mean_b = _means(a), _means(b)
    deviation_a = np.sqrt(np.maximum(_means(a * a) - mean_a * mean_a, 0))
    deviation_b = np.sqrt(np.maximum(_means(b * b) - mean_b * mean_b, 0))
    correlation = (_means(a * b) - mean_a * mean_b) / np.maximum(deviation_a * deviation_b, 1e-3)
    textured = covered & (np.minimum(deviation_a, deviation_b) >= _TEXTURE)
    flat = covered & (np.maximum(deviation_a, deviation_b) >= _TEXTURE) & ~textured
    agreeing = textured & (correlation > _AGREES)
    cells = int(textured.sum())
    chroma = [
        _drawn(f.chroma, f, _chained(np.array([[1 / _CELL, 0, 0], [0, 1 / _CELL, 0]]), m), (columns, rows))
        for f, m in ((query, of_query), (stored, of_stored))
    ]
    return Agreement(
        cells,
        float(agreeing.sum()) / max(cells, 1),
        int(flat.sum()),
        _recoloured(chroma[0][agreeing], chroma[1][agreeing]),
        np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]),
    )


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


def _recoloured(query: Array, stored: Array) -> float:
    """How far the chroma `(n, 2)` of one is from that of the other, made stronger or weaker, and tinted."""
    if not len(query):
        return 0.0
    q, s = query - query.mean(axis=0), stored - stored.mean(axis=0)
    factor = float(np.clip((q * s).sum() / max(float((s * s).sum()), 1e-6), 0.0, 3.0))
    return float(np.sqrt(((q - factor * s) ** 2).sum(axis=1).mean()))
