"""Scans: what makes the index agree with the folders, whatever events were missed.

One thread walks one root at a time: at start, on request, when a watcher lost events, and on a timer (`schedule.py`).
Whatever a scan comes to, the next one of its root is on the timer. A scan that fails, or finds that the root went
offline, is retried within seconds; a root that stays offline is checked every few seconds, which costs nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from simd.catalogue.catalogue import Catalogue
from simd.errors import StoreError, for_callers
from simd.indexing.loop.indexer import Indexer
from simd.indexing.roots.held import HeldDeletions
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.rootstate import RootState
from simd.indexing.roots.schedule import ScanRequest, Schedule
from simd.supervision import Threads
from simd.types import FileKey, Identity, Root, ScanReport
from simd.watch.roots import RootOffline
from simd.watch.scanner import Scan
from simd.watch.watcher import Watcher

log = logging.getLogger(__name__)


class Scans:
    """Runs scans in its own thread from `start` to `stop`.

    Args:
        indexer: gets the changes, and is notified when a whole root was scanned.
        watcher: compares its watches with a root after each scan of all of it.
        clock: seconds since the epoch, to say when a scan was.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        roots: Roots,
        schedule: Schedule,
        held: HeldDeletions,
        indexer: Indexer,
        watcher: Watcher,
        threads: Threads,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalogue = catalogue
        self._roots = roots
        self._schedule = schedule
        self._held = held
        self._indexer = indexer
        self._watcher = watcher
        self._threads = threads
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = self._threads.start("scans", self._run, self._stopping)

    def end(self) -> None:
        """End soon, in the middle of a scan if need be; one that waits for room in the queue ends with that."""
        self._stopping.set()
        self._schedule.close()

    def stop(self) -> None:
        """End, and wait for it."""
        self.end()
        if self._thread is not None:
            self._thread.join()

    def request(self, key: FileKey, *, confirm_deletes: bool = False) -> Future[ScanReport]:
        """Scan a root, or a folder in it, as soon as possible. The report says what was queued.

        Args:
            confirm_deletes: a person has said that what is gone is gone, however much it is.
        """
        future: Future[ScanReport] = Future()
        self._schedule.submit(ScanRequest(key.root_id, key.path, future, confirm_deletes))
        return future

    def set_interval(self, interval_s: float) -> None:
        """Change how often each root is scanned."""
        self._schedule.set_interval(interval_s)

    @property
    def pending(self) -> int:
        """Scans that are wanted and not ended; those of the timer not before they run."""
        return self._schedule.pending

    def _run(self) -> None:
        while (request := self._schedule.next()) is not None:
            try:
                self._serve(request)
            finally:
                self._schedule.finished(request)
                self._indexer.queue.wake()

    def _serve(self, request: ScanRequest) -> None:
        """Answer a request; an error is an answer too, and the scan is retried."""
        future = request.future
        if future is not None and not future.set_running_or_notify_cancel():
            return
        try:
            report = self._scan(request)
        except Exception as error:  # noqa: BLE001 - it is logged where its kind is known
            self._failed(request, error)
            if future is not None:
                future.set_exception(error)
        else:
            if future is not None:
                future.set_result(report)

    def _failed(self, request: ScanRequest, error: Exception) -> None:
        if isinstance(error, StoreError):
            root = self._roots.get(request.root_id)
            where = "a root that is gone" if root is None else os.fsdecode(os.path.join(root.path, request.under))
            log.error("a scan of %s failed and is tried again: %s", where, error)
        else:
            self._threads.failed("scans", error)
        state = self._roots.state(request.root_id)
        self._roots.set_state(request.root_id, replace(state, failed=for_callers(error)))
        self._schedule.retry(request.root_id)

    def _scan(self, request: ScanRequest) -> ScanReport:
        root = self._roots.get(request.root_id)
        if root is None:
            self._schedule.forget(request.root_id)
            self._held.forget(request.root_id)
            return ScanReport(0, 0, 0)
        if request.timed and self._held.may_be_moved(root.root_id) and self._indexer.queue.sizes()["backlog"]:
            self._schedule.retry(root.root_id, reset=True)
            return ScanReport(0, 0, 0)
        # Before it finds something itself.
        was_idle = self._indexer.is_idle()
        began = time.monotonic()
        scan = self._begin(root, request)
        before = self._roots.state(root.root_id)
        try:
            for change in scan:
                if not self._indexer.queue.offer(change):
                    break
        except RootOffline as offline:
            self._set_state(root, before, before.offline(offline.reason))
            self._check_again(root, before)
            return ScanReport(scan.seen, scan.changed, scan.deleted, (root.path,))
        if scan.identity is None:
            return ScanReport(scan.seen, scan.changed, scan.deleted)
        self._adopt(root, scan.identity)
        self._set_state(root, before, before.scanned(scan, request.under, self._clock()))
        if request.under:
            self._ended_part(root, scan)
        else:
            self._ended_whole(root, scan, was_idle)
        # A root that is polled has a scan every half minute, most of which find nothing.
        level = logging.INFO if scan.changed or scan.deleted or before.last_scan is None else logging.DEBUG
        log.log(
            level, "scanned %s in %.2f s: %d files, %d new or changed, %d gone, %d ignored now",
            os.fsdecode(os.path.join(root.path, request.under).rstrip(b"/")), time.monotonic() - began,
            scan.seen, scan.changed, scan.deleted - scan.ignored, scan.ignored,
        )  # fmt: skip
        return ScanReport(scan.seen, scan.changed, scan.deleted)

    def _begin(self, root: Root, request: ScanRequest) -> Scan:
        return Scan(
            root,
            self._catalogue.walk(root.root_id, request.under),
            self._roots.ignore,
            request.under,
            known_files=self._catalogue.counts().files_by_root.get(root.root_id, 0) if request.under else None,
            lost=self._held.lost(root.root_id),
            sample=lambda count: self._catalogue.spread(root.root_id, count),
            complete=lambda files: self._catalogue.complete_stamps(root.root_id, files),
            moved=lambda paths: self._catalogue.moved(root.root_id, paths),
            hold=not self._held.is_over(root.root_id),
            go_on=lambda: not self._stopping.is_set(),
            confirm_deletes=request.confirm_deletes,
        )

    def _set_state(self, root: Root, before: RootState, state: RootState) -> None:
        self._roots.set_state(root.root_id, state)
        if state.detail and state.detail != before.detail:
            log.warning("%s: %s", os.fsdecode(root.path), state.detail)

    def _adopt(self, root: Root, identity: Identity) -> None:
        """Remember which directory the root is now."""
        if identity != root.identity:
            self._catalogue.set_identity(root.root_id, identity)
            self._roots.update(replace(root, identity=identity))

    def _check_again(self, root: Root, before: RootState) -> None:
        """A root that was offline for a moment is back soon; for one that stays offline nothing is pending."""
        self._held.is_offline(root.root_id)
        if before.online:
            self._schedule.retry(root.root_id)
        else:
            self._schedule.recheck(root.root_id)

    def _ended_part(self, root: Root, scan: Scan) -> None:
        """What is held in a part has to be shown. Only a scan of the whole can say how much that is, or that the root
        is back."""
        if scan.held is not None or not self._roots.state(root.root_id).online:
            self._schedule.enqueue(root.root_id)

    def _ended_whole(self, root: Root, scan: Scan, was_idle: bool) -> None:
        root_id = root.root_id
        held_s = self._held.ended(root_id, scan)
        self._catalogue.scanned(root_id, self._roots.state(root_id).last_scan or 0.0, held_s)
        self._indexer.root_scanned()
        self._watcher.compare(root_id)
        self._held.judge_again(root_id, scan, was_idle=was_idle)
