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
_LEAST_MATCHES = 6
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


def align(query: Points, queried: Descriptors, stored: Points, described: Descriptors) -> Alignment | None:
    """The similarity transform that most matches agree on; None if too few do. The same for the same arguments.

    Args:
        query, stored: key points `(n, 2)` in units of the longer edge.
        queried, described: their descriptors.
    """
    if min(len(query), len(stored)) < _LEAST_MATCHES:
        return None
    i, j = _matches(queried, described)
    if len(i) < _LEAST_MATCHES:
        return None
    matrix, inliers = opencv().estimateAffinePartial2D(
        stored[j], query[i], ransacReprojThreshold=_REACH, maxIters=_ITERATIONS, confidence=_CONFIDENCE
    )
    if matrix is None or not _SCALES[0] < np.hypot(matrix[0, 0], matrix[1, 0]) < _SCALES[1]:
        return None
    places = np.rint(stored[j[inliers.ravel() > 0]] * 128).astype(np.int64)
    return Alignment(matrix, len(np.unique(places @ [1024, 1])))


def _matches(queried: Descriptors, described: Descriptors) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Numbers of the points of the query and of the stored picture that match, each of these once."""
    cv2 = opencv()
    distances, nearest = cv2.batchDistance(queried, described, dtype=cv2.CV_32S, normType=cv2.NORM_HAMMING, K=2)
    i = np.flatnonzero(distances[:, 0] < _RATIO * distances[:, 1])
    order = np.argsort(distances[i, 0], kind="stable")
    j, first = np.unique(nearest[i[order], 0], return_index=True)
    return i[order][first], j
