"""The verdict on a pair of pictures: whether they are one picture, edited.

They are aligned by their key points, upright or, if that comes to nothing, one of them mirrored, and compared cell by
cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.verify.agreement import agreement, plainness
from simd.verify.alignment import LEAST_MATCHES, Alignment, align
from simd.verify.cells import cells
from simd.verify.features import POINTS, Descriptors, LocalFeatures, Points
from simd.verify.opencv import available

__all__ = ["Effort", "Quadrangle", "Verdict", "available", "compare", "compare_whole"]

Corner = tuple[float, float]
"""x and y as parts of a picture's width and height."""
Quadrangle = tuple[Corner, Corner, Corner, Corner]


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
        weakest: the least correlation of a cell that could be compared, -1 to 1.
        added: the greatest standard deviation, in grey levels, of a cell that is flat in the other picture.
    """

    same: bool
    share: float
    cells: int
    mirrored: bool
    quarter_turns: int
    region: tuple[Quadrangle, Quadrangle] | None
    weakest: float = -1.0
    added: float = 0.0


NOTHING = Verdict(False, 0.0, 0, False, 0, None)


@dataclass(frozen=True, slots=True)
class Effort:
    """With fewer matches than that, or fewer inliers, two pictures are not looked at any further."""

    matches: int = LEAST_MATCHES
    inliers: int = 0


WHOLE = Effort()


def compare(query: LocalFeatures, stored: LocalFeatures, effort: Effort = WHOLE) -> Verdict:
    """The verdict on two pictures; the same for the same features.

    Mirror images are recognised if the query has `mirrored`.

    Args:
        query, stored: the pictures.
        effort: when to give up, for whoever compares many.

    Raises:
        ConfigError: the extra `verify` is not installed.
    """
    upright = _compared(query, query.points, query.descriptors, stored, effort, mirrored=False)
    if upright.same or query.mirrored is None:
        return upright
    flipped = np.array([query.width, 0], np.float32) + query.points * np.array([-1, 1], np.float32)
    mirrored = _compared(query, flipped, query.mirrored, stored, effort, mirrored=True)
    return max(upright, mirrored, key=lambda verdict: (verdict.same, verdict.share))


def compare_whole(query: LocalFeatures, stored: LocalFeatures, *, mirrored: bool, quarter_turns: int) -> Verdict:
    """The verdict on two pictures of which one would be the whole of the other: it needs no key points.

    Args:
        query, stored: the pictures.
        mirrored, quarter_turns: how the stored picture would lie in the query, as a `Verdict` has it.

    Raises:
        ConfigError: the extra `verify` is not installed.
    """
    angle = np.radians(-90.0 * quarter_turns if mirrored else 90.0 * quarter_turns)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([stored.width, stored.height]) / 2
    offset = np.array([query.width, query.height]) / 2 - turn @ middle
    return _aligned(query, stored, Alignment(np.hstack([turn, offset[:, None]]), POINTS), mirrored=mirrored)


def _compared(
    query: LocalFeatures,
    points: Points,
    descriptors: Descriptors,
    stored: LocalFeatures,
    effort: Effort,
    *,
    mirrored: bool,
) -> Verdict:
    """The verdict on the query, or on its mirror image with these points."""
    alignment = align(points, descriptors, stored.points, stored.descriptors, effort.matches)
    if alignment is None or alignment.inliers < effort.inliers:
        return NOTHING
    return _aligned(query, stored, alignment, mirrored=mirrored)


def _aligned(query: LocalFeatures, stored: LocalFeatures, alignment: Alignment, *, mirrored: bool) -> Verdict:
    """The verdict on the query, or on its mirror image, where the stored picture lies in it like this."""
    matrix = alignment.matrix
    found = cells(query, stored, matrix, mirrored)
    if found is None:
        return NOTHING
    judged = agreement(found, alignment, plainness(stored.grey))
    turns = round(float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))) / 90) % 4
    inside = (found.region - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    seen = found.region * [-1, 1] + [query.width, 0] if mirrored else found.region
    return Verdict(
        judged.same,
        judged.share,
        judged.cells,
        mirrored,
        -turns % 4 if mirrored else turns,
        (_quadrangle(seen / [query.width, query.height]), _quadrangle(inside / [stored.width, stored.height])),
        judged.weakest,
        judged.added,
    )


def _quadrangle(corners: npt.NDArray[np.float64]) -> Quadrangle:
    a, b, c, d = ((float(x), float(y)) for x, y in np.clip(corners, 0, 1))
    return a, b, c, d
