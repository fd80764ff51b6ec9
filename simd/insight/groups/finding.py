"""From files, pairs and decisions to stars: which files are looked at, which of them is best, who is whose keeper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.insight.groups.base import Base, Bools, Ints
from simd.insight.groups.decided import Decided
from simd.insight.groups.options import Options
from simd.insight.groups.rules import Ranks, Rule
from simd.insight.groups.stars import Edges, Stars, connected, stars
from simd.insight.pairs.pair import SAME, TIERS, Tier


@dataclass(frozen=True, slots=True)
class Criterion:
    """What tells which of two files is better: a number for each, less is better, and the reason for a person."""

    ranks: Ranks
    reason: Callable[[Base, int, int], str]


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """Images arranged in stars.

    Attributes:
        files: those that are looked at, the best first.
        best: the best of them of each image, -1 where there is none, int32 `(n,)`.
        order: all images in the order of their best files.
        stars: by pairs that are the same picture, then by such of which none goes, then by those that only look alike.
        pair: by which pair each image is joined to its keeper, -1 for the keeper itself, int32 `(n,)`.
        same: the pairs that are the same picture, count, and may have one go, `(m,)`.
        stays: which files stay because of their folder, `(f,)`.
        criteria: by which files were ordered, the first that tells two apart decides; after all of them the path.
    """

    files: Ints
    best: Ints
    order: Ints
    stars: Stars
    pair: Ints
    same: Bools
    stays: Bools
    criteria: list[Criterion]


@dataclass(frozen=True)
class Finding:
    """Arranges images.

    Args:
        base: files and pairs.
        decided: what was said of them.
        rules: by which keepers are chosen.
        reference: absolute paths below which every file stays.
        options: which files and tiers.
    """

    base: Base
    decided: Decided
    rules: Sequence[Rule]
    reference: Sequence[bytes]
    options: Options

    def arrange(self) -> Arranged:
        """The stars, whatever the order of files and pairs."""
        looked_at = self._looked_at()
        stays = self.base.below([*self.reference, *self.options.reference, *self.options.against])
        joined = self._joined(looked_at, SAME)
        criteria = self._criteria(stays, connected(self.base.images, self.base.edges(joined)))
        files = _best_first(np.flatnonzero(looked_at), criteria)
        best, order = self._by_image(files)
        same = joined & ~self.base.is_loose
        found, pair = _stars(order, self.base.edges(same), same)
        for others in (joined & self.base.is_loose, self._joined(looked_at, (Tier.SIMILAR,))):
            found, pair = self._with(others, found, pair, order)
        return Arranged(files, best, order, found, pair, same, stays, criteria)

    def _looked_at(self) -> Bools:
        found = ~self.base.is_companion
        if self.options.within:
            found &= self.base.below([*self.options.within, *self.options.against])
        return found

    def _joined(self, looked_at: Bools, tiers: Sequence[Tier]) -> Bools:
        """Which pairs of these tiers count, `(m,)`."""
        base, options = self.base, self.options
        wanted = [TIERS.index(tier) for tier in tiers if tier in options.tiers]
        there = np.zeros(base.images + 1, np.bool_)
        there[base.copies.image[looked_at]] = True
        # The last one stands for -1: an image without a file.
        there[-1] = False
        joined: Bools = np.isin(base.pairs.tier, wanted) & there[base.first] & there[base.second]
        # As stored: 0.9 is a little less there.
        least, most = np.float32(options.min_similarity), np.float32(options.max_similarity)
        joined &= (base.pairs.similarity >= least) & (base.pairs.similarity <= most)
        if options.against:
            inside = np.zeros(base.images + 1, np.bool_)
            inside[base.copies.image[looked_at & base.below(options.against)]] = True
            joined &= inside[base.first] != inside[base.second]
        number = np.flatnonzero(joined)
        edges = base.edges(joined)
        refused = self.decided.both_kept(edges)
        if not options.include_decided:
            refused |= self.decided.are_apart(edges)
        joined[number[refused]] = False
        return joined

    def _criteria(self, stays: Bools, connected: Ints) -> list[Criterion]:
        image = self.base.copies.image
        said = np.zeros(self.base.images)
        said[list(self.decided.keep)] = [-number for number in self.decided.keep.values()]
        return [
            Criterion(said[image], lambda *_: "you said that it stays"),
            Criterion((~stays).astype(np.float64), lambda *_: "it is in a reference folder"),
            *(Criterion(rule.ranks(self.base, connected), rule.reason) for rule in self.rules),
        ]

    def _by_image(self, files: Ints) -> tuple[Ints, Ints]:
        """The best file of each image, and all images in the order of those; the others follow."""
        images, first = np.unique(self.base.copies.image[files], return_index=True)
        best = np.full(self.base.images, -1, np.int32)
        best[images] = files[first]
        others = np.flatnonzero(best < 0)
        return best, np.concatenate([images[np.argsort(first)], others]).astype(np.int32)

    def _with(self, joined: Bools, found: Stars, pair: Ints, order: Ints) -> tuple[Stars, Ints]:
        """Images that are in no star are added to others by more pairs, to keepers first."""
        if not joined.any():
            return found, pair
        base = self.base
        size = np.bincount(found.keeper, minlength=base.images)
        alone, centre = size[found.keeper] == 1, (size > 1) & (found.keeper == np.arange(base.images))
        first, second = base.first, base.second
        free = np.where(joined, (alone[first] | centre[first]) & (alone[second] | centre[second]), False)
        free &= ~(centre[first] & centre[second])
        turn = order[np.argsort(~centre[order], kind="stable")]
        added, by = _stars(turn, base.edges(free), free)
        taken = by >= 0
        return (
            Stars(np.where(taken, added.keeper, found.keeper), np.where(taken, added.edge, found.edge)),
            np.where(taken, by, pair),
        )


def _stars(order: Ints, edges: Edges, joined: Bools) -> tuple[Stars, Ints]:
    """Stars, and the number of the pair that joins each image to its keeper."""
    found = stars(order, edges)
    number: npt.NDArray[np.int32] = np.append(np.flatnonzero(joined), -1).astype(np.int32)
    return found, number[found.edge]


def _best_first(files: npt.NDArray[np.intp], criteria: Sequence[Criterion]) -> Ints:
    keys = [files, *(criterion.ranks[files] for criterion in reversed(criteria))]
    return files[np.lexsort(keys)].astype(np.int32)
