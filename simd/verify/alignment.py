"""How one picture lies in another: matching key points, and the similarity transform that most of them agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.verify.features import Descriptors, Points
from simd.verify.opencv import opencv

Matrix = npt.NDArray[np.float64]
"""`(2, 3)`: an affine map of points in units of the longer edge."""

_RATIO = 0.82
"""How much nearer the best match must be than the second best."""
LEAST_MATCHES = 6
"""With fewer there is no alignment."""
_SAMPLE, _SAMPLE_MATCHES, _SAMPLE_RATIO = 64, 3, 0.7
"""Of so many points of a picture so many match clearly if it is found in another one: of 1,000 copies 3 have fewer, of
other pictures that look like it two thirds."""
_REACH = 6.0 / 512
"""How far a point may be from where the transform puts it."""
_ITERATIONS, _CONFIDENCE = 500, 0.99
_SCALES = (0.1, 10.0)


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Where the stored picture lies in the query.

    Attributes:
        matrix: from points of the stored picture to points of the query.
        inliers: matches at distinct places that agree on it.
    """

    matrix: Matrix
    inliers: int


def align(
    query: Points, queried: Descriptors, stored: Points, described: Descriptors, least: int = LEAST_MATCHES
) -> Alignment | None:
    """The similarity transform that most matches agree on; None if too few do. The same for the same arguments.

    Args:
        query, stored: key points `(n, 2)` in units of the longer edge.
        queried, described: their descriptors.
        least: so many matches are not too few.
    """
    if min(len(query), len(stored)) < least:
        return None
    i, j = _matches(queried, described)
    if len(i) < least:
        return None
    matrix, inliers = opencv().estimateAffinePartial2D(
        stored[j], query[i], ransacReprojThreshold=_REACH, maxIters=_ITERATIONS, confidence=_CONFIDENCE
    )
    if matrix is None or not _SCALES[0] < np.hypot(matrix[0, 0], matrix[1, 0]) < _SCALES[1]:
        return None
    places = np.rint(stored[j[inliers.ravel() > 0]] * 128).astype(np.int64)
    return Alignment(matrix, len(np.unique(places @ [1024, 1])))


def may_align(queried: Descriptors, described: Descriptors) -> bool:
    """Whether `align` may find enough, by some points of the query: for whoever rather misses a few copies than
    compares all that looks alike."""
    if len(queried) <= _SAMPLE or len(described) < 2:
        return True
    sample = queried[np.linspace(0, len(queried) - 1, _SAMPLE).astype(np.intp)]
    return int(_stands_out(sample, described, _SAMPLE_RATIO)[0].sum()) >= _SAMPLE_MATCHES


def _matches(queried: Descriptors, described: Descriptors) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Numbers of the points of the query and of the stored picture that match, each of these once."""
    stands_out, distances, nearest = _stands_out(queried, described)
    i = np.flatnonzero(stands_out)
    order = np.argsort(distances[i], kind="stable")
    j, first = np.unique(nearest[i[order]], return_index=True)
    return i[order][first], j


def _stands_out(
    queried: Descriptors, described: Descriptors, ratio: float = _RATIO
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """For each point of the query whether its best match is much nearer than the second best; how far, and which it
    is."""
    cv2 = opencv()
    distances, nearest = cv2.batchDistance(queried, described, dtype=cv2.CV_32S, normType=cv2.NORM_HAMMING, K=2)
    return distances[:, 0] < ratio * distances[:, 1], distances[:, 0], nearest[:, 0]
