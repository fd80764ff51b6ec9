"""What people said, as groups need it: by rows of images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simd.decisions.duplicates import Decision, Kind
from simd.insight.groups.base import Base, Bools, Ints
from simd.insight.groups.stars import Edges, connected
from simd.insight.pairs.pair import TIERS, Tier
from simd.types import ImageId
from simd.vectors.ids import unpack_ids

_NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Decided:
    """Decisions of each kind that name an image, by its row; an image of which nothing was said is left out.

    Attributes:
        apart: those that say it is no duplicate.
        alike: an image that it has the pixels of, the least: what is said of one of those is said of all, `(n,)`.
        keep: the newest one that says it is kept.
        keep_all: those that say it stays, and with it the others that they name.
    """

    apart: dict[int, frozenset[int]]
    alike: Ints
    keep: dict[int, int]
    keep_all: dict[int, frozenset[int]]

    @classmethod
    def of(cls, base: Base, decisions: Sequence[Decision]) -> Decided:
        """The decisions on the images of `base`."""
        wanted = {image_id for decision in decisions for image_id in decision.images}
        rows = {image_id: row for row, image_id in enumerate(unpack_ids(base.copies.ids)) if image_id in wanted}
        keep: dict[int, int] = {}
        for decision in decisions:
            if decision.kind is Kind.KEEP:
                keep |= {rows[image_id]: decision.decision_id for image_id in decision.images if image_id in rows}
        apart = _by_image(decisions, Kind.NOT_DUPLICATES, rows)
        alike = np.arange(base.images, dtype=np.int32)
        if apart:
            known = (base.first >= 0) & (base.second >= 0)
            alike = connected(base.images, base.edges(known & (base.pairs.tier == TIERS.index(Tier.PIXELS))))
        return cls(apart, alike, keep, _by_image(decisions, Kind.KEEP_ALL, rows))

    def are_apart(self, edges: Edges) -> Bools:
        """Of which edges it was said that they join no duplicates, `(m,)`."""
        found = np.zeros(len(edges.first), np.bool_)
        if not self.apart:
            return found
        of_class: dict[int, set[int]] = defaultdict(set)
        for row, decisions in self.apart.items():
            of_class[int(self.alike[row])] |= decisions
        said = np.zeros(len(self.alike), np.bool_)
        said[list(of_class)] = True
        one, other = self.alike[edges.first], self.alike[edges.second]
        for edge in np.flatnonzero(said[one] & said[other]).tolist():
            if one[edge] != other[edge]:
                found[edge] = not of_class[int(one[edge])].isdisjoint(of_class[int(other[edge])])
            else:
                first, second = int(edges.first[edge]), int(edges.second[edge])
                found[edge] = not self.apart.get(first, _NOTHING).isdisjoint(self.apart.get(second, _NOTHING))
        return found

    def both_kept(self, edges: Edges) -> Bools:
        """Which edges join images that are to be keepers by one decision, `(m,)`."""
        newest = np.full(len(self.alike), -1, np.int64)
        newest[list(self.keep)] = list(self.keep.values())
        found: Bools = (newest[edges.first] >= 0) & (newest[edges.first] == newest[edges.second])
        return found


def _by_image(decisions: Sequence[Decision], kind: Kind, rows: dict[ImageId, int]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for decision in decisions:
        if decision.kind is kind:
            for image_id in decision.images:
                if image_id in rows:
                    found[rows[image_id]].add(decision.decision_id)
    return {row: frozenset(numbers) for row, numbers in found.items()}
