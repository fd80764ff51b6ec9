"""Which rows of which parts a question is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from simd.storage.snapshot import Bitmap, Part, Rows, Snapshot, pack_mask
from simd.vectors.ids import Ids, Keys, nearly_sorted

_LIKELY_IN_MEMORY = 1 << 30
"""So many bytes of vectors are mostly in the page cache; asking for rows beforehand would cost more than it gains."""


FEW = 1 / 8
"""Of so few rows of a part the numbers are kept, and a copy is compared; of more all are, and the others taken out."""

Looked = Callable[[int], None]
"""Told how many rows are being read one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A part, which of its rows count, and how many those are: one at least.

    Which they are is said by `few`, row numbers, ascending, if they are few; or by `allowed`; or by neither, if all do.
    """

    part: Part
    count: int
    allowed: Bitmap | None = None
    few: Rows | None = None

    @classmethod
    def of_mask(cls, part: Part, mask: npt.NDArray[np.bool_]) -> Self:
        """Those of the rows that are marked."""
        count = int(np.count_nonzero(mask))
        if count < FEW * part.rows:
            return cls(part, count, few=np.flatnonzero(mask))
        return cls(part, count, pack_mask(mask))

    def are_allowed(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which of these rows are allowed by the bitmap; all if there is none."""
        if self.allowed is None:
            return np.ones(rows.size, dtype=np.bool_)
        return np.asarray((self.allowed[rows >> 3] >> (rows & 7).astype(np.uint8)) & 1 == 1)


def targets_of(snapshot: Snapshot, any_of: Ids | None = None, not_in: Ids | None = None) -> list[Target]:
    """The live rows of a snapshot; if given, only those of images that are among `any_of`, and not in `not_in`."""
    if any_of is None and not_in is None:
        return [_live(part) for part in snapshot.parts if part.alive]
    wanted = None if any_of is None else nearly_sorted(any_of)
    unwanted = None if not_in is None else nearly_sorted(not_in)
    targets = (_filtered(part, wanted, unwanted) for part in snapshot.parts if part.alive)
    return [target for target in targets if target.count]


def are_on_disk(targets: Sequence[Target]) -> bool:
    """Whether the vectors are more than memory is likely to hold."""
    return sum(target.part.vectors.nbytes for target in targets) > _LIKELY_IN_MEMORY


def _live(part: Part) -> Target:
    return Target(part, part.alive, part.live) if part.alive >= FEW * part.rows else Target.of_mask(part, part.mask())


def _filtered(part: Part, wanted: Keys | None, unwanted: Keys | None) -> Target:
    if wanted is None:
        mask = part.mask()
    else:
        mask = np.zeros(part.rows, dtype=np.bool_)
        mask[_live_rows(part, wanted)] = True
    if unwanted is not None:
        mask[_live_rows(part, unwanted)] = False
    return Target.of_mask(part, mask)


def _live_rows(part: Part, images: Keys) -> Rows:
    rows = part.locate(images)
    return rows[part.is_live(rows)]
