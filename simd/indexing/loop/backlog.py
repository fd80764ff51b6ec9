"""What is waiting to be indexed: one entry a file, the latest news of it, in the order it should be done.

Requests come first, because a person waits for them; then events, because somebody has just saved the file; among the
files of a scan the newest come first; deletions found by a scan come last, so that a moved file is found at its new
place before its old one is gone. While indexing is paused only requests and deletions come out.

Memory is bounded, separately for events and for scans: a scan is held up, and events beyond their limit are forgotten
and their root is named by `take_scans`, because a scan finds them all. During a pause nothing is held up, so scans
that find no room are treated like events: their root is named once the pause is over.
"""

from __future__ import annotations

import heapq
import threading
from dataclasses import dataclass, replace
from enum import IntEnum

from simd.types import Change, ChangeKind, FileKey

MIB = 1 << 20

_ENTRY_BYTES = 700
"""What an entry takes in memory beside the file's path, with its places in the two heaps and the dictionary."""

_STALE_ENTRIES = 1000
"""So many entries of a heap may be out of date, beside as many as are current, before it is built anew."""


class Urgency(IntEnum):
    """Who is waiting."""

    REQUEST = 0
    EVENT = 1
    SCAN = 2


_Place = tuple[int, int, int, FileKey]
"""Rank, negative time if the newest come first, number of arrival, file: heaps sort by it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """The latest news of a file. `number` tells its place in a heap from those of older news."""

    number: int
    change: Change
    urgency: Urgency

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return _ENTRY_BYTES + len(self.change.key.path)

    @property
    def outlasts_pause(self) -> bool:
        """Whether it comes out while indexing is paused."""
        return self.urgency is Urgency.REQUEST or self.change.kind is ChangeKind.DELETE

    @property
    def place(self) -> _Place:
        """Where it belongs."""
        by_scan = self.urgency is Urgency.SCAN
        last = by_scan and self.change.kind is ChangeKind.DELETE
        newest_first = -self.change.stamp.mtime_ns if by_scan and self.change.stamp else 0
        return (int(self.urgency) + last, newest_first, self.number, self.change.key)


class Backlog:
    """A priority queue of `Change`s, keyed by file; safe to use from any thread.

    Args:
        scan_bytes: `push` of a scan's change blocks while those of scans take so much memory, which slows the scan to
            the pace of indexing.
        event_bytes: how much memory those of events may take. Those of requests are not bounded here, but by what a
            request can hold.
    """

    def __init__(self, scan_bytes: int = 32 * MIB, event_bytes: int = 32 * MIB) -> None:
        self._limits = {Urgency.SCAN: scan_bytes, Urgency.EVENT: event_bytes}
        self._taken = dict.fromkeys(Urgency, 0)
        self._heaps: dict[bool, list[_Place]] = {True: [], False: []}
        self._latest: dict[FileKey, _Entry] = {}
        self._counter = 0
        self._scans: set[int] = set()
        self._paused = False
        self._closed = False
        self._room = threading.Condition()

    def push(self, change: Change, urgency: Urgency) -> bool:
        """Add a change, replacing an older one of the same file, whose urgency it keeps if that was higher.

        Returns False when the backlog was closed.
        """
        with self._room:
            while urgency is Urgency.SCAN and self._is_full(urgency) and not self._paused and not self._closed:
                self._room.wait()
            if self._closed:
                return False
            before = self._remove(change.key)
            if before is not None and change.heard is None:
                change = replace(change, heard=before.change.heard)
            entry = _Entry(self._counter, change, min(urgency, before.urgency) if before else urgency)
            self._counter += 1
            if self._is_full(entry.urgency):
                self._forget(change.key.root_id, entry.urgency)
            if change.key.root_id not in self._scans or self._comes_out_soon(entry):
                self._put(entry)
            return True

    def pop(self, *, all_may_come: bool = True) -> Change | None:
        """The next change, or None.

        Args:
            all_may_come: otherwise only what comes out during a pause does.
        """
        with self._room:
            rest = self._head(False) if all_may_come and not self._paused else None
            heads = [head for head in (self._head(True), rest) if head]
            if not heads:
                return None
            entry = self._remove(min(heads)[-1])
            assert entry is not None
            return entry.change

    def discard(self, key: FileKey) -> None:
        """Forget what is waiting for a file."""
        with self._room:
            self._remove(key)

    def pause(self, paused: bool) -> None:
        """Begin or end a pause."""
        with self._room:
            self._paused = paused
            self._room.notify_all()

    def take_scans(self) -> list[int]:
        """Roots that have to be scanned, because too much was waiting; none while it is paused."""
        with self._room:
            if self._paused:
                return []
            scans = sorted(self._scans)
            self._scans.clear()
            return scans

    def close(self) -> None:
        """Release whoever is blocked in `push`; nothing is accepted any more."""
        with self._room:
            self._closed = True
            self._room.notify_all()

    def __len__(self) -> int:
        with self._room:
            return len(self._latest)

    def _is_full(self, urgency: Urgency) -> bool:
        return urgency in self._limits and self._taken[urgency] >= self._limits[urgency]

    def _forget(self, root_id: int, urgency: Urgency) -> None:
        """Leave what is waiting for a root to a scan of it."""
        self._scans.add(root_id)
        entries = [e for e in self._latest.values() if e.change.key.root_id == root_id and e.urgency is urgency]
        for entry in entries:
            if not self._comes_out_soon(entry):
                self._remove(entry.change.key)

    def _comes_out_soon(self, entry: _Entry) -> bool:
        """Whether it takes no room for long: a request, or a deletion while nothing else comes out."""
        return entry.urgency is Urgency.REQUEST or (self._paused and entry.outlasts_pause)

    def _put(self, entry: _Entry) -> None:
        self._latest[entry.change.key] = entry
        self._taken[entry.urgency] += entry.size
        heap = self._heaps[entry.outlasts_pause]
        heapq.heappush(heap, entry.place)
        if len(heap) > 2 * len(self._latest) + _STALE_ENTRIES:
            heap[:] = [place for place in heap if self._is_current(place)]
            heapq.heapify(heap)

    def _remove(self, key: FileKey) -> _Entry | None:
        """Take a file out; its place in the heap stays behind and is passed over."""
        entry = self._latest.pop(key, None)
        if entry is not None:
            self._taken[entry.urgency] -= entry.size
            self._room.notify_all()
        return entry

    def _head(self, outlasts_pause: bool) -> _Place | None:
        """The first of a heap."""
        heap = self._heaps[outlasts_pause]
        while heap and not self._is_current(heap[0]):
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _is_current(self, place: _Place) -> bool:
        entry = self._latest.get(place[-1])
        return entry is not None and entry.number == place[2]
