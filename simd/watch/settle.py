"""Waits until a file has come to rest, and turns hints into changes.

Pure logic: the clock and the look at a file are given. A file that was closed is released at the next `due`; one that
merely appeared is looked at twice, `settle_s` apart, and released when nothing changed in between. What is gone by
then is a deletion. Upserts come before deletions, so that a moved file is never without a place.

Memory is bounded: with more than `limit` files waiting, those of the root that got the last one are forgotten and the
root is named by `take_scans`, because a scan finds them all.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simd.types import Change, ChangeKind, FileKey, Stamp
from simd.watch.roots import RootOffline
from simd.watch.rules import RulesUnread

RETRY_DELAYS_S = (1.0, 4.0, 15.0, 60.0)


@dataclass(slots=True)
class _Waiting:
    """When to look at a file next; `seen` is its stamp at the last look of a file that has to stand still, `heard` when
    it was last said to be written to."""

    at: float
    ready: bool
    seen: Stamp | None = None
    heard: float | None = None


class Settler:
    """Files that wait to be read. Not thread-safe: the loop that owns it guards it.

    Args:
        settle_s: how long size, time and inode of a file that appeared must stand still.
        clock: monotonic seconds.
        limit: the most files to wait for.
        retry_delays_s: the waits before each further attempt at a young file that could not be decoded.
    """

    def __init__(
        self,
        settle_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        limit: int = 100_000,
        retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
    ) -> None:
        self._settle_s = settle_s
        self._clock = clock
        self._limit = limit
        self._retry_delays_s = tuple(retry_delays_s)
        self._waiting: dict[FileKey, _Waiting] = {}
        self._queue: list[tuple[float, FileKey]] = []
        self._attempts: dict[FileKey, int] = {}
        self._scans: set[FileKey] = set()

    def __len__(self) -> int:
        """Files that wait."""
        return len(self._waiting)

    def note(self, key: FileKey, ready: bool = False, heard: float | None = None) -> None:
        """Something happened to a file.

        Args:
            key: the file.
            ready: it may be looked at now and need not stand still: it was closed, renamed or deleted.
            heard: when it was said to be written to, in monotonic seconds; None if it was not.
        """
        self._attempts.pop(key, None)
        self._put(key, _Waiting(self._clock(), ready, heard=heard))

    def postpone(self, key: FileKey, seconds: float) -> None:
        """Look at a file again after so many seconds: nothing could be done about it now, which was not its fault."""
        self._put(key, _Waiting(self._clock() + seconds, ready=True))

    def retry(self, key: FileKey) -> bool:
        """Try a file again later that could not be decoded; False when it has been tried often enough."""
        attempt = self._attempts.get(key, 0)
        if attempt >= len(self._retry_delays_s):
            self._attempts.pop(key, None)
            return False
        if len(self._attempts) >= self._limit:
            self._attempts.pop(next(iter(self._attempts)))
        self._attempts[key] = attempt + 1
        self._put(key, _Waiting(self._clock() + self._retry_delays_s[attempt], ready=True))
        return True

    def done(self, key: FileKey) -> None:
        """A file was decided on: its attempts are forgotten."""
        self._attempts.pop(key, None)

    def forget(self, key: FileKey) -> None:
        """Wait for a file no longer."""
        self._waiting.pop(key, None)
        self._attempts.pop(key, None)

    def forget_root(self, root_id: int) -> None:
        """Wait for no file of a root any longer."""
        for key in [key for key in self._waiting if key.root_id == root_id]:
            del self._waiting[key]
        self._attempts = {key: n for key, n in self._attempts.items() if key.root_id != root_id}
        self._queue = [(at, key) for at, key in self._queue if key.root_id != root_id]
        heapq.heapify(self._queue)
        self._scans = {where for where in self._scans if where.root_id != root_id}

    def due(self, look: Callable[[FileKey], Stamp | None]) -> list[Change]:
        """The files that have come to rest, upserts first.

        Args:
            look: the stamp of a file now, None if there is none. Where it cannot tell, `take_scans` names what has to
                be scanned: the root if it raises RootOffline, the file's folder if it raises OSError or RulesUnread.
        """
        now = self._clock()
        upserts: list[Change] = []
        deletes: list[Change] = []
        while self._queue and self._queue[0][0] <= now:
            at, key = heapq.heappop(self._queue)
            waiting = self._waiting.get(key)
            if waiting is None or waiting.at != at:
                continue
            del self._waiting[key]
            try:
                stamp = look(key)
            except (OSError, RulesUnread):
                self._scans.add(FileKey(key.root_id, os.path.dirname(key.path)))
                continue
            except RootOffline:
                self._scans.add(FileKey(key.root_id, b""))
                continue
            if stamp is None:
                deletes.append(Change(ChangeKind.DELETE, key))
            elif waiting.ready or stamp == waiting.seen or self._settle_s == 0:
                upserts.append(Change(ChangeKind.UPSERT, key, stamp, heard=waiting.heard))
            else:
                self._put(key, _Waiting(now + self._settle_s, False, stamp, waiting.heard))
        return upserts + deletes

    def next_due(self) -> float | None:
        """Seconds until `due` may have something; None when nothing waits."""
        while self._queue and not self._is_current(*self._queue[0]):
            heapq.heappop(self._queue)
        return max(0.0, self._queue[0][0] - self._clock()) if self._queue else None

    def take_scans(self) -> list[FileKey]:
        """Folders to be scanned, b"" for all of a root: too many of its files were waiting, or one cannot be judged."""
        scans = sorted(self._scans)
        self._scans.clear()
        return scans

    def _is_current(self, at: float, key: FileKey) -> bool:
        waiting = self._waiting.get(key)
        return waiting is not None and waiting.at == at

    def _put(self, key: FileKey, waiting: _Waiting) -> None:
        root = FileKey(key.root_id, b"")
        if root in self._scans:
            return
        before = self._waiting.get(key)
        if before is None and len(self._waiting) >= self._limit:
            self.forget_root(key.root_id)
            self._scans.add(root)
            return
        self._waiting[key] = waiting
        if before is not None and waiting.heard is None:
            waiting.heard = before.heard
        if before is not None and before.at <= waiting.at:
            # It is in the queue already; looking at it sooner than asked does no harm.
            waiting.at = before.at
        else:
            heapq.heappush(self._queue, (waiting.at, key))
