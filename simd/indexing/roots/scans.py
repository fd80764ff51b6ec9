"""Scans: what makes the index agree with the folders, whatever events were missed.

One thread walks one root at a time: at start, when asked, when a watcher lost events, and on a timer (`agenda.py`).
Whatever a scan comes to, the next one of its root is on the timer. A scan that fails, or finds the root offline, owes
another one within seconds; a root that stays offline is looked at again every few seconds, which costs nothing.
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
from simd.indexing.loop.agenda import Agenda, Request
from simd.indexing.loop.backlog import Backlog, Urgency
from simd.indexing.roots.deletions import Deletions
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.rootstate import RootState
from simd.supervision import Threads
from simd.types import Change, FileKey, Identity, Root, ScanReport
from simd.watch.ignore import Ignore
from simd.watch.roots import RootOffline
from simd.watch.scanner import Scan

log = logging.getLogger(__name__)


class Scans:
    """Runs scans in its own thread from `start` to `stop`.

    Args:
        roots: the watched roots.
        agenda: which scan comes next; whoever wants one soon tells it.
        deletions: those that were told one by one, which count when a scan judges what is gone.
        settle: takes a file that was written to just now, and may not be complete.
        settle_s: how many seconds ago "just now" is.
        news: called when changes were put into the backlog.
        is_idle: whether nothing that scans found waits to be indexed.
        scanned: called with a root's id when the root was scanned to its end.
        threads: runs the thread.
        clock: seconds since the epoch, for the age of files and to say when a scan was.
        hold_s: a mass deletion that was held for so long, while the daemon ran, is applied.
        offline_s: how often an offline root is looked at.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        backlog: Backlog,
        ignore: Ignore,
        roots: Roots,
        agenda: Agenda,
        deletions: Deletions,
        settle: Callable[[FileKey], None],
        news: Callable[[], None],
        is_idle: Callable[[], bool],
        scanned: Callable[[int], None] = lambda root_id: None,
        threads: Threads | None = None,
        clock: Callable[[], float] = time.time,
        settle_s: float = 1.0,
        hold_s: float = 7 * 86400.0,
        offline_s: float = 10.0,
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
        self._hold_s = hold_s
        self._offline_s = offline_s
        self._clock = clock
        self._agenda = agenda
        self._states = {root_id: RootState(last_scan=at) for root_id, at in catalogue.last_scans().items()}
        self._moving: dict[int, int] = {}
        """How many files were new or changed when a root's deletions were held: those that are gone may be these."""
        self._held_at: dict[int, float] = {}
        self._threads = threads or Threads()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = self._threads.start("scans", self._run, self._stopping)

    def end(self) -> None:
        """End soon, in the middle of a scan if need be."""
        self._stopping.set()
        self._agenda.close()
        self._backlog.close()

    def stop(self) -> None:
        """End, and wait for it."""
        self.end()
        if self._thread is not None:
            self._thread.join()

    def request(self, root_id: int, under: bytes = b"", *, confirm_deletes: bool = False) -> Future[ScanReport]:
        """Scan a root, or a folder in it, as soon as possible. The report says what was put into the backlog.

        Args:
            confirm_deletes: a person has said that what is gone is gone, however much it is.
        """
        future: Future[ScanReport] = Future()
        self._agenda.ask(Request(root_id, under, future, confirm_deletes))
        return future

    @property
    def pending(self) -> int:
        """Scans that are wanted and not ended; those of the timer not before they run."""
        return self._agenda.pending

    def state(self, root_id: int) -> RootState:
        """What the last scan found out about a root."""
        return self._states.get(root_id, RootState())

    def _run(self) -> None:
        while (request := self._agenda.next()) is not None:
            try:
                self._serve(request)
            finally:
                self._agenda.ended(request)
                self._news()

    def _serve(self, request: Request) -> None:
        """Answer a request; what goes wrong with it is its answer, and is tried again."""
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

    def _failed(self, request: Request, error: Exception) -> None:
        if isinstance(error, StoreError):
            root = self._roots.get(request.root_id)
            where = "a root that is gone" if root is None else os.fsdecode(os.path.join(root.path, request.under))
            log.error("a scan of %s failed and is tried again: %s", where, error)
        else:
            self._threads.failed("scans", error)
        self._states[request.root_id] = replace(self.state(request.root_id), failed=for_callers(error))
        self._agenda.owe(request.root_id)

    def _scan(self, request: Request) -> ScanReport:
        root = self._roots.get(request.root_id)
        if root is None:
            self._forget(request.root_id)
            return ScanReport(0, 0, 0)
        if root.root_id in self._moving and request.timed and len(self._backlog):
            self._agenda.owe(root.root_id, afresh=True)
            return ScanReport(0, 0, 0)
        # Asked before it finds something itself.
        idle = self._is_idle()
        began = time.monotonic()
        scan = self._begun(root, request)
        before = self.state(root.root_id)
        try:
            for change in scan:
                if not self._offer(change):
                    break
        except RootOffline as offline:
            self._tell(root, before, before.offline(offline.reason))
            self._look_again(root, before)
            return ScanReport(scan.seen, scan.changed, scan.deleted, (root.path,))
        if scan.identity is None:
            return ScanReport(scan.seen, scan.changed, scan.deleted)
        self._adopt(root, scan.identity)
        self._tell(root, before, before.scanned(scan, request.under, self._clock()))
        if request.under:
            self._ended_part(root, scan)
        else:
            self._ended(root, scan, idle)
        # A root that is polled has a scan every half minute, most of which find nothing.
        level = logging.INFO if scan.changed or scan.deleted or before.last_scan is None else logging.DEBUG
        log.log(
            level, "scanned %s in %.2f s: %d files, %d new or changed, %d gone, %d ignored now",
            os.fsdecode(os.path.join(root.path, request.under).rstrip(b"/")), time.monotonic() - began,
            scan.seen, scan.changed, scan.deleted - scan.ignored, scan.ignored,
        )  # fmt: skip
        return ScanReport(scan.seen, scan.changed, scan.deleted)

    def _begun(self, root: Root, request: Request) -> Scan:
        return Scan(
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
            go_on=lambda: not self._stopping.is_set(),
            confirm_deletes=request.confirm_deletes,
        )

    def _offer(self, change: Change) -> bool:
        """Hand a change on; False at the end."""
        # One that is dated in the future was not written to just now.
        if change.stamp is not None and abs(self._clock() - change.stamp.mtime_ns / 1e9) < self._settle_s:
            self._settle(change.key)
            return True
        if not self._backlog.push(change, Urgency.SCAN):
            return False
        self._news()
        return True

    def _tell(self, root: Root, before: RootState, state: RootState) -> None:
        self._states[root.root_id] = state
        if state.detail and state.detail != before.detail:
            log.warning("%s: %s", os.fsdecode(root.path), state.detail)

    def _adopt(self, root: Root, identity: Identity) -> None:
        """Remember which directory the root is now."""
        if identity != root.identity:
            self._catalogue.set_identity(root.root_id, identity)
            self._roots.update(replace(root, identity=identity))

    def _ended_part(self, root: Root, scan: Scan) -> None:
        """What is held in a part is to be shown, and only a scan of the whole can tell how much it is, or that the root
        is back."""
        if scan.held is not None or not self.state(root.root_id).online:
            self._agenda.hint(root.root_id)

    def _ended(self, root: Root, scan: Scan, idle: bool) -> None:
        root_id = root.root_id
        if scan.held is None:
            self._deletions.weighed(root_id)
        self._catalogue.scanned(root_id, self.state(root_id).last_scan or 0.0, self._held_s(root_id, scan))
        self._scanned(root_id)
        self._judge_again(root_id, scan, idle)

    def _judge_again(self, root_id: int, scan: Scan, idle: bool) -> None:
        """Files that are new may be those that are gone, moved; once they are known, it is judged again what is held.

        Some never will be, as they cannot be read: where nothing moves on, nothing more is waited for.
        """
        before = self._moving.pop(root_id, None)
        if scan.held is None or not scan.changed:
            return
        moved_on = before is None or scan.changed < before
        if moved_on or not idle:
            self._moving[root_id] = scan.changed
            self._agenda.owe(root_id, afresh=moved_on)

    def _look_again(self, root: Root, before: RootState) -> None:
        """A root that was away for a moment is back soon; one that stays away is no news."""
        self._moving.pop(root.root_id, None)
        if before.online:
            self._agenda.owe(root.root_id)
        else:
            self._agenda.within(root.root_id, self._offline_s)

    def _forget(self, root_id: int) -> None:
        self._agenda.forget(root_id)
        self._moving.pop(root_id, None)
        self._held_at.pop(root_id, None)
        self._states.pop(root_id, None)

    def _is_held_long_enough(self, root_id: int) -> bool:
        held_s = self._catalogue.held_s(root_id)
        return held_s is not None and held_s + self._held_more_s(root_id) >= self._hold_s

    def _held_s(self, root_id: int, scan: Scan) -> float | None:
        """For how long deletions have been held by the end of a scan."""
        if scan.held is None:
            self._held_at.pop(root_id, None)
            return None
        held_s = (self._catalogue.held_s(root_id) or 0.0) + self._held_more_s(root_id)
        self._held_at[root_id] = time.monotonic()
        return held_s

    def _held_more_s(self, root_id: int) -> float:
        """Since the last scan that held them. Only the time counts in which the daemon runs: the clock on the wall may
        be set, and a disk that is away comes back when somebody is there."""
        now = time.monotonic()
        return now - self._held_at.get(root_id, now)
