"""The log's tail in memory: rows in order of arrival, ready to be searched before they are in a segment.

Only the writer touches a memtable. Searches see `view()`: slices of arrays whose rows below the view's length are never
written again (growing makes new arrays), and a bitmap of the view's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simd.storage.record import Kind, Record
from simd.storage.snapshot import Part, pack_mask
from simd.types import ID_BYTES, ImageId


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A delete: the seq and time of its record."""

    seq: int
    time_ms: int


class Memtable:
    """Puts and deletes since the last flush.

    Args:
        first_seq: seq of the first record that can come.
        dimension: length of a vector.
        capacity: rows to make room for; more are taken, at the price of a copy.
    """

    def __init__(self, first_seq: int, dimension: int, capacity: int) -> None:
        self.first_seq = first_seq
        self.last_seq = first_seq - 1
        self.tombstones: dict[ImageId, Tombstone] = {}
        self._rows: dict[ImageId, int] = {}
        self._count = 0
        self._ids = np.empty((capacity, ID_BYTES), dtype=np.uint8)
        self._vectors = np.empty((capacity, dimension), dtype=np.float16)
        self._live = np.zeros(capacity, dtype=np.bool_)

    @property
    def name(self) -> str:
        """Unique among the memtables of a store."""
        return f"memtable-{self.first_seq}"

    @property
    def size(self) -> int:
        """Rows and tombstones held."""
        return self._count + len(self.tombstones)

    def reserve(self, count: int) -> None:
        """Make room for so many more rows."""
        extra = max(self._count + count - len(self._ids), 0)
        if extra:
            extra = max(extra, len(self._ids))
            self._ids = np.concatenate([self._ids, np.empty((extra, ID_BYTES), dtype=np.uint8)])
            more = np.empty((extra, self._vectors.shape[1]), dtype=np.float16)
            self._vectors = np.concatenate([self._vectors, more])
            self._live = np.concatenate([self._live, np.zeros(extra, dtype=np.bool_)])

    def apply(self, record: Record) -> None:
        """Take over one record of the log, in seq order; `reserve` made room for it."""
        self.last_seq = record.seq
        old = self._rows.get(record.image_id)
        if old is not None:
            self._live[old] = False
        if record.kind is Kind.DELETE:
            self.tombstones[record.image_id] = Tombstone(record.seq, record.time_ms)
            return
        self.tombstones.pop(record.image_id, None)
        row = self._count
        self._ids[row] = np.frombuffer(record.image_id, dtype=np.uint8)
        self._vectors[row] = record.vector
        self._live[row] = True
        self._rows[record.image_id] = row
        self._count += 1

    def newest_rows(self) -> dict[ImageId, int]:
        """The last row of every image that has one, live or dead."""
        return self._rows

    def view(self) -> Part:
        """The memtable as it is now."""
        count = self._count
        mask = self._live[:count]
        dead = count - int(np.count_nonzero(mask))
        return Part(self.name, self._ids[:count], self._vectors[:count], False, live=pack_mask(mask), dead=dead)
