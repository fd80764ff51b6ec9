"""What is answered to the queries of the table of quality, which of it is right, and the figures that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.copies import PRESENT, Bench
from benchmarks.descriptors import Descriptor
from benchmarks.edits import EDITS
from benchmarks.renditions import Pictures
from simd.types import Vector

Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

ANSWERS = 20
_NEAREST = 10
_RESAMPLES = 2000
_PRECISION = 0.99


@dataclass(frozen=True)
class Answers:
    """What was answered to all the queries, one after the other.

    Attributes:
        picture: `(q,)`, which picture it is a copy of, a number below 600.
        edit: `(q,)`, the place of its kind in `EDITS`.
        rows: `(q, 20)`, of the collection, best first.
        similarity: `(q, 20)`, falling.
        offset: `(q,)`, how alike the query is to everything; None if that was not measured.
    """

    picture: Rows
    edit: Rows
    rows: Rows
    similarity: Vector
    offset: Vector | None

    def only(self, queries: Bools) -> Answers:
        """Those to some of the queries."""
        offset = None if self.offset is None else self.offset[queries]
        return Answers(self.picture[queries], self.edit[queries], self.rows[queries], self.similarity[queries], offset)


@dataclass(frozen=True)
class Verdicts:
    """Answers and whether they are right.

    Attributes:
        right: `(q, 20)`.
        present: `(q,)`, whether there is a right answer at all.
    """

    answers: Answers
    right: Bools
    present: Bools

    def recall(self, asked: Bools, k: int) -> float:
        """The share of the queries with a right one among the first k; NaN if there are none."""
        found = self.right[asked & self.present, :k].sum(axis=1) > 0
        return float(found.mean()) if found.size else float("nan")

    def interval(self, asked: Bools) -> tuple[float, float]:
        """The 95 % interval of recall@1."""
        chosen = asked & self.present
        pictures, place = np.unique(self.answers.picture[chosen], return_inverse=True)
        counts = np.bincount(place).astype(np.float64)
        found = np.bincount(place, weights=self.right[chosen, 0])
        drawn = np.random.default_rng(0).integers(0, len(pictures), (_RESAMPLES, len(pictures)))
        low, high = np.percentile(found[drawn].sum(1) / counts[drawn].sum(1), [2.5, 97.5])
        return float(low), float(high)

    def precision(self, asked: Bools, normalised: bool = False) -> tuple[float, float]:
        """muAP, and the recall at precision 0.99. Of several right answers the best counts, and no other; where
        answers are equally alike the wrong ones come first."""
        similarity = self.answers.similarity.astype(np.float64)
        if normalised and self.answers.offset is not None:
            similarity = similarity - self.answers.offset[:, np.newaxis]
        chosen = asked & self.present
        best = np.where(self.right, similarity, -np.inf).max(1)[chosen]
        right = np.sort(best[np.isfinite(best)])[::-1]
        wrong = np.sort(similarity[asked][~self.right[asked]])
        before = len(wrong) - np.searchsorted(wrong, right, side="left")
        rank = np.arange(1, len(right) + 1)
        precision = rank / (rank + before)
        count = max(1, int(chosen.sum()))
        enough = rank[precision >= _PRECISION]
        return float(precision.sum() / count), float(enough.max(initial=0) / count)


def search(of: Bench, descriptor: Descriptor, background: Pictures | None) -> tuple[Answers, float]:
    """What a descriptor answers, and the milliseconds that it takes for a picture."""
    found, ms = descriptor.describe(of.pictures)
    collection = found[of.kept]
    others = None if background is None else descriptor.describe(background)[0]
    parts: list[Answers] = []
    for number, edit in enumerate(EDITS):
        valid = np.flatnonzero(of.valid[edit])
        queries = descriptor.describe(of.queries[edit])[0][valid]
        similarity = queries @ collection.T
        first = np.argpartition(-similarity, ANSWERS, axis=1)[:, :ANSWERS]
        order = np.argsort(-np.take_along_axis(similarity, first, 1), axis=1, kind="stable")
        first = np.take_along_axis(first, order, 1)
        offset = None if others is None else np.sort(queries @ others.T, axis=1)[:, -_NEAREST:].mean(1)
        values = np.take_along_axis(similarity, first, 1)
        parts.append(Answers(valid, np.full(len(valid), number), of.kept[first], values, offset))
    return _joined(parts), ms


def judge(of: Bench, answers: Answers) -> Verdicts:
    """Which answers are right. Twins of a picture that was taken out count neither way."""
    right = np.array([np.isin(rows, of.right[j]) for j, rows in zip(answers.picture, answers.rows, strict=True)])
    return Verdicts(answers, right, answers.picture < PRESENT)


def _joined(parts: Sequence[Answers]) -> Answers:
    offsets = [part.offset for part in parts if part.offset is not None]
    return Answers(
        np.concatenate([part.picture for part in parts]),
        np.concatenate([part.edit for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.similarity for part in parts]),
        np.concatenate(offsets) if offsets else None,
    )
