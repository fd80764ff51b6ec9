"""Rows that look again at the first answers of a descriptor: by local features of both pictures.

A `Verifier` extracts what it needs of a picture and says of two pictures which share of them agrees, 0 to 1. An answer
is then ranked by its similarity and `WEIGHT` times that share: where nothing is found all stays as it was.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.answers import Answers
from benchmarks.copies import Bench
from benchmarks.edits import EDITS
from benchmarks.renditions import Source, fitted, kept, workers
from simd.types import Pixels
from simd.verify import features, verdict

WEIGHT = 0.3
EDGE = 512

_ASKED = 600
_LEAST = 6
_ENOUGH = 30
_RATIO = 0.82


class Verifier(Protocol):
    """Compares two pictures; is sent to other processes."""

    @property
    def name(self) -> str:
        """In the table."""

    @property
    def version(self) -> str:
        """Of what it computes."""

    @property
    def stored_bytes(self) -> int:
        """What it keeps of a picture, at most."""

    def extract(self, pixels: Pixels, asked: bool) -> Any:
        """What it needs of a picture, uint8 `(height, width, 3)`, at most 512 pixels long.

        Args:
            asked: whether it is the query, and not in the collection.
        """

    def share(self, query: Any, stored: Any) -> float:
        """How much of the two pictures agrees, 0 to 1."""


@dataclass(frozen=True, slots=True)
class KeyPoints:
    """Matches of key points that agree on one similarity transform; 30 at different places make a share of 1.

    Args:
        name: "ORB", "AKAZE" or "SIFT".
        stored: how many points are kept of a picture in the collection; of a query it is 600.
        point_bytes: what one takes, its place included.
    """

    name: str
    stored: int
    point_bytes: int

    @property
    def version(self) -> str:
        """OpenCV's."""
        import cv2

        return f"{cv2.__version__}-{self.stored}"

    @property
    def stored_bytes(self) -> int:
        """All the points."""
        return self.stored * self.point_bytes

    def extract(self, pixels: Pixels, asked: bool) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any]] | None:
        """Places `(n, 2)` and descriptors of the strongest points; None if there are too few."""
        import cv2

        cv2.setNumThreads(1)
        grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
        if max(grey.shape) < EDGE:
            # Key points need room: small pictures are enlarged, at most twice.
            factor = min(2.0, EDGE / max(grey.shape))
            grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        points, described = self._detector(cv2).detectAndCompute(grey, None)
        if described is None or len(points) < _LEAST:
            return None
        best = np.argsort([-point.response for point in points], kind="stable")[: _ASKED if asked else self.stored]
        return np.array([points[i].pt for i in best], np.float32), described[best]

    def share(self, query: Any, stored: Any) -> float:
        """Inliers at different places, of 30."""
        if query is None or stored is None:
            return 0.0
        import cv2

        norm = cv2.NORM_L2 if self.name == "SIFT" else cv2.NORM_HAMMING
        pairs = cv2.BFMatcher(norm).knnMatch(query[1], stored[1], 2)
        good = [two[0] for two in pairs if len(two) == 2 and two[0].distance < _RATIO * two[1].distance]
        i, j = (np.array([getattr(each, end) for each in good], np.int64) for end in ("queryIdx", "trainIdx"))
        j, first = np.unique(j, return_index=True)
        i = i[first]
        if len(i) < _LEAST:
            return 0.0
        matrix, inliers = cv2.estimateAffinePartial2D(
            query[0][i], stored[0][j], method=cv2.RANSAC, ransacReprojThreshold=6.0, maxIters=500, confidence=0.99
        )
        if matrix is None or not 0.1 < np.hypot(matrix[0, 0], matrix[1, 0]) < 10:
            return 0.0
        places = np.round(stored[0][j][inliers.ravel() > 0] / 4)
        return min(1.0, len(np.unique(places, axis=0)) / _ENOUGH)

    def _detector(self, cv2: Any) -> Any:
        match self.name:
            case "SIFT":
                return cv2.SIFT_create(nfeatures=_ASKED, contrastThreshold=0.02)
            case "AKAZE":
                return cv2.AKAZE_create(threshold=0.0006)
            case _:
                return cv2.ORB_create(nfeatures=_ASKED, fastThreshold=8)


@dataclass(frozen=True, slots=True)
class Own:
    """The project's own verification, `simd.verify`."""

    name: str = "verified"

    @property
    def version(self) -> str:
        """Of its files."""
        folder = Path(verdict.__file__).parent
        text = b"".join(file.read_bytes() for file in sorted(folder.glob("*.py")))
        return hashlib.blake2b(text, digest_size=8).hexdigest()

    @property
    def stored_bytes(self) -> int:
        """The most that it keeps."""
        return features.MAX_BYTES

    def extract(self, pixels: Pixels, asked: bool) -> Any:
        """Its local features."""
        return features.extract(pixels, mirrored=asked)

    def share(self, query: Any, stored: Any) -> float:
        """Of its verdict."""
        return verdict.compare(query, stored).share


def verifiers() -> list[Verifier]:
    """The project's own, and others that have key points alone; none where OpenCV is not installed."""
    if importlib.util.find_spec("cv2") is None:
        print("nothing is verified: run `pip install 'simd-images[verify]'`", file=sys.stderr)
        return []
    points = [KeyPoints("ORB", 500, 38), KeyPoints("AKAZE", 300, 67), KeyPoints("SIFT", 150, 134)]
    return [Own(), *points]


def verified(of: Bench, answers: Answers, verifier: Verifier, processes: int) -> tuple[Answers, float]:
    """The answers ranked anew, and the milliseconds of CPU that a query took, decoding left out."""
    inputs = hashlib.blake2b(of.pictures.key.encode(), digest_size=12)
    for queries in of.queries.values():
        inputs.update(queries.key.encode())
    for asked in (answers.picture, answers.edit, answers.rows):
        inputs.update(np.ascontiguousarray(asked).tobytes())
    found = kept(
        f"{verifier.name}-{verifier.version}-{inputs.hexdigest()}",
        lambda: _compared(of, answers, verifier, processes),
    )
    similarity = answers.similarity + WEIGHT * found["share"].astype(np.float32)
    order = np.argsort(-similarity, axis=1, kind="stable")
    ranked = replace(
        answers,
        rows=np.take_along_axis(answers.rows, order, 1),
        similarity=np.take_along_axis(similarity, order, 1),
    )
    return ranked, float(found["ms"].astype(np.float64))


def _compared(of: Bench, answers: Answers, verifier: Verifier, processes: int) -> dict[str, npt.NDArray[np.generic]]:
    print(f"{verifier.name}: {len(answers.picture)} queries", file=sys.stderr)
    edits = list(EDITS)
    with workers(processes) as pool:
        rows = np.unique(answers.rows)
        sources = [of.pictures.sources[row] for row in rows]
        extracted = pool.map(partial(_extracted, verifier), sources, chunksize=16)
        stored = dict(zip(rows.tolist(), extracted, strict=True))
        jobs = [
            (of.queries[edits[edit]].sources[picture], [stored[row] for row in found.tolist()])
            for edit, picture, found in zip(answers.edit, answers.picture, answers.rows, strict=True)
        ]
        compared = list(pool.map(partial(_shares, verifier), jobs, chunksize=4))
    share = np.array([shares for shares, _ in compared], np.float32)
    return {"share": share, "ms": np.array(np.mean([ms for _, ms in compared]))}


def _extracted(verifier: Verifier, source: Source) -> Any:
    return verifier.extract(fitted(source, EDGE), asked=False)


def _shares(verifier: Verifier, job: tuple[Source, Sequence[Any]]) -> tuple[list[float], float]:
    source, stored = job
    pixels = fitted(source, EDGE)
    began = time.process_time()
    query = verifier.extract(pixels, asked=True)
    shares = [verifier.share(query, each) for each in stored]
    return shares, 1000 * (time.process_time() - began)
