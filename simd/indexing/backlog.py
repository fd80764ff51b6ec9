"""What is waiting to be indexed: one entry a file, the latest news of it, in the order it should be done.

Events come before scans, because somebody is waiting for the file just saved; among the files of a scan the newest come
first; deletions found by a scan come last, so that a moved file is found at its new place before its old one is gone.
"""

from __future__ import annotations

import heapq
import threading
from enum import IntEnum

from simd.types import Change, ChangeKind, FileKey


class Urgency(IntEnum):
    """Who is waiting."""

    EVENT = 0
    SCAN = 1


_Entry = tuple[int, int, int, FileKey]


class Backlog:
    """A priority queue of `Change`s, keyed by file; safe to use from any thread.

    Args:
        limit: `push` of a scan's change blocks while so many wait, which bounds memory and slows the scan to the pace
            of indexing. Events are never blocked.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._heap: list[_Entry] = []
        self._latest: dict[FileKey, tuple[int, Change]] = {}
        self._counter = 0
        self._closed = False
        self._room = threading.Condition()

    def push(self, change: Change, urgency: Urgency) -> bool:
        """Add a change, replacing an older one of the same file. Returns False when the backlog was closed."""
        with self._room:
            while urgency is Urgency.SCAN and len(self._latest) >= self._limit and not self._closed:
                self._room.wait()
            if self._closed:
                return False
            self._counter += 1
            rank = 2 if urgency is Urgency.SCAN and change.kind is ChangeKind.DELETE else int(urgency)
            newest_first = -change.stamp.mtime_ns if change.stamp and urgency is Urgency.SCAN else 0
            self._latest[change.key] = (self._counter, change)
            heapq.heappush(self._heap, (rank, newest_first, self._counter, change.key))
            return True

    def pop(self) -> Change | None:
        """The next change, or None."""
        with self._room:
            while self._heap:
                *_, counter, key = heapq.heappop(self._heap)
                current = self._latest.get(key)
                if current is not None and current[0] == counter:
                    del self._latest[key]
                    self._room.notify_all()
                    return current[1]
            return None

    def discard(self, key: FileKey) -> None:
        """Forget what is waiting for a file."""
        with self._room:
            if self._latest.pop(key, None) is not None:
                self._room.notify_all()

    def close(self) -> None:
        """Release whoever is blocked in `push`; nothing is accepted any more."""
        with self._room:
            self._closed = True
            self._room.notify_all()

    def __len__(self) -> int:
        with self._room:
            return len(self._latest)
