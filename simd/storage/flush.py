"""Memtable -> segment.

The memtable is frozen first: new changes go to a new memtable and a new log file, so nothing waits while the segment
is written. Its part stays in the snapshot until the segment takes its place, and whatever died in it meanwhile is dead
in the segment too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simd.storage.memtable import Memtable
from simd.storage.segment import TOMBSTONE, Tombstones
from simd.storage.segment_writer import SegmentContents
from simd.storage.snapshot import Rows
from simd.vectors.ids import keys, pack_ids


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where each row of a new segment comes from: the position of its part among those replaced, and its row there."""

    part: Rows
    row: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A segment to be written, and where its rows come from."""

    contents: SegmentContents
    origin: Origin


def draft_of(memtable: Memtable, number: int) -> Draft:
    """The segment of a frozen memtable: the newest row of each image, live or dead, and all tombstones."""
    newest = memtable.newest_rows()
    ids = pack_ids(list(newest))
    order = np.argsort(keys(ids), kind="stable")
    rows = np.fromiter(newest.values(), dtype=np.intp, count=len(newest))[order]
    vectors = memtable.view().vectors
    contents = SegmentContents(
        number,
        memtable.first_seq,
        memtable.last_seq,
        ids[order],
        lambda wanted: vectors[rows[wanted]],
        _tombstones(memtable),
    )
    return Draft(contents, Origin(np.zeros(len(rows), dtype=np.intp), rows))


def _tombstones(memtable: Memtable) -> Tombstones:
    stones = np.empty(len(memtable.tombstones), TOMBSTONE)
    for at, image_id in enumerate(sorted(memtable.tombstones)):
        stone = memtable.tombstones[image_id]
        stones[at] = (np.frombuffer(image_id, dtype=np.uint8), stone.seq, stone.time_ms)
    return stones
