"""One answer: what suggestions are taken from, and in which order.

What images gain by a suggestion is measured on *probes*, a sample of all that are neither labelled nor the same
picture; suggestions are chosen among *candidates*, other samples. All images are both where there are no more than so
many. With more images memory grows by their ids only, and work by reading them, and by comparing the probes with each
labelled one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from simd.errors import TooFewLabels
from simd.featurize.models.spec import Levels
from simd.index.base import View
from simd.insight.suggest.distinct import Distinct
from simd.insight.suggest.ground import Ground
from simd.insight.suggest.nearest import Neighbours
from simd.insight.suggest.pool import Pool
from simd.insight.suggest.reasons import reason
from simd.insight.suggest.sample import shuffled
from simd.insight.suggest.strategies import Choosers
from simd.insight.suggest.suggestion import Question, Strategy, Suggested, Suggestion
from simd.insight.suggest.vectors import Vectors
from simd.jobs.jobs import Progress
from simd.types import ImageId

_UNSURE = 0.5
"""How uncertain an image is that lies between two labels: their shares are 0.75 and 0.25."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many images are compared with each other: so many probes, and so many candidates at a time."""

    probes: int = 8192
    candidates: int = 8192


@dataclass(frozen=True, slots=True)
class _Taken:
    """What was chosen: by what, for how many images it stands that nothing before it does, what share is covered then,
    and how alike the most alike image that was taken before is to it."""

    image_id: ImageId
    value: float
    covers: int
    share: float
    alike: float


class Making:
    """One answer, made once.

    Args:
        view: the index.
        pool: which images there are.
        question: what is asked.
        levels: what is known of the model.
        progress: told of how many images were read and compared.
        sizes: how many are compared with each other.

    Raises:
        TooFewLabels: the strategy is `uncertain`, and no two images are labelled differently.
    """

    def __init__(
        self, view: View, pool: Pool, question: Question, levels: Levels | None, progress: Progress, sizes: Sizes
    ) -> None:
        uncertain = question.strategy is Strategy.UNCERTAIN
        if uncertain and np.unique(pool.label).size < 2:
            raise TooFewLabels(
                "nothing is uncertain: the strategy `uncertain` needs images of two different labels",
                remedy="label some that the strategy `coverage` suggests",
            )
        self._view = view
        self._pool = pool
        self._strategy = question.strategy
        self._progress = progress
        self._size = sizes.candidates
        self._most = min(question.limit, len(pool.free))
        self._vectors = Vectors(view, progress.step)
        order = shuffled(pool.free)
        count = min(sizes.probes, order.size)
        # Those that are no probes come first: none is to have the better of the others by being one.
        self._candidates = np.concatenate([order[count:], order[:count]])
        self._own = np.concatenate([np.full(order.size - count, -1), np.arange(count)])
        progress.expect(self._vectors.cost(count) + self._vectors.cost(len(pool.labelled)) + self._most)
        self._ground = Ground(self._vectors, pool, order[:count], levels, uncertain=uncertain)
        self._distinct = Distinct(view, pool, self._ground.scale.same, self._most)

    def make(self) -> Suggested:
        """The answer."""
        before = self._ground.share
        taken = list(islice(self._chosen(), self._most))
        return Suggested(
            images=self._pool.images,
            labelled=self._pool.labelled_images,
            same_as_labelled=self._pool.same,
            coverage=before,
            estimated=self._ground.is_part,
            suggestions=self._told(taken),
        )

    def _chosen(self) -> Iterator[_Taken]:
        """All that can be suggested, in order."""
        choosers = Choosers(self._strategy, self._vectors, self._pool.labelled, self._ground, self._progress)
        left = choosers.order(self._pool.free, self._candidates, self._own)
        while left.size:
            some, left = left[: self._size], left[self._size :]
            rows = self._candidates[some]
            self._expect(self._vectors.cost(rows.size) + choosers.cost(rows.size))
            ids, vectors = self._pool.free[rows], self._vectors.of(self._pool.free[rows])
            chooser = choosers.of(vectors, self._own[some], self._distinct.taken)
            offered = np.zeros(some.size, np.bool_)
            # The worse half of a sample is no better than the better half of the next one.
            most = max(1, some.size // 2) if left.size else some.size
            while most and (choice := chooser.next()) is not None:
                self._progress.step()
                offered[choice.row] = True
                image_id, vector = ImageId(ids[choice.row].tobytes()), vectors[choice.row]
                if self._distinct.admits(image_id, vector):
                    alike = float((self._distinct.taken @ vector).max(initial=-1.0))
                    self._distinct.take(image_id, vector)
                    chooser.take(choice.row)
                    covers = self._ground.take(vector)
                    self._progress.step(1)
                    yield _Taken(image_id, choice.value, covers, self._ground.share, alike)
                    most -= 1
            left = np.concatenate([left, some[~offered]])

    def _told(self, taken: Sequence[_Taken]) -> list[Suggestion]:
        pool, reach, neighbours = self._pool, self._ground.scale.reach, Neighbours(self._distinct.taken)
        self._expect(self._vectors.cost(len(pool.labelled)))
        for rows, vectors in self._vectors.blocks(pool.labelled if taken else pool.labelled[:0]):
            neighbours.meet(rows, vectors, pool.label[rows])
        # What is like nothing that is labelled lies between any two labels.
        unsure = (neighbours.margins.uncertainty() >= _UNSURE) & (neighbours.margins.first >= reach)
        suggestions = []
        for number, one in enumerate(taken):
            self._progress.step()
            kinds = [int(numbers[number]) for numbers in (neighbours.margins.label, neighbours.margins.other)]
            between = [pool.kinds[kind] for kind in kinds] if unsure[number] and min(kinds) >= 0 else []
            alike = max(one.alike, float(neighbours.margins.first[number]))
            covers = max(one.covers, int(alike < reach))
            why = reason(
                self._strategy,
                one.value,
                covers,
                estimated=self._ground.is_part,
                any_labelled=len(pool.labelled) > 0,
                between=between if self._strategy is Strategy.UNCERTAIN else (),
            )
            nearest = neighbours.of(number, pool.labelled, self._view)
            suggestions.append(Suggestion(one.image_id, covers, one.share, nearest, why, one.value))
        return suggestions

    def _expect(self, more: int) -> None:
        self._progress.expect(self._progress.total + more)
