"""Scans: what makes the index agree with the folders, whatever events were missed.

One thread walks one root at a time: at start, when asked, when a watcher lost events, and on a timer (every root, with
a quarter of the interval as jitter so that roots do not line up).
"""

from __future__ import annotations

import heapq
import logging
import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from simd.catalogue.catalogue import Catalogue
from simd.indexing.backlog import Backlog, Urgency
from simd.indexing.deletions import Deletions
from simd.indexing.roots import Roots
from simd.indexing.rootstate import RootState
from simd.types import Change, FileKey, Root, ScanReport
from simd.watch.ignore import Ignore
from simd.watch.roots import RootOffline
from simd.watch.scanner import Scan

log = logging.getLogger(__name__)

_LONGEST_LOOK = 60
"""So many times as long as the first wait is the longest: scans that are asked for meanwhile lengthen it as well."""


@dataclass(order=True, slots=True)
class _Request:
    due: float
    root_id: int
    under: bytes
    future: Future[ScanReport] | None = field(compare=False, default=None)
    confirm_deletes: bool = field(compare=False, default=False)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """What a scan holds may be files that were moved: so many were new or changed. After `look_s` it is seen again."""

    changed: int
    look_s: float


class Scans:
    """Runs scans in its own thread from `start` to `stop`.

    Args:
        roots: the watched roots.
        interval_s: seconds between two scans of a root.
        hold_s: a mass deletion that was held for so long is applied.
        look_s: while what is held may be files that were moved, after how many seconds to see whether those that were
            found are indexed; while none of them is the wait doubles, up to a minute if it began with a second.
        deletions: those that were told one by one, which count when a scan judges what is gone.
        settle: takes a file that was written to just now, and may not be complete.
        settle_s: how many seconds ago "just now" is.
        news: called when changes were put into the backlog.
        is_idle: whether nothing that scans found waits to be indexed.
        scanned: called when a root was scanned to its end.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        backlog: Backlog,
        ignore: Ignore,
        roots: Roots,
        deletions: Deletions,
        settle: Callable[[FileKey], None],
        news: Callable[[], None],
        is_idle: Callable[[], bool],
        scanned: Callable[[], None] = lambda: None,
        settle_s: float = 1.0,
        interval_s: float,
        hold_s: float = 7 * 86400.0,
        look_s: float = 1.0,
    ) -> None:
        self._catalogue = catalogue
        self._backlog = backlog
        self._ignore = ignore
        self._roots = roots
        self._deletions = deletions
        self._settle = settle
        self._settle_s = settle_s
        self._news = news
        self._is_idle = is_idle
        self._scanned = scanned
        self._interval_s = interval_s
        self._hold_s = hold_s
        self._look_s = look_s
        self._doubtful: dict[int, _Doubt] = {}
        self._held_at: dict[int, float] = {}
        self._requests: list[_Request] = []
        self._running = False
        self._stopping = False
        self._states = {root_id: RootState(last_scan=at) for root_id, at in catalogue.last_scans().items()}
        self._changed = threading.Condition()
        self._jitter = random.Random()
        self._thread = threading.Thread(target=self._run, name="scans", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, in the middle of a scan if need be."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._backlog.close()
        if self._thread.is_alive():
            self._thread.join()
        for request in self._requests:
            if request.future is not None:
                request.future.cancel()

    def request(self, root_id: int, under: bytes = b"", *, confirm_deletes: bool = False) -> Future[ScanReport]:
        """Scan a root, or a folder in it, as soon as possible. The report says what was put into the backlog.

        Args:
            confirm_deletes: a person has said that what is gone is gone, however much it is.
        """
        future: Future[ScanReport] = Future()
        self._schedule(_Request(0.0, root_id, under, future, confirm_deletes))
        return future

    def hint(self, root_id: int, under: bytes = b"") -> None:
        """Scan soon; several hints for the same folder are one scan."""
        with self._changed:
            if any(r.root_id == root_id and r.under in (b"", under) and r.due == 0.0 for r in self._requests):
                return
        self._schedule(_Request(0.0, root_id, under))

    def every(self, interval_s: float) -> None:
        """From now on scan each root after so many seconds; those that wait for longer do so no more."""
        with self._changed:
            self._interval_s = interval_s
            for request in self._requests:
                request.due = min(request.due, self._next_due())
            heapq.heapify(self._requests)
            self._changed.notify_all()

    @property
    def pending(self) -> int:
        """Scans asked for, or needed to judge what is held, not yet ended; those of the timer not before they run."""
        with self._changed:
            return int(self._running) + len(self._doubtful) + sum(1 for r in self._requests if r.due == 0.0)

    def state(self, root_id: int) -> RootState:
        """What the last scan found out about a root."""
        return self._states.get(root_id, RootState())

    def _schedule(self, request: _Request) -> None:
        with self._changed:
            heapq.heappush(self._requests, request)
            self._changed.notify_all()

    def _next(self) -> _Request | None:
        """The next request that is due; None at the end."""
        with self._changed:
            while not self._stopping:
                if self._requests and self._requests[0].due <= time.monotonic():
                    self._running = True
                    return heapq.heappop(self._requests)
                wait = self._requests[0].due - time.monotonic() if self._requests else None
                self._changed.wait(wait)
        return None

    def _run(self) -> None:
        while (request := self._next()) is not None:
            if request.future is not None and not request.future.set_running_or_notify_cancel():
                continue
            try:
                report = self._scan(request)
                if request.future is not None:
                    request.future.set_result(report)
            except Exception as error:
                log.exception("scanning root %d failed", request.root_id)
                if request.future is not None:
                    request.future.set_exception(error)
            finally:
                self._running = False
                self._news()

    def _scan(self, request: _Request) -> ScanReport:
        root = self._roots.get(request.root_id)
        if root is None:
            self._doubtful.pop(request.root_id, None)
            return ScanReport(0, 0, 0)
        if root.root_id in self._doubtful and request.due and len(self._backlog):
            self._again_at(root.root_id, time.monotonic() + self._look_s)
            return ScanReport(0, 0, 0)
        # Asked before it finds something itself.
        idle = self._is_idle()
        began = time.monotonic()
        scan = Scan(
            root,
            self._catalogue.walk(root.root_id, request.under),
            self._ignore,
            request.under,
            known_files=self._catalogue.counts().files_by_root.get(root.root_id, 0) if request.under else None,
            lost=self._deletions.lost(root.root_id),
            sample=lambda count: self._catalogue.spread(root.root_id, count),
            complete=lambda files: self._catalogue.complete_stamps(root.root_id, files),
            moved=lambda paths: self._catalogue.moved(root.root_id, paths),
            hold=not self._is_held_long_enough(root.root_id),
            confirm_deletes=request.confirm_deletes,
        )
        before = self.state(root.root_id)
        try:
            for change in scan:
                if not self._offer(change):
                    return ScanReport(scan.seen, scan.changed, scan.deleted)
            state = before.scanned(scan, request.under, time.time())
        except RootOffline as offline:
            state = before.offline(offline.reason)
        if state.detail and state.detail != before.detail:
            log.warning("%s: %s", os.fsdecode(root.path), state.detail)
        self._ended(request, root, scan, state, idle)
        log.info(
            "scanned %s in %.2f s: %d files, %d new or changed, %d gone, %d ignored now",
            os.fsdecode(os.path.join(root.path, request.under).rstrip(b"/")), time.monotonic() - began,
            scan.seen, scan.changed, scan.deleted - scan.ignored, scan.ignored,
        )  # fmt: skip
        return ScanReport(scan.seen, scan.changed, scan.deleted, () if state.online else (root.path,))

    def _offer(self, change: Change) -> bool:
        """Hand a change on; False at the end."""
        if change.stamp is not None and time.time() - change.stamp.mtime_ns / 1e9 < self._settle_s:
            self._settle(change.key)
            return True
        if not self._backlog.push(change, Urgency.SCAN):
            return False
        self._news()
        return True

    def _ended(self, request: _Request, root: Root, scan: Scan, state: RootState, idle: bool) -> None:
        identity = scan.identity
        if identity is not None and identity != root.identity:
            self._catalogue.set_identity(root.root_id, identity)
            self._roots.update(replace(root, identity=identity))
        self._states[root.root_id] = state
        if request.under:
            if scan.held is not None:
                # What is held in a part is to be shown, and only a scan of the whole can tell how much it is.
                self.hint(root.root_id)
            return
        if state.online and state.last_scan is not None:
            if scan.held is None:
                self._deletions.weighed(root.root_id)
            self._catalogue.scanned(root.root_id, state.last_scan, self._held_s(root.root_id, scan))
            self._scanned()
        doubt = self._doubt(root.root_id, scan, idle)
        if doubt is None:
            self._doubtful.pop(root.root_id, None)
            self._again_at(root.root_id, self._next_due())
        else:
            self._doubtful[root.root_id] = doubt
            self._again_at(root.root_id, time.monotonic() + doubt.look_s)

    def _doubt(self, root_id: int, scan: Scan, idle: bool) -> _Doubt | None:
        """Files that are new may be those that are gone, moved; once they are known, it is judged again what is held.

        Some never will be, as they cannot be read: where nothing moves on, nothing more is waited for.
        """
        if scan.held is None or not scan.changed:
            return None
        before = self._doubtful.get(root_id)
        if before is None or scan.changed < before.changed:
            return _Doubt(scan.changed, self._look_s)
        return None if idle else _Doubt(scan.changed, min(2 * before.look_s, _LONGEST_LOOK * self._look_s))

    def _is_held_long_enough(self, root_id: int) -> bool:
        held_s = self._catalogue.held_s(root_id)
        return held_s is not None and held_s + self._held_more_s(root_id) >= self._hold_s

    def _held_s(self, root_id: int, scan: Scan) -> float | None:
        """For how long deletions have been held by the end of a scan."""
        if scan.held is None:
            self._held_at.pop(root_id, None)
            return None
        more = self._held_more_s(root_id)
        self._held_at[root_id] = time.monotonic()
        return (self._catalogue.held_s(root_id) or 0.0) + more

    def _held_more_s(self, root_id: int) -> float:
        """Since the last scan that held them. Only the time counts in which the daemon runs: the clock on the wall may
        be set, and a disk that is away comes back when somebody is there."""
        now = time.monotonic()
        return now - self._held_at.get(root_id, now)

    def _next_due(self) -> float:
        return time.monotonic() + self._interval_s * self._jitter.uniform(0.75, 1.25)

    def _again_at(self, root_id: int, due: float) -> None:
        """Put the root's next scan on the timer, in place of the one that is there."""
        with self._changed:
            self._requests = [r for r in self._requests if r.root_id != root_id or r.due == 0.0 or r.under]
            heapq.heapify(self._requests)
        self._schedule(_Request(due, root_id, b""))
