"""From decoded files to durable ones: batches are gathered, embedded, committed and reported.

A batch is due when it is full, when nothing else is being decoded, or when its first file has waited long enough. A
failure holds up as little as possible and loses nothing; each time the wait before the next attempt is longer, and
`trouble` says why:

* what the store refuses, because the disk is full, is kept and tried again: nothing is embedded twice for it;
* what the backbone fails on stays decoded and waits, while deletions, copies and moves go on;
* what no worker can be started for is decoded later.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from simd.errors import Reason, SimdError, StoreError, for_callers
from simd.indexing.loop.outcomes import GONE, Outcome
from simd.indexing.loop.pipeline import Batch, Job, Pipeline
from simd.indexing.loop.rate import Rate
from simd.indexing.loop.workqueue import WorkQueue
from simd.indexing.roots.roots import Roots
from simd.indexing.summary import Summary
from simd.supervision import Backoff
from simd.types import Change, FileKey, Rejection, Stamp

log = logging.getLogger(__name__)

LINGER_S = 0.2
"""How long a batch that is not full waits for files still in decoding."""

_READ_TIMES = 20_000
"""For how many files it is remembered when they were last read: an event after that has a file read once more."""


@dataclass(slots=True)
class _Work:
    """A batch in flight: the files it is made of, and what is to be recorded of them."""

    jobs: list[Job] = field(default_factory=list)
    deleted: list[FileKey] = field(default_factory=list)
    batch: Batch = field(default_factory=Batch)

    def __len__(self) -> int:
        return len(self.jobs) + len(self.deleted)


class Batches:
    """Owned by the indexing thread, which alone calls the methods; the attributes may be read by any.

    Args:
        pipeline: decodes, embeds, commits.
        queue: gets the files that have to be tried again.
        summary: counts what became of files.
        batch_size: files to embed and commit at once.
        growing_s: a file modified so recently may still be growing: a failure to decode it is not final.
        retry_s: the first and the longest wait before what failed is tried again.
        clock: seconds since the epoch, for the age of files.

    Attributes:
        rate: how fast files are decided.
        decided: how many were, since the start.
        trouble: why something has to be tried again, for callers; empty while nothing has.
    """

    def __init__(
        self,
        queue: WorkQueue,
        pipeline: Pipeline,
        roots: Roots,
        summary: Summary,
        *,
        batch_size: int,
        growing_s: float = 3.0,
        retry_s: tuple[float, float] = (1.0, 60.0),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._queue = queue
        self._roots = roots
        self._summary = summary
        self._size = batch_size
        self._growing_s = growing_s
        self._retry = Backoff(*retry_s)
        self._clock = clock
        self._ready: list[Job] = []
        self._ready_since = 0.0
        self._deleted: list[FileKey] = []
        self._work = _Work()
        self._in_flight: dict[FileKey, Job] = {}
        self._read_at: OrderedDict[FileKey, float] = OrderedDict()
        self.rate = Rate()
        self.decided = 0
        self.trouble = ""
        self._logged = ""

    def __len__(self) -> int:
        """Files that were taken and are not decided."""
        return len(self._ready) + len(self._deleted) + len(self._work)

    @property
    def has_room(self) -> bool:
        """Whether more deletions fit into the batch."""
        return len(self._deleted) < self._size

    @property
    def backing_off(self) -> bool:
        """Whether something failed, and the wait before the next attempt is not over."""
        return self._retry.left_s > 0

    @property
    def due(self) -> bool:
        """Whether it is time to `embed`."""
        if self._work:
            return not self.backing_off
        if self._deleted and (not self.has_room or len(self._pipeline) == 0):
            return True
        if not self._ready or not self._may_embed():
            return False
        is_whole = len(self._ready) >= self._size or len(self._pipeline) == 0
        return is_whole or time.monotonic() - self._ready_since >= LINGER_S

    @property
    def wait_s(self) -> float:
        """Seconds after which `due` may have changed by itself."""
        return self._retry.left_s if self.backing_off else LINGER_S

    def deleting(self, root_id: int) -> int:
        """How many files of a root are to be deleted and not yet committed."""
        return sum(key.root_id == root_id for key in (*self._deleted, *self._work.deleted))

    def is_in_flight(self, change: Change, stamp: Stamp) -> bool:
        """Whether a file as it is now was decoded and is to be committed."""
        job = self._in_flight.get(change.key)
        return job is not None and job.covers(change, stamp)

    def was_read_since(self, key: FileKey, moment: float) -> bool:
        """Whether a file was committed as it was read after a moment, in monotonic seconds."""
        return self._read_at.get(key, float("-inf")) > moment

    def drop(self, key: FileKey) -> None:
        """Remove a file that was collected."""
        dropped = [job for job in self._ready if job.change.key == key]
        self._ready = [job for job in self._ready if job.change.key != key]
        self._release(dropped)
        self._in_flight.pop(key, None)
        self._work.batch.drop([key])

    def delete(self, key: FileKey) -> None:
        """Add a file that is gone."""
        self._deleted.append(key)

    def collect(self) -> None:
        """Add the files whose decoding ended, as many as fit."""
        jobs = self._pipeline.collect(self._size - len(self._ready))
        if jobs and not self._ready:
            self._ready_since = time.monotonic()
        self._ready += jobs
        self._in_flight.update((job.change.key, job) for job in jobs)

    def recovered(self) -> None:
        """Nothing has to be tried again."""
        self._retry.succeeded()
        self.trouble = self._logged = ""

    def embed(self) -> bool:
        """Embed what is ready, unless that is done already. Returns whether it may be committed now."""
        is_embedded = False
        with self._trying():
            if not self._work:
                self._begin()
            self._drop_gone()
            self._pipeline.embed(self._work.batch)
            is_embedded = True
        return is_embedded

    def commit(self) -> None:
        """Make durable what was embedded."""
        with self._trying():
            self._pipeline.commit(self._work.batch)
            work, self._work = self._work, _Work()
            self._report(work.jobs, work.batch)

    @contextmanager
    def _trying(self) -> Iterator[None]:
        """Keep the batch when the store refuses it, and give its files back to the queue after any other error."""
        try:
            yield
        except StoreError as error:
            self._failed(error)
        except Exception as error:
            work, self._work = self._work, _Work()
            self._failed(error)
            self._release(work.jobs)
            self._postpone([job.change.key for job in work.jobs] + work.deleted)
            raise

    def _begin(self) -> None:
        """Make a batch of what is ready."""
        if self._may_embed():
            self._work.jobs, self._ready = self._ready, []
        self._work.deleted, self._deleted = self._deleted, []
        self._work.batch = self._pipeline.batch_of(self._work.jobs, self._work.deleted)
        self._retry_passing(self._work.batch)

    def _drop_gone(self) -> None:
        """The scan that would find a file gone may be over: recorded now, the file would stay until the next one."""
        gone = {job.change.key for job in self._work.jobs if self._roots.is_gone(job.change.key)}
        self._work.batch.unsettled += self._work.batch.drop(gone)

    def _may_embed(self) -> bool:
        """Whether to try: not soon after a failure, unless a caller waits for a file."""
        return not self.backing_off or any(job.change.key in self._queue.outcomes for job in self._ready)

    def _failed(self, error: Exception) -> None:
        """Wait before the next attempt. An unexpected error is logged where it is caught in the end."""
        wait_s = self._retry.failed()
        if str(error) != self._logged and isinstance(error, SimdError):
            log.error("indexing waits for %g s and is tried again: %s", wait_s, error)
            self._logged = str(error)
        self.trouble = for_callers(error)

    def _postpone(self, keys: list[FileKey]) -> None:
        for key in keys:
            self._queue.postpone(key, self._retry.left_s)
            self._queue.outcomes.resolve(key, self._postponed())

    def _postponed(self) -> Outcome:
        return Outcome(
            None, Rejection(Reason.POSTPONED, f"it cannot be indexed now and is tried again: {self.trouble}")
        )

    def _release(self, jobs: list[Job]) -> None:
        self._pipeline.release(jobs)
        for job in jobs:
            # It may have been collected again since, as it was rewritten.
            if self._in_flight.get(job.change.key) is job:
                del self._in_flight[job.change.key]

    def _retry_passing(self, batch: Batch) -> None:
        """Failures that may pass are no rejections yet: with a file that may still be written to, by a worker that was
        killed from outside, and unexpected ones."""
        final = []
        for item in batch.rejected:
            # One that is dated in the future was not written to just now.
            may_grow = abs(self._clock() - item.stamp.mtime_ns / 1e9) < self._growing_s
            may_pass = may_grow or item.rejection.reason in _PASSING
            if not (may_pass and self._queue.retry(item.key)):
                final.append(item)
        batch.rejected = final

    def _report(self, jobs: list[Job], batch: Batch) -> None:
        if batch.trouble is not None:
            self._failed(batch.trouble)
        elif jobs or not self._ready:
            self.recovered()
        self._release([job for job in jobs if job not in batch.waiting])
        self._keep_decoded(batch.waiting)
        self._postpone(batch.postponed)
        for key in batch.unsettled:
            self._queue.settle(key)
        for change in batch.requeued:
            self._queue.push(change)
        for file in batch.indexed:
            self._queue.decided(file.key, Outcome(file.image_id, None))
        for item in batch.rejected:
            self._summary.rejected(self._roots.path_of(item.key) or item.key.path, item.rejection)
            self._queue.decided(item.key, Outcome(None, item.rejection))
        for key in batch.deleted:
            self._queue.decided(key, GONE)
        self._summary.recorded(len(batch.indexed), batch.embedded, len(batch.deleted))
        self._remember(jobs, batch)
        self.rate.count(len(batch.indexed) + len(batch.rejected))
        self.decided += len(batch.indexed) + len(batch.rejected) + len(batch.deleted)

    def _keep_decoded(self, jobs: list[Job]) -> None:
        """What the backbone failed on stays decoded and comes first; callers who wait for it are answered."""
        self._ready = [*jobs, *self._ready]
        for job in jobs:
            self._queue.outcomes.resolve(job.change.key, self._postponed())

    def _remember(self, jobs: list[Job], batch: Batch) -> None:
        """Remember when the files that were committed were read."""
        recorded = {file.key for file in batch.indexed} | {item.key for item in batch.rejected}
        for job in jobs:
            if job.change.key in recorded:
                self._read_at[job.change.key] = job.began
                self._read_at.move_to_end(job.change.key)
        while len(self._read_at) > _READ_TIMES:
            self._read_at.popitem(last=False)


_PASSING = {Reason.KILLED, Reason.FAILED}
"""Reasons that may not be the file's own."""
