"""What chooses among candidates, by strategy."""

from __future__ import annotations

import numpy as np

from simd.insight.suggest.choice import Chooser, InOrder
from simd.insight.suggest.ground import Ground
from simd.insight.suggest.herding import Herding
from simd.insight.suggest.kernel import Floats, distance
from simd.insight.suggest.sample import Rows
from simd.insight.suggest.spreading import Spreading, apart
from simd.insight.suggest.suggestion import Strategy
from simd.insight.suggest.vectors import Vectors
from simd.jobs.jobs import Progress
from simd.types import Vector
from simd.vectors.ids import Ids

_REFERENCES = 1024
"""Probes that all images are compared with, where a part of them is to be found."""
_NEIGHBOURS = 5
"""An outlier has fewer images near it; one would not do, as copies of a picture come in twos and threes."""


class Choosers:
    """Makes what chooses among some candidates.

    Args:
        strategy: how.
        vectors: of the images.
        labelled: which of them are labelled, sorted uint8 `(n, 16)`.
        ground: what a suggestion gains.
        progress: told of how many images are read and compared.
    """

    def __init__(self, strategy: Strategy, vectors: Vectors, labelled: Ids, ground: Ground, progress: Progress) -> None:
        self._strategy = strategy
        self._vectors = vectors
        self._labelled = labelled
        self._ground = ground
        self._progress = progress

    def cost(self, count: int) -> int:
        """How many images are read and compared for so many candidates."""
        labelled = self._vectors.cost(len(self._labelled))
        return {Strategy.RANDOM: 0, Strategy.DIVERSE: labelled, Strategy.OUTLIERS: labelled + count}.get(
            self._strategy, count
        )

    def order(self, free: Ids, rows: Rows, own: Rows) -> Rows:
        """In which order images become candidates, as numbers of `rows`: their own, which is no one's choice.

        Outliers are so few that a sample would have next to none of them. All images are compared with some probes, and
        those that are farthest from the nearest of them come first, which takes most of the time.

        Args:
            free: all that can be suggested, sorted uint8 `(n, 16)`.
            rows: of them, `(n,)`, in an order that is no one's choice.
            own: `(n,)`, which probe each of `rows` is; -1 for those that are none.
        """
        if self._strategy is not Strategy.OUTLIERS or not self._ground.is_part:
            return np.arange(rows.size)
        self._progress.expect(self._progress.total + self._vectors.cost(rows.size))
        some = self._ground.probes[:_REFERENCES]
        reference = np.empty(rows.size, np.intp)
        reference[rows] = np.where(own < len(some), own, -1)
        away = np.empty(rows.size, np.float32)
        for found, vectors in self._vectors.blocks(free):
            away[found] = apart(vectors, some, reference[found], 1)
        return np.argsort(-away[rows], kind="stable")

    def of(self, candidates: Vector, own: Rows, taken: Vector) -> Chooser:
        """What chooses among candidates.

        Args:
            candidates: float32 `(c, dimension)`, in an order that is no one's choice.
            own: `(c,)`, which probe each one is; -1 for those that are none.
            taken: float32 `(n, dimension)`, what was taken of other candidates.
        """
        ground, step = self._ground, self._progress.step
        if self._strategy is Strategy.RANDOM:
            return InOrder(len(candidates))
        if self._strategy in (Strategy.COVERAGE, Strategy.UNCERTAIN):
            return Herding(candidates, ground.probes, ground.covered, ground.weights, step=step)
        bounds = self._from_others(candidates, taken)
        if self._strategy is Strategy.OUTLIERS:
            # Of a sample of one in ten, the first is as near as the tenth of all.
            k = max(1, round(_NEIGHBOURS / ground.times))
            np.minimum(bounds, apart(candidates, ground.probes, own, k, step), out=bounds)
        return Spreading(candidates, bounds)

    def _from_others(self, candidates: Vector, taken: Vector) -> Floats:
        """How far candidates are from all that is labelled or taken; 2, which is opposite, where nothing is."""
        nearest = (candidates @ taken.T).max(axis=1, initial=-1.0)
        for _, labelled in self._vectors.blocks(self._labelled):
            np.maximum(nearest, (candidates @ labelled.T).max(axis=1), out=nearest)
        return distance(nearest)
