"""Segments -> fewer segments, and the rows of deleted images gone for good.

Only adjacent segments are merged, so that "newer" stays a matter of position. Which to merge is decided by size
(`pick_run`: neighbours of like size, so a row is rewritten about log(n) times) and by what a rewrite would free
(`reclaimable`). A run is bounded in rows, which bounds the extra disk while both copies exist.

What is kept (`plan`), and why a deleted image cannot come back:

* Of each image's rows only the newest counts; older ones go.
* A dead row stays, with its tombstone, until the grace period is over. Then both go together.
* A tombstone stays as long as a row that it kills is in this segment or in an older one. It is superseded, and goes,
  when a newer row or tombstone of its image exists: that one kills whatever this one did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.storage.flush import Draft, Origin
from simd.storage.segment import TOMBSTONE, Segment, Tombstones
from simd.storage.segment_writer import SegmentContents
from simd.storage.snapshot import Part
from simd.vectors.ids import Ids, Keys, find, keys
from simd.vectors.metric import Half

MIN_RUN = 4
"""Neighbours of like size that are worth merging."""

_SIZE_RATIO = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """When to compact.

    Args:
        grace_ms: how long a deleted image's vector is kept.
        max_rows: at most so many rows in a merged segment.
        dead_ratio: rewrite a segment when so large a share of its rows would go.
    """

    grace_ms: int
    max_rows: int = 1_000_000
    dead_ratio: float = 0.25


def pick_run(sizes: Sequence[int], policy: Policy, minimum: int = MIN_RUN) -> range | None:
    """The positions to merge, or None. Sizes are in age order; the newest run of like sizes is taken."""
    for end in range(len(sizes), 0, -1):
        start, total = end, 0
        while start > 0:
            size = sizes[start - 1]
            alike = minimum < MIN_RUN or not total or size <= _SIZE_RATIO * total
            if not alike or total + size > policy.max_rows:
                break
            total += size
            start -= 1
        if end - start >= minimum:
            return range(start, end)
    return None


def reclaimable(older: Sequence[Segment], segment: Segment, part: Part, newer: Sequence[Segment], expired: int) -> int:
    """Rows and tombstones that rewriting this one segment would drop; deletes up to time `expired` are final."""
    dead = keys(segment.ids[~part.mask()]) if part.dead else keys(segment.ids[:0])
    gone = np.zeros(dead.size, dtype=np.bool_)
    for one in newer:
        gone |= find(keys(one.ids), dead) >= 0
    for stones in (segment.tombstones, *(one.tombstones for one in newer)):
        at = find(keys(stones["image_id"]), dead)
        gone |= (at >= 0) & (stones["time_ms"][at] <= expired) if len(stones) else False
    mine = keys(segment.tombstones["image_id"])
    needed = _in_any([keys(one.ids) for one in older], mine)
    rows = find(keys(segment.ids), mine)
    # A stone without older rows to kill goes when its own row does.
    kept_row = rows >= 0
    kept_row[kept_row] &= ~np.isin(rows[kept_row], find(keys(segment.ids), dead[gone]))
    return int(np.count_nonzero(gone)) + int(np.count_nonzero(~needed & ~kept_row))


def plan(
    older: Sequence[Segment],
    inputs: Sequence[Segment],
    newer: Sequence[Segment],
    number: int,
    expired: int,
    pause: Callable[[], None],
) -> Draft:
    """What the inputs become.

    Args:
        older, inputs, newer: all segments in age order, cut in three.
        number: of the segment to be.
        expired: deletes up to this time (ms) are final.
        pause: called between chunks of rows; may raise to stop.
    """
    ids, part, row = _newest(inputs, lambda s: s.ids)
    _, stone_part, stone_row = _newest(inputs, lambda s: s.tombstones["image_id"])
    stones = _gather(inputs, stone_part, stone_row)
    own, stone_keys = keys(ids), keys(stones["image_id"])

    deleted, keep = _verdict(own, part, stone_keys, stone_part, stones, newer, expired)
    at = find(own, stone_keys)
    reborn = (at >= 0) & (part[at] > stone_part) if own.size else np.zeros(len(stones), dtype=np.bool_)
    superseded = reborn | _in_any([keys(s.ids) for s in newer], stone_keys)
    superseded |= _in_any([keys(s.tombstones["image_id"]) for s in newer], stone_keys)
    kills_here = (at >= 0) & (keep & deleted)[at] if own.size else np.zeros(len(stones), dtype=np.bool_)
    kills_older = _in_any([keys(s.ids) for s in older], stone_keys)
    stones = stones[~superseded & (kills_here | kills_older)]

    part, row = part[keep], row[keep]
    vectors = [s.vectors for s in inputs]

    def fetch(wanted: npt.NDArray[np.intp]) -> Half:
        pause()
        rows = np.empty((wanted.size, vectors[0].shape[1]), dtype=np.float16)
        for number, source in enumerate(vectors):
            mine = part[wanted] == number
            rows[mine] = source[row[wanted[mine]]]
        return rows

    contents = SegmentContents(
        number, inputs[0].meta.first_seq, inputs[-1].meta.last_seq, np.ascontiguousarray(ids[keep]), fetch, stones
    )
    return Draft(contents, Origin(part, row))


def _verdict(
    own: Keys,
    part: npt.NDArray[np.intp],
    stone_keys: Keys,
    stone_part: npt.NDArray[np.intp],
    stones: Tombstones,
    newer: Sequence[Segment],
    expired: int,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which rows a tombstone kills, and which rows stay."""
    deleted = np.zeros(own.size, dtype=np.bool_)
    final = np.zeros(own.size, dtype=np.bool_)
    at = find(stone_keys, own)
    if len(stones):
        deleted = (at >= 0) & (stone_part[at] >= part)
        final = deleted & (stones["time_ms"][at] <= expired)
    keep = ~_in_any([keys(s.ids) for s in newer], own)
    for segment in newer:
        at = find(keys(segment.tombstones["image_id"]), own)
        if len(segment.tombstones):
            final |= (at >= 0) & (segment.tombstones["time_ms"][at] <= expired)
    return deleted, keep & ~final


def _newest(
    inputs: Sequence[Segment], ids_of: Callable[[Segment], Ids]
) -> tuple[Ids, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The last of each id over the inputs, in id order: the ids, which input each is in, and at which place there."""
    lists = [ids_of(s) for s in inputs]
    ids = np.concatenate(lists)
    part = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    row = np.concatenate([np.arange(len(one)) for one in lists])
    order = np.argsort(keys(ids), kind="stable")
    ids = ids[order]
    sorted_keys = keys(ids)
    last = np.ones(len(ids), dtype=np.bool_)
    last[:-1] = sorted_keys[1:] != sorted_keys[:-1]
    return ids[last], part[order][last], row[order][last]


def _gather(inputs: Sequence[Segment], part: npt.NDArray[np.intp], row: npt.NDArray[np.intp]) -> Tombstones:
    stones = np.empty(len(part), TOMBSTONE)
    for number, segment in enumerate(inputs):
        mine = part == number
        stones[mine] = segment.tombstones[row[mine]]
    return stones


def _in_any(haystacks: Sequence[Keys], needles: Keys) -> npt.NDArray[np.bool_]:
    found = np.zeros(needles.size, dtype=np.bool_)
    for haystack in haystacks:
        found |= find(haystack, needles) >= 0
    return found
