"""Which rows of which parts a question is about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.storage.snapshot import Bitmap, Keys, Part, Snapshot
from simd.types import ID_BYTES, ImageId
from simd.vectors.topk import keys, pack_ids

_LIKELY_IN_MEMORY = 1 << 30
"""So many bytes of vectors are mostly in the page cache; asking for rows beforehand would cost more than it gains."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A part, which of its rows count (None for all), and how many those are: one at least."""

    part: Part
    allowed: Bitmap | None
    count: int


def targets_of(snapshot: Snapshot, among: Collection[ImageId] | None) -> list[Target]:
    """The live rows of a snapshot, or those of these images."""
    wanted = None if among is None else _wanted(among)
    targets = []
    for part in snapshot.parts:
        if not part.alive:
            continue
        target = Target(part, part.live, part.alive) if wanted is None else _filtered(part, wanted)
        if target.count:
            targets.append(target)
    return targets


def are_on_disk(targets: Sequence[Target]) -> bool:
    """Whether the vectors are more than memory is likely to hold."""
    return sum(target.part.vectors.nbytes for target in targets) > _LIKELY_IN_MEMORY


def _wanted(among: Collection[ImageId]) -> Keys:
    ids = pack_ids([image_id for image_id in among if len(image_id) == ID_BYTES])
    return np.unique(keys(ids))


def _filtered(part: Part, wanted: Keys) -> Target:
    rows = part.locate(wanted) if wanted.size else np.empty(0, dtype=np.intp)
    rows = rows[part.is_live(rows)]
    mask: npt.NDArray[np.bool_] = np.zeros(part.rows, dtype=np.bool_)
    mask[rows] = True
    return Target(part, np.packbits(mask, bitorder="little"), int(rows.size))
