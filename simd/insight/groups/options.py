"""Which files are looked at for groups, and which of them stay."""

from __future__ import annotations

from dataclasses import dataclass

from simd.insight.pairs.pair import SAME, Tier


@dataclass(frozen=True, slots=True)
class Options:
    """What `DuplicateOptions` of the wire's contract says. Paths are absolute and normal; a path stands for itself and
    all below it.

    Attributes:
        within: only files below these, and below `against`; none is all.
        between: only groups with files below more than one of `within`.
        against: only groups with a file below one of these and one elsewhere; the former stay.
        across_folders: leave out members in the folder of the keeper.
        reference: files below these stay, beside those of the setting.
        tiers: which are told.
        keep: names of rules (`rules.py`); none is those of the setting.
        min_similarity, max_similarity: leave out members that are less, or more, similar to the keeper.
        include_decided: tell also what was decided.
    """

    within: tuple[bytes, ...] = ()
    between: bool = False
    against: tuple[bytes, ...] = ()
    across_folders: bool = False
    reference: tuple[bytes, ...] = ()
    tiers: tuple[Tier, ...] = SAME
    keep: tuple[str, ...] = ()
    min_similarity: float = -1.0
    max_similarity: float = 1.0
    include_decided: bool = False
