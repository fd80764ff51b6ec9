"""Which images of a set are one picture, as simd finds it out: each one's nearest, judged by local features."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.judging import AMONG, FLOOR, features_of, judged
from benchmarks.renditions import Source, kept, workers
from simd.insight.pairs.judge import RULES_VERSION
from simd.types import Vector

_AT_ONCE = 1024


def same_pictures(name: str, sources: Sequence[Source], vectors: Vector, processes: int) -> npt.NDArray[np.int64]:
    """`(p, 2)`, rows of images that are judged to be one picture; kept in `.cache/quality`.

    Args:
        name: of the set.
        sources: the images.
        vectors: float32 `(n, d)`, theirs, L2-normalised; zeros where there is none.
        processes: that compare.
    """

    def made() -> dict[str, npt.NDArray[np.generic]]:
        pairs = _alike(vectors)
        print(f"comparing {len(pairs)} pairs of {len(sources)} pictures: {name}", file=sys.stderr)
        rows = np.unique(pairs).tolist()
        with workers(processes) as pool:
            features = dict(zip(rows, pool.map(features_of, [sources[row] for row in rows], chunksize=16), strict=True))
            asked = [(features[one], features[other]) for one, other in pairs.tolist()]
            same = np.fromiter(pool.map(judged, asked, chunksize=64), np.bool_, len(asked))
        return {"pairs": pairs[same]}

    whole = "\n".join([str(RULES_VERSION), *(source.identity for source in sources)])
    digest = hashlib.blake2b(whole.encode() + vectors.tobytes(), digest_size=12).hexdigest()
    return kept(f"same-{name}-{digest}", made)["pairs"].astype(np.int64)


def _alike(vectors: Vector) -> npt.NDArray[np.int64]:
    """Pairs that are looked at: each image with the nearest of those that are alike at all."""
    found = []
    for start in range(0, len(vectors), _AT_ONCE):
        similarity = vectors[start : start + _AT_ONCE] @ vectors.T
        rows = np.arange(len(similarity))
        similarity[rows, start + rows] = -1.0
        nearest = np.argpartition(-similarity, min(AMONG, len(vectors) - 1) - 1, axis=1)[:, :AMONG]
        one, place = np.nonzero(np.take_along_axis(similarity, nearest, axis=1) >= FLOOR)
        found.append(np.sort(np.stack([start + one, nearest[one, place]], axis=1), axis=1))
    return np.unique(np.concatenate(found), axis=0)
