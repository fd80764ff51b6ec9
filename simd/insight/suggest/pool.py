"""Which images suggestions are taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.catalogue.catalogue import Catalogue
from simd.index.base import View
from simd.insight.groups.components import Components
from simd.insight.labels.pictures import Pictures
from simd.insight.suggest.suggestion import Question
from simd.types import ImageId
from simd.vectors.ids import Ids, pack_ids, rows_of, unique_ids

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Images that have a vector; those that are asked about have a file, too. Ids are sorted uint8 `(n, 16)`.

    Attributes:
        images: how many are asked about.
        labelled_images: how many of them are labelled.
        same: how many of the others are the same picture as a labelled or skipped one.
        passed: how many of these are so because one was skipped.
        free: all others.
        labelled: every labelled image, wherever its files are or were.
        label: which of `kinds` each of `labelled` carries, int32 `(n,)`.
        kinds: what images are labelled, each combination of labels once.
        skipped: those that were skipped.
        components: which images are one picture.
        apart: what people said to be no duplicates.
    """

    images: int
    labelled_images: int
    same: int
    passed: int
    free: Ids
    labelled: Ids
    label: Numbers
    kinds: Sequence[tuple[str, ...]]
    skipped: Ids
    components: Components
    apart: Sequence[tuple[ImageId, ...]]

    @classmethod
    def of(cls, catalogue: Catalogue, pictures: Pictures, view: View, question: Question) -> Pool:
        """Whatever is in the index now; a million images take about 2 s."""
        stored = unique_ids(pack_ids(list(view.ids())))
        under = unique_ids(catalogue.images_under(question.under))
        asked = under[rows_of(stored, under) >= 0]
        labels = pictures.packed_labels()
        components = pictures.components()
        skipped = unique_ids(pack_ids(question.skip))
        is_labelled = rows_of(labels.ids, asked) >= 0
        picture = components.first_of(asked)
        is_same = ~is_labelled & _among(components.first_of(labels.ids), picture)
        is_passed = ~is_labelled & ~is_same & _among(components.first_of(skipped), picture)
        there = rows_of(stored, labels.ids) >= 0
        return cls(
            images=len(asked),
            labelled_images=int(np.count_nonzero(is_labelled)),
            same=int(np.count_nonzero(is_same | is_passed)),
            passed=int(np.count_nonzero(is_passed)),
            free=asked[~(is_labelled | is_same | is_passed)],
            labelled=labels.ids[there],
            label=labels.number[there],
            kinds=labels.kinds,
            skipped=skipped[rows_of(stored, skipped) >= 0],
            components=components,
            apart=pictures.apart(),
        )

    def share(self, covered: float) -> float:
        """The share of images that labelled ones stand for, where they do so for so many of `free`. What is labelled or
        the same picture counts as such; what was skipped does not count."""
        counted = self.images - self.passed
        return min(1.0, (counted - len(self.free) + covered) / counted) if counted else 0.0

    def copies(self, ids: Ids) -> npt.NDArray[np.float32]:
        """How many images are the same picture as each, itself among them, float32 `(n,)`."""
        rows = self.components.rows(ids)
        found = np.ones(len(ids), np.float32)
        of = self.components.of
        found[rows >= 0] = np.bincount(of)[of[rows[rows >= 0]]] if of.size else 1.0
        return found


def _among(firsts: Ids, ids: Ids) -> npt.NDArray[np.bool_]:
    return rows_of(unique_ids(firsts), ids) >= 0
