"""The farthest first: candidates that are far from all that is labelled or taken. Pure.

K-center greedy (Gonzalez 1985; Sener, Savarese: "Active Learning for Convolutional Neural Networks: A Core-Set
Approach", arXiv 1708.00489) takes the candidate whose nearest labelled or taken image is farthest away. Outliers are
those whose k-th nearest image is far away (Ramaswamy, Rastogi, Shim: "Efficient algorithms for mining outliers from
large data sets", 2000): the same with that distance as a bound, so that of twins far from everything the second is near
the first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simd.insight.suggest.choice import Choice
from simd.insight.suggest.kernel import Floats, distance
from simd.insight.suggest.sample import Rows
from simd.types import Vector

_AT_ONCE = 256
_GONE = -1.0


class Spreading:
    """Candidates by how far they are from all that was taken.

    Args:
        candidates: float32 `(c, dimension)`, L2-normalised; of equals the first is chosen.
        bounds: float32 `(c,)`, the greatest distance that each may have; changed by this.
    """

    def __init__(self, candidates: Vector, bounds: Floats) -> None:
        self._candidates = candidates
        self._bounds = bounds

    def next(self) -> Choice | None:
        """The farthest candidate, which is then out of the choice; None if none is left."""
        row = int(np.argmax(self._bounds)) if self._bounds.size else -1
        if row < 0 or self._bounds[row] < 0:
            return None
        value = float(self._bounds[row])
        self._bounds[row] = _GONE
        return Choice(row, value)

    def take(self, row: int) -> None:
        """A candidate is one of those that the others are to be far from."""
        np.minimum(self._bounds, distance(self._candidates @ self._candidates[row]), out=self._bounds)


def apart(
    candidates: Vector,
    probes: Vector,
    own: Rows,
    k: int,
    step: Callable[[int], None] = lambda count: None,
) -> Floats:
    """The distance of each candidate to its `k`-th nearest probe, float32 `(c,)`; 2 where there are fewer others.

    Args:
        candidates, probes: float32 `(c, dimension)` and `(p, dimension)`, L2-normalised.
        own: `(c,)`, the row in `probes` that is the candidate itself, and does not count; -1 if none is.
        k: 1 at least.
        step: told of how many candidates were compared; what it raises ends the work.
    """
    found = np.full(len(candidates), 2.0, np.float32)
    for start in range(0, len(candidates) if len(probes) > k else 0, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        similarities = candidates[some] @ probes.T
        its = own[some]
        similarities[its >= 0, its[its >= 0]] = -np.inf
        last = len(probes) - k
        kth = similarities.max(axis=1) if k == 1 else np.partition(similarities, last, axis=1)[:, last]
        found[some] = distance(np.maximum(kth, np.float32(-1.0)))
        step(len(similarities))
    return found
