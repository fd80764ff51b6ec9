"""From decoded files to durable ones: batches are gathered, embedded, committed and reported.

A batch is due when it is full, when nothing else is being decoded, or when its first file has waited long enough. One
that the store refuses, because the disk is full, is kept and tried again: nothing is embedded twice for it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from simd.errors import StoreError
from simd.indexing.backlog import Backlog
from simd.indexing.look import Look, is_gone
from simd.indexing.outcomes import Outcome, Outcomes
from simd.indexing.pipeline import Batch, Job, Pipeline
from simd.indexing.rate import Rate
from simd.types import FileKey, Stamp
from simd.watch.settle import Settler

log = logging.getLogger(__name__)

LINGER_S = 0.2
"""How long a batch that is not full waits for files still in decoding."""


class Batches:
    """Owned by the indexing thread, which alone calls the methods; the attributes may be read by any.

    Args:
        pipeline: decodes, embeds, commits.
        backlog: takes what has to be done again.
        settler: takes what has to come to rest again.
        outcomes: who waits for a file.
        look: the file as it is now.
        batch_size: files to embed and commit at once.
        young_s: a file modified so recently may still be growing: a failure to decode it is not final.
        full_disk_retry_s: how long to wait before a refused batch is tried again.
        refill: called when a batch is nearly embedded, and once more when it is: decoding, which ran ahead of that,
            needs more files to go on with.
        waiting: called each time before that wait.
        stopping: ends that wait.
        clock: wall clock in seconds, for the age of files.

    Attributes:
        rate: how fast files are decided.
        decided: how many were, since the start.
        trouble: why the store refuses the batch under way; empty while it does not.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        backlog: Backlog,
        settler: Settler,
        outcomes: Outcomes,
        look: Look,
        batch_size: int,
        young_s: float,
        full_disk_retry_s: float,
        refill: Callable[[], None],
        waiting: Callable[[], None],
        stopping: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._backlog = backlog
        self._settler = settler
        self._outcomes = outcomes
        self._look = look
        self._size = batch_size
        self._young_s = young_s
        self._retry_s = full_disk_retry_s
        self._refill = refill
        self._waiting = waiting
        self._stopping = stopping
        self._clock = clock
        self._ready: list[Job] = []
        self._ready_since = 0.0
        self._deleted: list[FileKey] = []
        self._held: dict[FileKey, Stamp] = {}
        self._committing = 0
        self.rate = Rate()
        self.decided = 0
        self.trouble = ""

    def __len__(self) -> int:
        """Files that were taken and are not decided."""
        return len(self._ready) + len(self._deleted) + self._committing

    @property
    def room(self) -> bool:
        """Whether more deletions fit into the batch."""
        return len(self._deleted) < self._size

    @property
    def due(self) -> bool:
        """Whether it is time to `finish`."""
        if not self._ready and not self._deleted:
            return False
        if len(self._ready) >= self._size or not self.room or len(self._pipeline) == 0:
            return True
        return bool(self._ready) and time.monotonic() - self._ready_since >= LINGER_S

    def holds(self, key: FileKey, stamp: Stamp) -> bool:
        """Whether a file as it stands was decoded and is on its way into the index."""
        return self._held.get(key) == stamp

    def drop(self, key: FileKey) -> None:
        """Forget a file that was collected."""
        dropped = [job for job in self._ready if job.change.key == key]
        self._ready = [job for job in self._ready if job.change.key != key]
        self._let_go(dropped)

    def delete(self, key: FileKey) -> None:
        """Take a file that is gone."""
        self._deleted.append(key)

    def collect(self) -> None:
        """Take the files whose decoding ended, as many as fit."""
        jobs = self._pipeline.collect(self._size - len(self._ready))
        if jobs and not self._ready:
            self._ready_since = time.monotonic()
        self._ready += jobs
        self._held.update((job.change.key, job.stamp) for job in jobs)

    def finish(self) -> None:
        """Embed and commit what is ready.

        Raises:
            ModelError: the model that answers searches failed; the next scan offers the files again.
            StoreError: the daemon stops while the store refuses.
        """
        jobs, deleted = self._ready, self._deleted
        self._committing = len(jobs) + len(deleted)
        self._ready, self._deleted = [], []
        try:
            # The scan that could tell that a file is gone may be over: recorded now, it would stay until the next one.
            gone = {job.change.key for job in jobs if is_gone(self._look, job.change.key)}
            here = [job for job in jobs if job.change.key not in gone]
            batch = self._pipeline.prepare(here, deleted, self._go_on)
            batch.unsettled += gone
            self._forgive_the_young(batch)
            self._go_on()
            self._commit(batch)
            self._report(batch)
        except Exception:
            # Whoever waits for one of these files must not wait for ever; the next scan offers them again.
            for key in [job.change.key for job in jobs] + deleted:
                self._outcomes.tell(key, Outcome(None, None))
            raise
        finally:
            self._let_go(jobs)
            self._committing = 0

    def _go_on(self) -> None:
        """Decoding goes on with the next files. What goes wrong with them costs none of the batch under way."""
        try:
            self.collect()
            self._refill()
        except Exception:
            log.exception("beginning with the next files failed; it is tried again")

    def _let_go(self, jobs: list[Job]) -> None:
        self._pipeline.release(jobs)
        for job in jobs:
            # It may have been collected again since, as it was rewritten.
            if self.holds(job.change.key, job.stamp):
                del self._held[job.change.key]

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
                self._waiting()
                if self._stopping.wait(self._retry_s):
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
            self._backlog.push(change, self._outcomes.urgency(change.key))
        for file in batch.indexed:
            self._outcomes.tell(file.key, Outcome(file.image_id, None))
        for item in batch.rejected:
            name, why = os.fsdecode(item.key.path), item.rejection
            log.info("not indexed: %r: %s: %s", name, why.reason, why.detail)
            self._outcomes.tell(item.key, Outcome(None, item.rejection))
        for key in batch.deleted + batch.failed:
            self._outcomes.tell(key, Outcome(None, None))
        if batch.indexed:
            log.info("indexed %d files: %d embedded", len(batch.indexed), batch.embedded)
        self.rate.count(len(batch.indexed) + len(batch.rejected))
        self.decided += len(batch.indexed) + len(batch.rejected) + len(batch.deleted)
