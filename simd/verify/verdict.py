"""The verdict on a pair of pictures: whether they are one picture, edited.

They are aligned by their key points, upright or, if that comes to nothing, one of them mirrored, and compared cell by
cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.verify.alignment import Matrix, align
from simd.verify.cells import Agreement, agreement
from simd.verify.features import LocalFeatures
from simd.verify.opencv import available

__all__ = ["Quadrangle", "Verdict", "available", "compare"]

Corners = npt.NDArray[np.float64]
Corner = tuple[float, float]
"""x and y as parts of a picture's width and height."""
Quadrangle = tuple[Corner, Corner, Corner, Corner]

_LEAST_CELLS = 6
_SAME = 0.7


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two pictures are one, edited.

    Attributes:
        same: whether they are: copies, parts, mirror images, recompressed, marked or partly covered ones.
        share: how much of what could be compared agrees, 0 to 1; 0 if nothing could. An answer of a search is ranked by
            its similarity + 0.3 of it.
        cells: how many cells could be compared.
        mirrored: whether the query is the mirror image of the stored picture.
        quarter_turns: how often the stored picture, mirrored left to right first if `mirrored`, is turned clockwise by
            90 degrees, to the nearest.
        region: the part of the query that was compared, and where it is in the stored picture: corners in the same
            order. None if they could not be aligned.
    """

    same: bool
    share: float
    cells: int
    mirrored: bool
    quarter_turns: int
    region: tuple[Quadrangle, Quadrangle] | None


NOTHING = Verdict(False, 0.0, 0, False, 0, None)


def compare(query: LocalFeatures, stored: LocalFeatures) -> Verdict:
    """The verdict on two pictures; the same for the same features.

    Mirror images are recognised if the query has `mirrored`.

    Raises:
        ConfigError: the extra `verify` is not installed.
    """
    best = NOTHING
    for mirrored in (False, True):
        descriptors = query.mirrored if mirrored else query.descriptors
        if descriptors is None:
            break
        points = np.array([query.width, 0], np.float32) - query.points * [1, -1] if mirrored else query.points
        found = align(points.astype(np.float32), descriptors, stored.points, stored.descriptors)
        compared = found and agreement(query, stored, found.matrix, mirrored)
        if found and compared:
            verdict = _verdict(query, stored, found.matrix, compared, mirrored)
            if verdict.same:
                return verdict
            best = max(best, verdict, key=lambda verdict: verdict.share)
    return best


def _verdict(
    query: LocalFeatures, stored: LocalFeatures, matrix: Matrix, compared: Agreement, mirrored: bool
) -> Verdict:
    enough = compared.cells >= _LEAST_CELLS
    turns = round(float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))) / 90) % 4
    return Verdict(
        enough and compared.share >= _SAME,
        compared.share if enough else 0.0,
        compared.cells,
        mirrored,
        -turns % 4 if mirrored else turns,
        _regions(query, stored, matrix, compared, mirrored),
    )


def _regions(
    query: LocalFeatures, stored: LocalFeatures, matrix: Matrix, compared: Agreement, mirrored: bool
) -> tuple[Quadrangle, Quadrangle]:
    """What was compared, in both."""
    inside = (compared.region - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    seen = compared.region * [-1, 1] + [query.width, 0] if mirrored else compared.region
    return _quadrangle(seen / [query.width, query.height]), _quadrangle(inside / [stored.width, stored.height])


def _quadrangle(corners: Corners) -> Quadrangle:
    a, b, c, d = ((float(x), float(y)) for x, y in np.clip(corners, 0, 1))
    return a, b, c, d
