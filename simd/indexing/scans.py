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
from simd.indexing.roots import Roots
from simd.types import Change, FileKey, Root, ScanReport
from simd.watch.ignore import Ignore
from simd.watch.roots import Identity, RootOffline
from simd.watch.scanner import Scan

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RootState:
    """What the last scan of a root found out."""

    online: bool = True
    last_scan: float | None = None
    detail: str = ""


@dataclass(order=True, slots=True)
class _Request:
    due: float
    root_id: int
    under: bytes
    future: Future[ScanReport] | None = field(compare=False, default=None)
    confirm_deletes: bool = field(compare=False, default=False)


class Scans:
    """Runs scans in its own thread from `start` to `stop`.

    Args:
        roots: the watched roots.
        interval_s: seconds between two scans of a root.
        settle: takes a file that was written to just now, and may not be complete.
        settle_s: how many seconds ago "just now" is.
        news: called when changes were put into the backlog.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        backlog: Backlog,
        ignore: Ignore,
        roots: Roots,
        settle: Callable[[FileKey], None],
        news: Callable[[], None],
        settle_s: float = 1.0,
        interval_s: float,
    ) -> None:
        self._catalogue = catalogue
        self._backlog = backlog
        self._ignore = ignore
        self._roots = roots
        self._settle = settle
        self._settle_s = settle_s
        self._news = news
        self._interval_s = interval_s
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

    @property
    def pending(self) -> int:
        """Scans asked for and not yet ended; those of the timer do not count before they run."""
        with self._changed:
            return int(self._running) + sum(1 for r in self._requests if r.due == 0.0)

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
            return ScanReport(0, 0, 0)
        began = time.monotonic()
        scan = Scan(
            root,
            self._catalogue.walk(root.root_id, request.under),
            self._ignore,
            request.under,
            known_files=self._catalogue.counts().files_by_root.get(root.root_id, 0) if request.under else None,
            confirm_deletes=request.confirm_deletes,
        )
        online, detail = True, ""
        try:
            for change in scan:
                if not self._offer(change):
                    break
            detail = _detail(scan)
        except RootOffline as offline:
            online, detail = False, offline.reason
        if detail:
            log.warning("%s: %s", os.fsdecode(root.path), detail)
        self._ended(request, root, scan.identity, RootState(online, time.time(), detail))
        log.info(
            "scanned %s in %.2f s: %d files, %d new or changed, %d gone",
            os.fsdecode(os.path.join(root.path, request.under).rstrip(b"/")), time.monotonic() - began,
            scan.seen, scan.changed, scan.deleted,
        )  # fmt: skip
        return ScanReport(scan.seen, scan.changed, scan.deleted, () if online else (root.path,))

    def _offer(self, change: Change) -> bool:
        """Hand a change on; False at the end."""
        if change.stamp is not None and time.time() - change.stamp.mtime_ns / 1e9 < self._settle_s:
            self._settle(change.key)
            return True
        if not self._backlog.push(change, Urgency.SCAN):
            return False
        self._news()
        return True

    def _ended(self, request: _Request, root: Root, identity: Identity | None, state: RootState) -> None:
        if identity is not None and (identity.device, identity.inode) != (root.device, root.inode):
            self._catalogue.set_identity(root.root_id, identity.device, identity.inode)
            self._roots.update(replace(root, device=identity.device, inode=identity.inode))
        if not request.under:
            self._states[root.root_id] = state
            if state.online and state.last_scan is not None:
                self._catalogue.scanned(root.root_id, state.last_scan)
            self._again_later(root.root_id)
        elif not state.online:
            self._states[root.root_id] = state

    def _again_later(self, root_id: int) -> None:
        """Put the root's next scan on the timer, in place of the one that is there."""
        due = time.monotonic() + self._interval_s * self._jitter.uniform(0.75, 1.25)
        with self._changed:
            self._requests = [r for r in self._requests if r.root_id != root_id or r.due == 0.0 or r.under]
            heapq.heapify(self._requests)
        self._schedule(_Request(due, root_id, b""))


def _detail(scan: Scan) -> str:
    """What a person should know about a scan that came to its end."""
    if scan.held is not None:
        return (
            f"{scan.held.count} of {scan.held.known} known files are gone; they stay in the answers until they are "
            "back or `simctl scan --confirm-deletes` says that they are meant to be gone"
        )
    if scan.unread:
        first = scan.problems[0]
        return f"{scan.unread} folders could not be read, first {os.fsdecode(first.path)}: {first.why}"
    return ""
