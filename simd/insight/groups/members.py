"""From stars to members: which files of a star are told, in which order, and which of them go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.insight.groups.base import Base, Bools, Ints
from simd.insight.groups.finding import Arranged, Finding
from simd.insight.groups.group import Stays
from simd.insight.pairs.pair import SAME, TIERS, Tier

_EXACT = TIERS.index(Tier.EXACT)
_SAME = [TIERS.index(tier) for tier in SAME]
_NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Members of all groups, group by group, packed.

    Attributes:
        starts: where those of each group begin, and last their number, int64 `(g + 1,)`.
        keeper: the image of each group's keeper, int32 `(g,)`.
        file: int32 `(m,)`.
        pair: by which pair it is joined to the keeper, -1 for the same bytes, int32 `(m,)`.
        tier: number in `TIERS`, uint8 `(m,)`.
        similarity: float32 `(m,)`.
        stays: why it stays, uint8 `(m,)`.
        is_new: by image, whether it joined what was decided before, `(n,)`.
        freed: bytes that are freed if all of a group go that go, int64 `(g,)`.
    """

    starts: npt.NDArray[np.int64]
    keeper: Ints
    file: Ints
    pair: Ints
    tier: npt.NDArray[np.uint8]
    similarity: npt.NDArray[np.float32]
    stays: npt.NDArray[np.uint8]
    is_new: Bools
    freed: npt.NDArray[np.int64]


def members_of(finding: Finding, arranged: Arranged) -> Members:
    """The members of all stars; groups in the order of what they free, the most first, then of their keepers' ids."""
    base, options = finding.base, finding.options
    hidden, is_new = _decided_before(finding, arranged)
    file = arranged.files
    image = base.copies.image[file]
    keeper = arranged.stars.keeper[image]
    told = file != arranged.best[keeper]
    told &= ~hidden[image]
    if Tier.EXACT not in options.tiers or not options.min_similarity <= 1.0 <= options.max_similarity:
        told &= image != keeper
    if options.across_folders:
        told &= base.folder[file] != base.folder[arranged.best[keeper]]
    file, image, keeper = file[told], image[told], keeper[told]
    chosen = _in_scope(finding, arranged, file, keeper)[keeper]
    file, image, keeper = file[chosen], image[chosen], keeper[chosen]
    pair = arranged.pair[image]
    exact = pair < 0
    tier = np.where(exact, _EXACT, base.pairs.tier[pair]) if len(base.pairs.tier) else np.full(len(file), _EXACT)
    alike = np.where(exact, 1.0, base.pairs.similarity[pair]) if len(base.pairs.tier) else np.ones(len(file))
    stays = _stays(finding, arranged, file, image, keeper, pair, tier)
    freed = np.zeros(base.images, np.int64)
    np.add.at(freed, keeper, _freed(finding, file, stays))
    # Rows of images are in the order of their ids.
    order = np.lexsort([file, -alike, ~exact, keeper, -freed[keeper]])
    ordered = keeper[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(order) else np.empty(0, np.int64)
    return Members(
        starts=np.append(first, len(order)).astype(np.int64),
        keeper=ordered[first].astype(np.int32),
        file=file[order],
        pair=pair[order],
        tier=tier[order].astype(np.uint8),
        similarity=alike[order].astype(np.float32),
        stays=stays[order],
        is_new=is_new,
        freed=freed[ordered[first]],
    )


def _decided_before(finding: Finding, arranged: Arranged) -> tuple[Bools, Bools]:
    """Which images are not told because all of them were to stay, and which joined those, `(n,)` each."""
    hidden = np.zeros(finding.base.images, np.bool_)
    is_new = np.zeros(finding.base.images, np.bool_)
    said = finding.decided.keep_all
    if said and not finding.options.include_decided:
        for keeper, images in _images_of(arranged, {int(arranged.stars.keeper[image]) for image in said}):
            by_keeper = said.get(keeper, _NOTHING)
            for image in images:
                decisions = said.get(image, _NOTHING)
                hidden[image] = not by_keeper.isdisjoint(decisions)
                is_new[image] = not hidden[image] if by_keeper else not decisions
    return hidden, is_new


def _images_of(arranged: Arranged, keepers: set[int]) -> Iterator[tuple[int, list[int]]]:
    """Keepers, each with all images of its star."""
    order = np.argsort(arranged.stars.keeper, kind="stable")
    ordered = arranged.stars.keeper[order]
    for keeper in sorted(keepers):
        start, end = np.searchsorted(ordered, keeper, "left"), np.searchsorted(ordered, keeper, "right")
        yield keeper, order[start:end].tolist()


def _in_scope(finding: Finding, arranged: Arranged, file: Ints, keeper: Ints) -> Bools:
    """Which groups have files on both sides where that is asked for, by their keepers' images, `(n,)`."""
    base, options = finding.base, finding.options
    wanted = np.ones(base.images, np.bool_)
    all_files = np.concatenate([file, arranged.best[keeper]])
    all_keepers = np.concatenate([keeper, keeper])
    sides = []
    if options.between:
        sides.append(base.which_below(options.within) if options.within else base.copies.roots)
    if options.against:
        sides.append(base.below(options.against).astype(np.int64))
    for side in sides:
        least = np.full(base.images, np.iinfo(np.int64).max)
        most = np.full(base.images, -1, np.int64)
        placed = side[all_files] >= 0
        np.minimum.at(least, all_keepers[placed], side[all_files[placed]])
        np.maximum.at(most, all_keepers[placed], side[all_files[placed]])
        wanted &= least < most
    return wanted


def _stays(
    finding: Finding, arranged: Arranged, file: Ints, image: Ints, keeper: Ints, pair: Ints, tier: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Why each member stays, or that it goes: the last of these reasons that holds."""
    base, copies = finding.base, finding.base.copies
    best = arranged.best[keeper]
    linked = (copies.inodes[file] == copies.inodes[best]) & (copies.roots[file] == copies.roots[best])
    said = np.zeros(base.images, np.bool_)
    said[list(finding.decided.keep_all)] = True
    stays = np.zeros(len(file), np.uint8)
    for at in np.flatnonzero(np.isin(file, list(base.companions))).tolist():
        if not _raws(base, file[at]) <= _raws(base, best[at]):
            stays[at] = Stays.ONLY_RAW
    stays[base.is_raw[image] != base.is_raw[keeper]] = Stays.RAW
    stays[(base.is_animated[image] | base.is_animated[keeper]) & (pair >= 0)] = Stays.ANIMATED
    stays[linked & (pair < 0)] = Stays.HARD_LINK
    stays[arranged.stays[file]] = Stays.REFERENCE
    stays[said[image]] = Stays.DECIDED_ALL
    if finding.options.include_decided and len(pair):
        joined = np.unique(pair[pair >= 0])
        mask = np.zeros(len(base.first), np.bool_)
        mask[joined] = True
        # The last one stands for -1: the same bytes.
        refused = np.zeros(len(mask) + 1, np.bool_)
        refused[joined] = finding.decided.are_apart(base.edges(mask))
        stays[refused[pair]] = Stays.DECIDED_APART
    stays[~np.isin(tier, _SAME)] = Stays.NOT_SAME
    return stays


def _raws(base: Base, file: int) -> set[int]:
    """The images of a file's companions."""
    return {int(base.copies.image[companion]) for companion in base.companions.get(int(file), ())}


def _freed(finding: Finding, file: Ints, stays: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The bytes that are freed by each member, its companions with it: none while the same file has a name that stays,
    and once of several names that go."""
    base, copies = finding.base, finding.base.copies
    goes = np.zeros(len(copies.paths), np.bool_)
    goes[file[stays == Stays.GOES]] = True
    for going in [companions for one, companions in base.companions.items() if goes[one]]:
        goes[going] = True
    freed = np.where(goes, copies.sizes, 0)
    for names in base.hard_links:
        one_goes = np.flatnonzero(goes[names])
        freed[names[one_goes[int(goes[names].all()) :]]] = 0
    for one, companions in base.companions.items():
        freed[one] += freed[companions].sum()
    found: npt.NDArray[np.int64] = freed[file]
    return found
