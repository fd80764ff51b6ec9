"""Files -> decoded -> embedded -> durable: a window of files being decoded, and the batches that are committed.

Decoding runs in worker processes while a batch is embedded, so both use the cores at once. Nothing here depends on the
order in which decoding ends.

Crash note: a batch is first durable in the index, then in the catalogue, and only then are images without a file taken
out of the answers. A crash between the steps leaves vectors without a file or files without a vector; `reconcile` mends
both at the next start, and no vector has to be computed twice for the former.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Protocol

import numpy as np

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile, RejectedFile
from simd.errors import ImageRejected
from simd.featurize.workers import Decoded, FileChanged
from simd.index.base import Index
from simd.types import Change, ChangeKind, Embedding, FileKey, ImageId, Pixels, Rejection, Stamp, Vector

log = logging.getLogger(__name__)


class FileDecoder(Protocol):
    """What decodes files: a `DecodePool`."""

    def submit_file(self, path: bytes, wanted: Callable[[ImageId], bool], /) -> Future[Decoded]:
        """See `DecodePool.submit_file`."""
        ...


class Embedder(Protocol):
    """What embeds pictures: a `Featurizer`."""

    def embed(self, pixels: Pixels, /) -> Vector:
        """See `Featurizer.embed`."""
        ...


@dataclass(eq=False, slots=True)
class Job:
    """One file on its way: what is known of it, and the decoding under way."""

    change: Change
    stamp: Stamp
    future: Future[Decoded] | None = None
    claim: ImageId | None = None
    dropped: bool = False


@dataclass(slots=True)
class Batch:
    """What one commit makes durable, and what has to be tried again."""

    embeddings: list[Embedding] = field(default_factory=list)
    indexed: list[IndexedFile] = field(default_factory=list)
    rejected: list[RejectedFile] = field(default_factory=list)
    deleted: list[FileKey] = field(default_factory=list)
    unsettled: list[FileKey] = field(default_factory=list)
    again: list[Change] = field(default_factory=list)
    failed: list[FileKey] = field(default_factory=list)
    embedded: int = 0


class Pipeline:
    """Owned by the indexing thread, which alone calls everything but the pool's callbacks.

    Args:
        window: how many files may be in decoding or waiting for their batch at once; bounds memory.
        wake: called, from any thread, when a decoding ended.
    """

    def __init__(
        self,
        *,
        pool: FileDecoder,
        featurizer: Embedder,
        index: Index,
        catalogue: Catalogue,
        window: int,
        wake: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._featurizer = featurizer
        self._index = index
        self._catalogue = catalogue
        self._window = window
        self._wake = wake
        self._jobs: dict[FileKey, Job] = {}
        self._done: SimpleQueue[Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._claimed: set[ImageId] = set()

    def __len__(self) -> int:
        """Files started and not yet collected."""
        return len(self._jobs)

    @property
    def room(self) -> bool:
        """Whether another file may be started."""
        return len(self._jobs) < self._window

    def start(self, change: Change, stamp: Stamp, path: bytes) -> None:
        """Begin with a file. A decoding of the same file that is under way is dropped."""
        self.drop(change.key)
        job = Job(change, stamp)
        self._jobs[change.key] = job
        job.future = self._pool.submit_file(path, lambda image_id: self._wanted(job, image_id))
        job.future.add_done_callback(lambda _: self._ended(job))

    def drop(self, key: FileKey) -> None:
        """Forget a file that is under way: what its decoding brings is thrown away."""
        job = self._jobs.pop(key, None)
        if job is not None:
            job.dropped = True

    def collect(self, limit: int) -> list[Job]:
        """Up to `limit` jobs whose decoding ended."""
        jobs: list[Job] = []
        while len(jobs) < limit:
            try:
                job = self._done.get_nowait()
            except Empty:
                break
            if job.dropped:
                self._release(job)
            else:
                del self._jobs[job.change.key]
                jobs.append(job)
        return jobs

    def prepare(self, jobs: list[Job], deleted: list[FileKey]) -> Batch:
        """Embed what is new and sort out the rest; nothing is durable yet."""
        batch = Batch(deleted=list(deleted))
        decoded = [(job, found) for job in jobs if (found := self._outcome(job, batch)) is not None]
        fresh = {found.image_id: pixels for _, found in decoded if (pixels := self._to_embed(found)) is not None}
        if fresh:
            vectors = self._featurizer.embed(np.stack(list(fresh.values())))
            batch.embeddings += [Embedding(image_id, v) for image_id, v in zip(fresh, vectors, strict=True)]
            batch.embedded = len(fresh)
        here = {e.image_id for e in batch.embeddings}
        for job, found in decoded:
            self._place(job, found, batch, here)
        return batch

    def commit(self, batch: Batch) -> None:
        """Make a batch durable and visible; may be repeated after a `StoreError`.

        Raises:
            StoreFull: no room; nothing is lost, call again later.
        """
        if batch.embeddings:
            self._index.put(batch.embeddings)
        orphans = self._catalogue.record(batch.indexed, batch.rejected, batch.deleted)
        if orphans:
            self._index.delete(orphans)

    def release(self, jobs: list[Job]) -> None:
        """Let other files with the same content go on; called when their batch is durable."""
        for job in jobs:
            self._release(job)

    def _wanted(self, job: Job, image_id: ImageId) -> bool:
        """Whether a file's picture must be decoded: asked by the pool's threads, once its content is known."""
        if job.dropped:
            return False
        with self._lock:
            if image_id in self._claimed:
                return False
            if self._index.vector(image_id, deleted=True) is not None and self._has_facts(image_id):
                return False
            self._claimed.add(image_id)
            job.claim = image_id
            return True

    def _has_facts(self, image_id: ImageId) -> bool:
        return bool(self._catalogue.facts_of([image_id]))

    def _ended(self, job: Job) -> None:
        self._done.put(job)
        self._wake()

    def _release(self, job: Job) -> None:
        if job.claim is not None:
            with self._lock:
                self._claimed.discard(job.claim)
            job.claim = None

    def _outcome(self, job: Job, batch: Batch) -> Decoded | None:
        """What decoding brought; failures go into the batch, each to where it belongs."""
        assert job.future is not None
        key = job.change.key
        try:
            return job.future.result()
        except ImageRejected as error:
            batch.rejected.append(RejectedFile(key, job.stamp, Rejection(error.reason, error.detail)))
        except FileNotFoundError:
            batch.deleted.append(key)
        except FileChanged:
            batch.unsettled.append(key)
        except Exception:
            log.exception("indexing %r failed; it is tried again at the next scan", key.path)
            batch.failed.append(key)
        return None

    def _to_embed(self, found: Decoded) -> Pixels | None:
        """The picture, if its vector has to be computed."""
        return found.pixels if self._index.vector(found.image_id, deleted=True) is None else None

    def _place(self, job: Job, found: Decoded, batch: Batch, here: set[ImageId]) -> None:
        """Record a file whose image has a vector: in this batch, in the index, or kept from before its deletion."""
        image_id = found.image_id
        if image_id not in here and not self._index.contains(image_id):
            vector = self._index.vector(image_id, deleted=True)
            if vector is None:
                batch.again.append(Change(ChangeKind.UPSERT, job.change.key, job.stamp))
                return
            batch.embeddings.append(Embedding(image_id, vector))
            here.add(image_id)
        stamp = found.stamp or job.stamp
        batch.indexed.append(IndexedFile(job.change.key, stamp, image_id, found.facts))


def reconcile(index: Index, catalogue: Catalogue) -> tuple[int, int]:
    """Mend what a crash left between the index and the catalogue.

    Returns:
        how many vectors without a file were taken out of the answers, and how many images without a vector were
        forgotten, so that the next scan brings their files again.
    """
    with_file = set(catalogue.image_ids())
    with_vector = set(index.ids())
    homeless = sorted(with_vector - with_file)
    lost = sorted(with_file - with_vector)
    if homeless:
        index.delete(homeless)
    if lost:
        files = catalogue.files_of(lost)
        keys = [catalogue.locate(path) for paths in files.values() for path in paths]
        catalogue.record([], [], [key for key in keys if key is not None])
    return len(homeless), len(lost)
