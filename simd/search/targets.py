"""Which rows of which parts a question is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simd.storage.snapshot import Bitmap, Part, Rows, Snapshot
from simd.vectors.topk import Ids, Keys, keys

_LIKELY_IN_MEMORY = 1 << 30
"""So many bytes of vectors are mostly in the page cache; asking for rows beforehand would cost more than it gains."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A part, which of its rows count (None for all), and how many those are: one at least."""

    part: Part
    allowed: Bitmap | None
    count: int


def targets_of(snapshot: Snapshot, any_of: Ids | None = None, not_in: Ids | None = None) -> list[Target]:
    """The live rows of a snapshot; if given, only those of images that are among `any_of`, and not in `not_in`."""
    if any_of is None and not_in is None:
        return [Target(part, part.live, part.alive) for part in snapshot.parts if part.alive]
    wanted = None if any_of is None else keys(any_of)
    unwanted = None if not_in is None else keys(not_in)
    targets = (_filtered(part, wanted, unwanted) for part in snapshot.parts if part.alive)
    return [target for target in targets if target.count]


def are_on_disk(targets: Sequence[Target]) -> bool:
    """Whether the vectors are more than memory is likely to hold."""
    return sum(target.part.vectors.nbytes for target in targets) > _LIKELY_IN_MEMORY


def _filtered(part: Part, wanted: Keys | None, unwanted: Keys | None) -> Target:
    if wanted is None:
        mask = part.mask()
    else:
        mask = np.zeros(part.rows, dtype=np.bool_)
        mask[_live_rows(part, wanted)] = True
    if unwanted is not None:
        mask[_live_rows(part, unwanted)] = False
    return Target(part, np.packbits(mask, bitorder="little"), int(np.count_nonzero(mask)))


def _live_rows(part: Part, images: Keys) -> Rows:
    rows = part.locate(images)
    return rows[part.is_live(rows)]
