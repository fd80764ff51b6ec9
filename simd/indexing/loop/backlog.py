"""What is waiting to be indexed: a priority queue with one entry a file, its latest change.

Requests come first, because a person waits for them; then events, because the file has just been saved; among the files
of a scan the newest come first; deletions found by a scan come last, so that a moved file is found at its new place
before its old one is gone. While indexing is paused only requests and deletions come out.

Memory is bounded, separately for events and for scans. A scan blocks when there is no room. Events beyond their limit
are dropped and their root is returned by `take_scans`, because a scan finds them all. During a pause nothing blocks:
what a scan finds beyond the limit is then dropped like events, and its root is scanned again after the pause.
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
"""How many entries of a heap may be out of date, beside as many as are current, before it is rebuilt."""


class Priority(IntEnum):
    """Where a change comes from; the lowest number is first."""

    REQUEST = 0
    EVENT = 1
    SCAN = 2


_Place = tuple[int, int, int, FileKey]
"""Rank, negative time if the newest come first, number of arrival, file: the sort key of the heaps."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """The latest change of a file. `number` distinguishes its place in a heap from those of older changes."""

    number: int
    change: Change
    priority: Priority

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return _ENTRY_BYTES + len(self.change.key.path)

    @property
    def outlasts_pause(self) -> bool:
        """Whether it comes out while indexing is paused."""
        return self.priority is Priority.REQUEST or self.change.kind is ChangeKind.DELETE

    @property
    def place(self) -> _Place:
        """Its sort key."""
        by_scan = self.priority is Priority.SCAN
        last = by_scan and self.change.kind is ChangeKind.DELETE
        newest_first = -self.change.stamp.mtime_ns if by_scan and self.change.stamp else 0
        return (int(self.priority) + last, newest_first, self.number, self.change.key)


class Backlog:
    """A priority queue of `Change`s, keyed by file; safe to use from any thread.

    Args:
        scan_bytes: memory for the changes of scans; `push` blocks while there is no room, which slows the scan to the
            pace of indexing.
        event_bytes: memory for those of events. Those of requests are bounded by what a request can hold.
    """

    def __init__(self, scan_bytes: int = 32 * MIB, event_bytes: int = 32 * MIB) -> None:
        self._limits = {Priority.SCAN: scan_bytes, Priority.EVENT: event_bytes}
        self._taken = dict.fromkeys(Priority, 0)
        self._heaps: dict[bool, list[_Place]] = {True: [], False: []}
        self._latest: dict[FileKey, _Entry] = {}
        self._counter = 0
        self._scans: set[int] = set()
        self._paused = False
        self._closed = False
        self._room = threading.Condition()

    def push(self, change: Change, priority: Priority) -> bool:
        """Add a change, replacing an older one of the same file, whose priority it keeps if that came first.

        Returns False when the backlog was closed.
        """
        with self._room:
            while priority is Priority.SCAN and self._is_full(priority) and not self._paused and not self._closed:
                self._room.wait()
            if self._closed:
                return False
            before = self._remove(change.key)
            if before is not None and change.heard is None:
                change = replace(change, heard=before.change.heard)
            entry = _Entry(self._counter, change, min(priority, before.priority) if before else priority)
            self._counter += 1
            if self._is_full(entry.priority):
                self._drop(change.key.root_id, entry.priority)
            if change.key.root_id not in self._scans or self._comes_out_soon(entry):
                self._put(entry)
            return True

    def pop(self, *, as_if_paused: bool = False) -> Change | None:
        """The next change, or None.

        Args:
            as_if_paused: only what comes out during a pause.
        """
        with self._room:
            rest = None if as_if_paused or self._paused else self._head(False)
            heads = [head for head in (self._head(True), rest) if head]
            if not heads:
                return None
            entry = self._remove(min(heads)[-1])
            assert entry is not None
            return entry.change

    def discard(self, key: FileKey) -> None:
        """Drop what is waiting of a file."""
        with self._room:
            self._remove(key)

    def pause(self, paused: bool) -> None:
        """Begin or end a pause."""
        with self._room:
            self._paused = paused
            self._room.notify_all()

    def take_scans(self) -> list[int]:
        """Roots that have to be scanned, because changes of them were dropped; none while it is paused."""
        with self._room:
            if self._paused:
                return []
            scans = sorted(self._scans)
            self._scans.clear()
            return scans

    def close(self) -> None:
        """Release threads that are blocked in `push`; nothing is accepted any more."""
        with self._room:
            self._closed = True
            self._room.notify_all()

    def __len__(self) -> int:
        with self._room:
            return len(self._latest)

    def _is_full(self, priority: Priority) -> bool:
        return priority in self._limits and self._taken[priority] >= self._limits[priority]

    def _drop(self, root_id: int, priority: Priority) -> None:
        """Drop what is waiting of a root: a scan of it has to find it again."""
        self._scans.add(root_id)
        entries = [e for e in self._latest.values() if e.change.key.root_id == root_id and e.priority is priority]
        for entry in entries:
            if not self._comes_out_soon(entry):
                self._remove(entry.change.key)

    def _comes_out_soon(self, entry: _Entry) -> bool:
        """Whether it occupies memory for a short time only: a request, or a deletion while nothing else comes out."""
        return entry.priority is Priority.REQUEST or (self._paused and entry.outlasts_pause)

    def _put(self, entry: _Entry) -> None:
        self._latest[entry.change.key] = entry
        self._taken[entry.priority] += entry.size
        heap = self._heaps[entry.outlasts_pause]
        heapq.heappush(heap, entry.place)
        if len(heap) > 2 * len(self._latest) + _STALE_ENTRIES:
            heap[:] = [place for place in heap if self._is_current(place)]
            heapq.heapify(heap)

    def _remove(self, key: FileKey) -> _Entry | None:
        """Remove a file; its place in the heap stays behind and is skipped later."""
        entry = self._latest.pop(key, None)
        if entry is not None:
            self._taken[entry.priority] -= entry.size
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
