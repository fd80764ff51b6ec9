"""From decoded files to durable ones: batches are gathered, embedded, committed and reported.

A batch is due when it is full, when nothing else is being decoded, or when its first file has waited long enough. What
goes wrong with it holds up as little as can be, and nothing of it is forgotten; each time the wait before the next
attempt is longer, and `trouble` says why:

* what the store refuses, because the disk is full, is kept and tried again: nothing is embedded twice for it;
* what the backbone fails on stays decoded and waits, while deletions, copies and moves go on;
* what no worker can be started for is looked at again later.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from simd.errors import Reason, SimdError, StoreError, for_callers
from simd.indexing.loop.backlog import Backlog
from simd.indexing.loop.outcomes import Outcome, Outcomes
from simd.indexing.loop.pipeline import Batch, Job, Pipeline
from simd.indexing.loop.rate import Rate
from simd.indexing.roots.look import Look, is_gone
from simd.indexing.summary import Summary
from simd.supervision import Backoff
from simd.types import Change, FileKey, Rejection, Stamp
from simd.watch.settle import Settler

log = logging.getLogger(__name__)

LINGER_S = 0.2
"""How long a batch that is not full waits for files still in decoding."""

_READINGS = 20_000
"""Of so many files is remembered when they were last read: one of which is heard later than that is read once more."""


@dataclass(slots=True)
class _Work:
    """A batch on its way: the files it is made of, and what is to be recorded of them."""

    jobs: list[Job] = field(default_factory=list)
    deleted: list[FileKey] = field(default_factory=list)
    batch: Batch = field(default_factory=Batch)

    def __len__(self) -> int:
        return len(self.jobs) + len(self.deleted)


class Batches:
    """Owned by the indexing thread, which alone calls the methods; the attributes may be read by any.

    Args:
        pipeline: decodes, embeds, commits.
        backlog: takes what has to be done again.
        settler: takes what has to come to rest again.
        look: the file as it is now.
        where: the absolute path of a file.
        summary: tells the log what became of files.
        batch_size: files to embed and commit at once.
        young_s: a file modified so recently may still be growing: a failure to decode it is not final.
        retry_s: the first and the longest wait before what failed is tried again.
        clock: wall clock in seconds, for the age of files.

    Attributes:
        outcomes: who waits for a file.
        rate: how fast files are decided.
        decided: how many were, since the start.
        trouble: why something has to be tried again, for callers; empty while nothing has.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        backlog: Backlog,
        settler: Settler,
        look: Look,
        where: Callable[[FileKey], bytes | None],
        summary: Summary,
        batch_size: int,
        young_s: float = 3.0,
        retry_s: tuple[float, float] = (1.0, 60.0),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._backlog = backlog
        self._settler = settler
        self._look = look
        self._where = where
        self._summary = summary
        self._size = batch_size
        self._young_s = young_s
        self._retry = Backoff(*retry_s)
        self._clock = clock
        self._ready: list[Job] = []
        self._ready_since = 0.0
        self._deleted: list[FileKey] = []
        self._work = _Work()
        self._held: dict[FileKey, Job] = {}
        self._read_at: OrderedDict[FileKey, float] = OrderedDict()
        self.outcomes = Outcomes()
        self.rate = Rate()
        self.decided = 0
        self.trouble = ""
        self._logged = ""

    def __len__(self) -> int:
        """Files that were taken and are not decided."""
        return len(self._ready) + len(self._deleted) + len(self._work)

    @property
    def room(self) -> bool:
        """Whether more deletions fit into the batch."""
        return len(self._deleted) < self._size

    @property
    def resting(self) -> bool:
        """Whether something failed, and is not to be tried again yet."""
        return self._retry.left_s > 0

    @property
    def due(self) -> bool:
        """Whether it is time to `embed`."""
        if self._work:
            return not self.resting
        if self._deleted and (not self.room or len(self._pipeline) == 0):
            return True
        if not self._ready or not self._may_embed():
            return False
        is_whole = len(self._ready) >= self._size or len(self._pipeline) == 0
        return is_whole or time.monotonic() - self._ready_since >= LINGER_S

    @property
    def wait_s(self) -> float:
        """Seconds after which `due` may have changed by itself."""
        return self._retry.left_s if self.resting else LINGER_S

    def deleting(self, root_id: int) -> int:
        """How many files of a root are taken for gone and still recorded."""
        return sum(key.root_id == root_id for key in (*self._deleted, *self._work.deleted))

    def holds(self, change: Change, stamp: Stamp) -> bool:
        """Whether a file as it stands was decoded and is on its way into the index."""
        job = self._held.get(change.key)
        return job is not None and job.covers(change, stamp)

    def was_read_since(self, key: FileKey, moment: float) -> bool:
        """Whether a file was recorded as it was read after a moment, in monotonic seconds."""
        return self._read_at.get(key, float("-inf")) > moment

    def drop(self, key: FileKey) -> None:
        """Forget a file that was collected."""
        dropped = [job for job in self._ready if job.change.key == key]
        self._ready = [job for job in self._ready if job.change.key != key]
        self._let_go(dropped)
        self._held.pop(key, None)
        self._work.batch.drop([key])

    def delete(self, key: FileKey) -> None:
        """Take a file that is gone."""
        self._deleted.append(key)

    def collect(self) -> None:
        """Take the files whose decoding ended, as many as fit."""
        jobs = self._pipeline.collect(self._size - len(self._ready))
        if jobs and not self._ready:
            self._ready_since = time.monotonic()
        self._ready += jobs
        self._held.update((job.change.key, job) for job in jobs)

    def recovered(self) -> None:
        """Nothing has to be tried again."""
        self._retry.succeeded()
        self.trouble = self._logged = ""

    def embed(self) -> bool:
        """Embed what is ready, unless that was done before; whether it may be committed now."""
        is_embedded = False
        with self._trying():
            if not self._work:
                self._begin()
            self._leave_out_what_is_gone()
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
        """What fails is kept, or given back, and never forgotten."""
        try:
            yield
        except StoreError as error:
            self._is_in_trouble(error)
        except Exception as error:
            work, self._work = self._work, _Work()
            self._is_in_trouble(error)
            self._let_go(work.jobs)
            self._postpone([job.change.key for job in work.jobs] + work.deleted)
            raise

    def _begin(self) -> None:
        """Make a batch of what is ready, each file to where it belongs."""
        if self._may_embed():
            self._work.jobs, self._ready = self._ready, []
        self._work.deleted, self._deleted = self._deleted, []
        self._work.batch = self._pipeline.sort(self._work.jobs, self._work.deleted)
        self._forgive(self._work.batch)

    def _leave_out_what_is_gone(self) -> None:
        """The scan that could tell that a file is gone may be over: recorded now, it would stay until the next one."""
        gone = {job.change.key for job in self._work.jobs if is_gone(self._look, job.change.key)}
        self._work.batch.unsettled += self._work.batch.drop(gone)

    def _may_embed(self) -> bool:
        """Whether to try: not soon after a failure, unless somebody waits for it."""
        return not self.resting or any(job.change.key in self.outcomes for job in self._ready)

    def _is_in_trouble(self, error: Exception) -> None:
        """Wait before the next attempt; an error that nobody thought of is logged by whoever it is raised to."""
        wait_s = self._retry.failed()
        if str(error) != self._logged and isinstance(error, SimdError):
            log.error("indexing waits for %g s and is tried again: %s", wait_s, error)
            self._logged = str(error)
        self.trouble = for_callers(error)

    def _postpone(self, keys: list[FileKey]) -> None:
        for key in keys:
            self._settler.postpone(key, self._retry.left_s)
            self.outcomes.tell(key, self._postponed())

    def _postponed(self) -> Outcome:
        return Outcome(
            None, Rejection(Reason.POSTPONED, f"it cannot be indexed now and is tried again: {self.trouble}")
        )

    def _let_go(self, jobs: list[Job]) -> None:
        self._pipeline.release(jobs)
        for job in jobs:
            # It may have been collected again since, as it was rewritten.
            if self._held.get(job.change.key) is job:
                del self._held[job.change.key]

    def _forgive(self, batch: Batch) -> None:
        """A file that is perhaps still being written is looked at again before it is called broken, and so is one whose
        worker was killed by somebody else, or with which something went wrong that nobody thought of."""
        final = []
        for item in batch.rejected:
            # One that is dated in the future was not written to just now.
            is_young = abs(self._clock() - item.stamp.mtime_ns / 1e9) < self._young_s
            if (is_young or item.rejection.reason in _TRIED_AGAIN) and self._settler.retry(item.key):
                continue
            self._settler.done(item.key)
            final.append(item)
        batch.rejected = final

    def _report(self, jobs: list[Job], batch: Batch) -> None:
        if batch.trouble is not None:
            self._is_in_trouble(batch.trouble)
        elif jobs or not self._ready:
            self.recovered()
        self._let_go([job for job in jobs if job not in batch.waiting])
        self._wait(batch.waiting)
        self._postpone(batch.postponed)
        for key in batch.unsettled:
            self._settler.note(key)
        for change in batch.again:
            self._backlog.push(change, self.outcomes.urgency(change.key))
        for file in batch.indexed:
            self.outcomes.tell(file.key, Outcome(file.image_id, None))
        for item in batch.rejected:
            self._summary.rejected(self._where(item.key) or item.key.path, item.rejection)
            self.outcomes.tell(item.key, Outcome(None, item.rejection))
        for key in batch.deleted:
            self.outcomes.tell(key, Outcome(None, None))
        self._summary.recorded(len(batch.indexed), batch.embedded, len(batch.deleted))
        self._remember(jobs, batch)
        self.rate.count(len(batch.indexed) + len(batch.rejected))
        self.decided += len(batch.indexed) + len(batch.rejected) + len(batch.deleted)

    def _wait(self, jobs: list[Job]) -> None:
        """What the backbone failed on stays decoded, first in line; nobody waits for it."""
        self._ready = [*jobs, *self._ready]
        for job in jobs:
            self.outcomes.tell(job.change.key, self._postponed())

    def _remember(self, jobs: list[Job], batch: Batch) -> None:
        """When the files that were recorded were read."""
        recorded = {file.key for file in batch.indexed} | {item.key for item in batch.rejected}
        for job in jobs:
            if job.change.key in recorded:
                self._read_at[job.change.key] = job.began
                self._read_at.move_to_end(job.change.key)
        while len(self._read_at) > _READINGS:
            self._read_at.popitem(last=False)


_TRIED_AGAIN = {Reason.KILLED, Reason.FAILED}
"""Reasons that are not the file's own."""
