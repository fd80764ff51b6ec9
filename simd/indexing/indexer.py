"""The loop: the one thread that writes the index and the catalogue.

Everything that changes them goes through it: hints of the watcher and requests (as commands, run between two batches)
and scans (via the backlog). So there is nothing to lock between them, and the order of what happened is the order of
what is recorded.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from simd.catalogue.rows import Known
from simd.errors import NotReady, Reason, StoreError
from simd.indexing.backlog import Backlog, Urgency
from simd.indexing.outcomes import Outcome, Outcomes
from simd.indexing.pipeline import Batch, Job, Pipeline
from simd.indexing.rate import Rate
from simd.indexing.roots import Roots
from simd.types import Change, FileKey, Stamp
from simd.watch.roots import RootOffline, look
from simd.watch.settle import Settler

log = logging.getLogger(__name__)

T = TypeVar("T")

_LINGER_S = 0.2
"""How long a batch that is not full waits for files still in decoding."""


class Indexer:
    """Runs the loop in its own thread from `start` to `stop`.

    Args:
        settler: files that must come to rest first; used by the loop's thread alone.
        make_pipeline: builds the pipeline, given what it must call when a decoding ends.
        known: what the catalogue says of a file.
        scan: asks for a scan of a root whose files cannot be judged one by one.
        batch_size: files to embed and commit at once.
        young_s: a file modified so recently may still be growing: a failure to decode it is not final.
        full_disk_retry_s: how long to wait before a refused batch is tried again.
        clock: wall clock in seconds, for the age of files.
    """

    def __init__(
        self,
        *,
        backlog: Backlog,
        settler: Settler,
        make_pipeline: Callable[[Callable[[], None]], Pipeline],
        roots: Roots,
        known: Callable[[FileKey], Known | None],
        scan: Callable[[int], None],
        batch_size: int,
        young_s: float = 3.0,
        full_disk_retry_s: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backlog = backlog
        self._settler = settler
        self._roots = roots
        self._known = known
        self._scan = scan
        self._batch_size = batch_size
        self._young_s = young_s
        self._full_disk_retry_s = full_disk_retry_s
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._pipeline = make_pipeline(self._wake.set)
        self._commands: deque[Callable[[], None]] = deque()
        self._deleted: list[FileKey] = []
        self._ready: list[Job] = []
        self._ready_since = 0.0
        self._committing = 0
        self._busy = False
        self._turns = 0
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)
        self.outcomes = Outcomes()
        self.rate = Rate()
        self.trouble = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch under way; what is not done is found again by the next scan."""
        self._stopping.set()
        self._backlog.close()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Say that there is news in the backlog or the settler."""
        self._wake.set()

    @property
    def pending(self) -> int:
        """Files not yet decided; at least 1 while the loop is at work, and 0 only when there is nothing to do."""
        turns = self._turns
        waiting = len(self._backlog) + len(self._settler) + len(self._commands)
        waiting += len(self._pipeline) + len(self._ready) + len(self._deleted) + self._committing
        # A file on its way from one of these to another may be in none of them for a moment, or was missed by counting
        # them one by one: both only while the loop turns.
        moved = self._busy or self._turns != turns
        return max(waiting, int(moved))

    def run(self, command: Callable[[], T]) -> Future[T]:
        """Run something between two batches, in the loop's thread.

        Raises:
            NotReady: the daemon is stopping.
        """
        future: Future[T] = Future()

        def step() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(command())
                except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it from the future
                    future.set_exception(error)

        if self._stopping.is_set():
            raise NotReady("the daemon is stopping")
        self.post(step)
        return future

    def post(self, command: Callable[[], None]) -> None:
        """Run something between two batches; nobody waits for it."""
        self._commands.append(command)
        self._wake.set()

    def settle(self, key: FileKey) -> None:
        """Index a file once it has come to rest; from any thread."""
        self.post(lambda: self._settler.note(key))

    def forget(self, key: FileKey) -> None:
        """Drop whatever is under way for a file; called from a command."""
        self._backlog.discard(key)
        self._settler.forget(key)
        self._pipeline.drop(key)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._busy = True
            self._turns += 1
            try:
                self._turn()
            except Exception:
                log.exception("the indexing loop failed; it goes on")
                self._stopping.wait(1.0)
        while self._commands:
            self._commands.popleft()()

    def _turn(self) -> None:
        self._wake.clear()
        while self._commands:
            self._commands.popleft()()
        for change in self._settler.due(self.stat):
            self._backlog.push(change, Urgency.EVENT)
        for root_id in self._settler.take_scans():
            self._scan(root_id)
        self._fill()
        self._collect()
        if self._batch_is_due():
            self._finish()
        elif self._ready or self._deleted:
            self._wait(_LINGER_S)
        else:
            self._wait(self._settler.next_due())

    def _wait(self, seconds: float | None) -> None:
        self._busy = False
        if not self._stopping.is_set() and (seconds is None or seconds > 0):
            self._wake.wait(seconds)

    def _fill(self) -> None:
        """Start as many files as the window holds."""
        while self._pipeline.room and len(self._deleted) < self._batch_size:
            change = self._backlog.pop()
            if change is None:
                return
            self._start(change)

    def _start(self, change: Change) -> None:
        key = change.key
        path = self._roots.where(key)
        if path is None:
            self.outcomes.tell(key, Outcome(None, None))
            return
        try:
            stamp = self.stat(key)
        except RootOffline as offline:
            log.warning("%s; nothing is deleted", offline)
            self.outcomes.tell(key, Outcome(None, None))
            self._scan(key.root_id)
            return
        except OSError:
            # It is there and cannot be looked at: opening it will say why, and that goes into the ledger.
            stamp = change.stamp or Stamp(0, 0, 0)
        if stamp is None:
            self._pipeline.drop(key)
            self._deleted.append(key)
        elif not self._is_settled(key, stamp):
            self._pipeline.start(change, stamp, path)

    def _is_settled(self, key: FileKey, stamp: Stamp) -> bool:
        """Whether the file as it stands is indexed, or was taken out on request."""
        known = self._known(key)
        if known is None or known.stamp != stamp:
            return False
        if known.image_id is None and (known.rejection is None or known.rejection.reason is not Reason.REMOVED):
            return False
        self.outcomes.tell(key, Outcome(known.image_id, known.rejection))
        return True

    def _collect(self) -> None:
        jobs = self._pipeline.collect(self._batch_size - len(self._ready))
        if jobs and not self._ready:
            self._ready_since = time.monotonic()
        self._ready += jobs

    def _batch_is_due(self) -> bool:
        if not self._ready and not self._deleted:
            return False
        if len(self._ready) >= self._batch_size or len(self._deleted) >= self._batch_size or len(self._pipeline) == 0:
            return True
        return bool(self._ready) and time.monotonic() - self._ready_since >= _LINGER_S

    def _finish(self) -> None:
        """Embed and commit what is ready."""
        jobs, deleted = self._ready, self._deleted
        self._committing = len(jobs) + len(deleted)
        self._ready, self._deleted = [], []
        try:
            batch = self._pipeline.prepare(jobs, deleted)
            self._forgive_the_young(batch)
            self._commit(batch)
            self._report(batch)
        except Exception:
            # Whoever waits for one of these files must not wait for ever; the next scan offers them again.
            for key in [job.change.key for job in jobs] + deleted:
                self.outcomes.tell(key, Outcome(None, None))
            raise
        finally:
            self._pipeline.release(jobs)
            self._committing = 0

    def _commit(self, batch: Batch) -> None:
        """Make it durable; while the store refuses (a full disk), keep the batch and try again."""
        while True:
            try:
                self._pipeline.commit(batch)
                self.trouble = ""
                return
            except StoreError as error:
                if str(error) != self.trouble:
                    log.error("indexing waits: %s", error)
                self.trouble = str(error)
                if self._stopping.wait(self._full_disk_retry_s):
                    raise

    def _forgive_the_young(self, batch: Batch) -> None:
        """A file that is perhaps still being written is looked at again before it is called broken."""
        final = []
        for item in batch.rejected:
            if self._clock() - item.stamp.mtime_ns / 1e9 < self._young_s and self._settler.retry(item.key):
                continue
            self._settler.done(item.key)
            final.append(item)
        batch.rejected = final

    def _report(self, batch: Batch) -> None:
        for key in batch.unsettled:
            self._settler.note(key)
        for change in batch.again:
            self._backlog.push(change, Urgency.EVENT)
        for file in batch.indexed:
            self.outcomes.tell(file.key, Outcome(file.image_id, None))
        for item in batch.rejected:
            name, why = os.fsdecode(item.key.path), item.rejection
            log.info("not indexed: %r: %s: %s", name, why.reason, why.detail)
            self.outcomes.tell(item.key, Outcome(None, item.rejection))
        for key in batch.deleted + batch.failed:
            self.outcomes.tell(key, Outcome(None, None))
        if batch.indexed:
            log.info("indexed %d files: %d embedded", len(batch.indexed), batch.embedded)
        self.rate.count(len(batch.indexed) + len(batch.rejected))

    def stat(self, key: FileKey) -> Stamp | None:
        """The file as it is now, or None when it is gone.

        Raises:
            RootOffline: it cannot be told, because its root is not what it was.
            OSError: it is there and cannot be looked at.
        """
        root = self._roots.get(key.root_id)
        return look(root, key.path) if root is not None else None
