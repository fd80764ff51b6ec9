"""What is in force in one open store: the manifest, its segments, the log, the memtable, the snapshot.

Everything here changes under `lock`, in an order that a crash cannot hurt: a change is in the log before it is in the
memtable, and a segment is on disk before the manifest names it, and named before what it replaces is removed. Readers
take `snapshot` without the lock; it is replaced by one assignment.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from simd.durable import Disk
from simd.errors import StoreError
from simd.storage.flush import Origin
from simd.storage.log import Log
from simd.storage.manifest import Manifest
from simd.storage.memtable import Memtable
from simd.storage.record import Record
from simd.storage.segment import SEGMENT_VERSION, Segment
from simd.storage.snapshot import Part, Snapshot, pack_mask
from simd.types import ImageId
from simd.vectors.ids import keys, pack_ids
from simd.vectors.quantizer import Quantizer


def kill(parts: Sequence[Part], image_ids: Sequence[ImageId]) -> list[Part]:
    """The parts with every row of these images dead."""
    wanted = keys(pack_ids(list(image_ids)))
    return [part.without(part.locate(wanted)) if part.alive else part for part in parts]


class Live:
    """The state of an open store.

    Args:
        directory: the store's.
        disk: how files are written.
        manifest, segments, log, memtable, snapshot: as recovery found them.
        capacity: rows to make room for in a memtable.
    """

    def __init__(
        self,
        directory: Path,
        disk: Disk,
        manifest: Manifest,
        segments: tuple[Segment, ...],
        log: Log,
        memtable: Memtable,
        snapshot: Snapshot,
        capacity: int,
    ) -> None:
        self.lock = threading.RLock()
        self.manifest = manifest
        self.segments = segments
        self.snapshot = snapshot
        self._directory = directory
        self._disk = disk
        self._log = log
        self._memtable = memtable
        self._frozen: Memtable | None = None
        self._capacity = capacity
        self._next_number = manifest.next_segment
        self._closed = False

    @property
    def next_seq(self) -> int:
        """Seq of the next record."""
        return self._log.next_seq

    @property
    def unflushed(self) -> int:
        """Rows and tombstones in the memtable that takes changes."""
        return self._memtable.size

    @property
    def log_bytes(self) -> int:
        """Size of the log file that takes changes."""
        return self._log.bytes_written

    def append(self, records: Sequence[Record]) -> None:
        """Make records durable, then searchable. The caller holds the lock.

        Raises:
            StoreError: nothing of it counts.
        """
        self.require_open()
        self._memtable.reserve(len(records))
        first = self._log.next_seq
        try:
            self._log.append(records)
            older = kill(self.snapshot.parts[:-1], list(dict.fromkeys(r.image_id for r in records)))
            for record in records:
                self._memtable.apply(record)
            self.snapshot = Snapshot((*older, self._memtable.view()))
        except BaseException:
            # Durable but not in memory: a flush would move the checkpoint past it. Only reopening tells the truth.
            self._closed = self._closed or self._log.next_seq != first
            raise

    def require_open(self) -> None:
        """Refuse to go on after `close`."""
        if self._closed:
            raise StoreError(f"the store in {self._directory} is closed")

    def freeze(self) -> Memtable | None:
        """Set the memtable aside for a flush; the one set aside before, if its flush failed; None if it is empty."""
        with self.lock:
            self.require_open()
            if self._frozen is None and self._memtable.size:
                self._log.rotate()
                self._frozen = self._memtable
                self._memtable = Memtable(self._log.next_seq, self.manifest.dimension, self._capacity)
                self.snapshot = Snapshot((*self.snapshot.parts, self._memtable.view()))
                self._disk.failpoint("flush.frozen")
            return self._frozen

    def segment_number(self) -> int:
        """A number that no segment has or had."""
        with self.lock:
            number = self._next_number
            self._next_number += 1
            return number

    def install_flush(self, memtable: Memtable, segment: Segment, origin: Origin) -> None:
        """Put a segment in force in place of the frozen memtable, and move the checkpoint past it."""
        with self.lock:
            self.require_open()
            manifest = self.manifest.replacing((), segment.name, memtable.last_seq)
            self._install((memtable.name,), segment, origin, manifest)
            self.segments = (*self.segments, segment)
            self._frozen = None

    def install_compaction(self, old: Sequence[Segment], segment: Segment | None, origin: Origin) -> None:
        """Put a segment, or nothing, in force in place of adjacent ones."""
        with self.lock:
            self.require_open()
            names = tuple(s.name for s in old)
            manifest = self.manifest.replacing(names, segment.name if segment else None)
            self._install(names, segment, origin, manifest)
            at = self.segments.index(old[0])
            self.segments = (*self.segments[:at], *([segment] if segment else []), *self.segments[at + len(old) :])

    def best_quantizers(self) -> tuple[Quantizer, ...]:
        """Those of the largest segment of today's format that has some, coarse to fine."""
        coded = [s for s in self.segments if s.coded and s.meta.version == SEGMENT_VERSION]
        largest = max(coded, key=lambda s: s.meta.rows, default=None)
        return tuple(one.quantizer for one in largest.coded) if largest is not None else ()

    def close(self) -> None:
        """Refuse further changes and close the log."""
        with self.lock:
            self._closed = True
            self._log.close()

    def _install(self, names: tuple[str, ...], segment: Segment | None, origin: Origin, manifest: Manifest) -> None:
        parts = self.snapshot.parts
        at = [part.name for part in parts].index(names[0])
        replaced = parts[at : at + len(names)]
        assert tuple(part.name for part in replaced) == names
        new: tuple[Part, ...] = ()
        if segment is not None:
            mask = np.zeros(segment.meta.rows, dtype=np.bool_)
            for number, part in enumerate(replaced):
                mine = origin.part == number
                mask[mine] = part.mask()[origin.row[mine]]
            new = (segment.part(pack_mask(mask), int(mask.size - np.count_nonzero(mask))),)
        manifest = replace(manifest, next_segment=self._next_number)
        manifest.write(self._directory, self._disk)
        self.manifest = manifest
        self.snapshot = Snapshot((*parts[:at], *new, *parts[at + len(names) :]))
