"""Files -> decoded -> embedded -> durable: a window of files being decoded, and the batches that are committed.

Decoding runs in worker processes while a batch is embedded, so both use the cores at once. Nothing here depends on the
order in which decoding ends. A picture is decoded and embedded for every target that lacks its vector, for no other.

Crash note: a batch is first durable in every index, then in the catalogue, and only then are images without a file
deleted from the indexes. A crash between the steps leaves vectors without a file, which `reconcile` deletes at the next
start; no vector has to be computed twice for that.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile, RejectedFile
from simd.decisions.decisions import REMOVED
from simd.errors import DecoderUnavailable, FileChanged, ImageRejected, ModelError, Reason, SimdError, for_callers
from simd.featurize.decode.renditions import Rendition, Stretched
from simd.featurize.workers.pool import DecodedFile, FileDecoder
from simd.indexing.derived.keeper import Keeper
from simd.indexing.loop.targets import Target, Targets
from simd.types import Change, ChangeKind, Embedding, FileKey, ImageId, Rejection, Stamp, Vector

log = logging.getLogger(__name__)

_WAKES = 4
"""About how often the indexing thread is woken while a full window is decoded."""


@dataclass(eq=False, slots=True)
class Job:
    """One file in flight: what is known of it, the decoding under way, and what that `found`.

    `path` is absolute. `began` is when its decoding was submitted, in monotonic seconds: it is read after that. `claim`
    is its content, while other files with the same content wait for this decoding.
    """

    change: Change
    stamp: Stamp
    path: bytes
    began: float
    future: Future[DecodedFile] | None = None
    found: DecodedFile | None = None
    claim: ImageId | None = None
    dropped: bool = False

    def covers(self, change: Change, stamp: Stamp) -> bool:
        """Whether it is the file as it is now, read after the event that the change comes from."""
        return self.stamp == stamp and (change.heard is None or self.began > change.heard)


@dataclass(slots=True)
class Batch:
    """What one commit makes durable, and what has to be tried again.

    Attributes:
        decoded: the jobs whose content is known, and with them what is to be embedded.
        vectors: by index, those that it lacks.
        indexed: files whose image has a vector in every index.
        rejected: files that are no picture; `refused` is the content of those that were decoded.
        deleted: files that are gone.
        unsettled: files that changed, or went, while they were read.
        requeued: files that wait for another one with the same content.
        postponed: files that cannot be decoded now, `waiting` those that cannot be embedded now, and `trouble` why.
        orphans: once the files are recorded, the images that have lost their last one.
        derived: by its keeper, what else was made of pictures.
        embedded: how many pictures went through the backbone.
    """

    decoded: list[Job] = field(default_factory=list)
    vectors: dict[Target, dict[ImageId, Vector]] = field(default_factory=dict)
    indexed: list[IndexedFile] = field(default_factory=list)
    rejected: list[RejectedFile] = field(default_factory=list)
    deleted: list[FileKey] = field(default_factory=list)
    unsettled: list[FileKey] = field(default_factory=list)
    requeued: list[Change] = field(default_factory=list)
    postponed: list[FileKey] = field(default_factory=list)
    waiting: list[Job] = field(default_factory=list)
    refused: dict[ImageId, Rejection] = field(default_factory=dict)
    trouble: SimdError | None = None
    orphans: list[ImageId] | None = None
    derived: dict[Keeper, dict[ImageId, bytes]] = field(default_factory=dict)
    embedded: int = 0

    def drop(self, keys: Collection[FileKey]) -> list[FileKey]:
        """Record nothing of these files. Returns those of them that it would have recorded."""
        recorded = {job.change.key for job in self.decoded} | {file.key for file in self.indexed}
        recorded |= {item.key for item in self.rejected}
        self.decoded = [job for job in self.decoded if job.change.key not in keys]
        self.indexed = [file for file in self.indexed if file.key not in keys]
        self.rejected = [file for file in self.rejected if file.key not in keys]
        return sorted(recorded.intersection(keys))


class Pipeline:
    """Owned by the indexing thread, which alone calls everything but the pool's callbacks.

    Args:
        window: how many files may be in decoding at once, those dropped meanwhile included.
        window_bytes: how many bytes their pictures may take together; one file is always admitted.
        wake: called, from any thread, when a fair share of the decodings under way have ended, and not for each of
            them: the owner has to poll `collect` as well.
        is_removed: whether a person took this content out at this place.
        keepers: say what else is made of pictures, and keep it.
    """

    def __init__(
        self,
        *,
        decoder: FileDecoder,
        targets: Targets,
        catalogue: Catalogue,
        window: int,
        wake: Callable[[], None],
        is_removed: Callable[[FileKey, ImageId, Stamp], bool] = lambda key, image_id, stamp: False,
        window_bytes: int = 128 << 20,
        keepers: Sequence[Keeper] = (),
    ) -> None:
        self._decoder = decoder
        self._targets = targets
        self._catalogue = catalogue
        self._window = window
        self._window_bytes = window_bytes
        self._under_way = 0
        self._wake = wake
        self._is_removed = is_removed
        self._keepers = keepers
        self._jobs: dict[FileKey, Job] = {}
        self._done: SimpleQueue[Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._claimed: set[ImageId] = set()

    def __len__(self) -> int:
        """Files started and not yet collected."""
        return len(self._jobs)

    @property
    def has_room(self) -> bool:
        """Whether another file may be started."""
        most = min(self._window, self._window_bytes // self._targets.picture_bytes)
        return self._under_way < max(1, most)

    @property
    def decoding(self) -> bool:
        """Whether any decoding is yet to be collected, also of a file that was dropped."""
        return self._under_way > 0

    def is_indexed(self, image_id: ImageId) -> bool:
        """Whether every index has the image."""
        return self._targets.contain(image_id)

    def start(self, change: Change, stamp: Stamp, path: bytes) -> None:
        """Decode a file, unless a decoding of it as it is now is under way; one of an older state is dropped."""
        before = self._jobs.get(change.key)
        if before is not None and before.covers(change, stamp):
            return
        self.drop(change.key)
        job = Job(change, stamp, path, time.monotonic())
        job.future = self._decoder.submit_file(path, lambda image_id: self._wanted(job, image_id))
        self._jobs[change.key] = job
        self._under_way += 1
        job.future.add_done_callback(lambda _: self._ended(job))

    def drop(self, key: FileKey) -> None:
        """Remove a file: the result of its decoding is discarded."""
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
            self._under_way -= 1
            if job.dropped:
                self._release(job)
            else:
                del self._jobs[job.change.key]
                jobs.append(job)
        return jobs

    def batch_of(self, jobs: Sequence[Job], deleted: Sequence[FileKey]) -> Batch:
        """A batch of files that were decoded and of files that are gone."""
        batch = Batch(deleted=list(deleted))
        for job in jobs:
            self._add(job, batch)
        return batch

    def embed(self, batch: Batch) -> None:
        """Embed what is new, and decide what is recorded; nothing is durable yet. May be repeated after an error.

        Args:
            batch: what `batch_of` made. If the model that answers searches fails, only the files that need it are
                `waiting`.

        Raises:
            StoreError: the index or the catalogue cannot be read.
        """
        for target in self._targets:
            if target not in batch.vectors:
                self._embed(target, batch)
        # A copy has no facts of the picture: it comes after the file that was decoded for both, whichever ended first.
        for job in sorted(batch.decoded, key=lambda job: job.found is None or job.found.facts is None):
            self._place(job, batch)
            batch.decoded.remove(job)

    def commit(self, batch: Batch) -> None:
        """Make a batch durable and visible; may be repeated after a `StoreError`.

        Raises:
            StoreFull: no room; nothing is lost, call it later once more.
        """
        # Files may have been dropped since they were embedded, and a vector without a file must not be in the answers.
        recorded = {file.image_id for file in batch.indexed}
        for target, vectors in batch.vectors.items():
            target.index.put([Embedding(image_id, v) for image_id, v in vectors.items() if image_id in recorded])
        for keeper, derived in batch.derived.items():
            # Before the catalogue tells of the images, so that nobody takes them for ones that lack it.
            keeper.keep({image_id: made for image_id, made in derived.items() if image_id in recorded})
        if batch.orphans is None:
            batch.orphans = self._catalogue.record(batch.indexed, batch.rejected, batch.deleted)
        if batch.orphans:
            self._targets.delete(batch.orphans)

    def release(self, jobs: list[Job]) -> None:
        """Let other files with the same content be decoded; called when the batch is durable."""
        for job in jobs:
            self._release(job)

    def _wanted(self, job: Job, image_id: ImageId) -> Collection[Rendition]:
        """What must be made of a file's picture: called by the pool's threads, once its content is known."""
        if job.dropped:
            return ()
        with self._lock:
            inputs = self._lacking(image_id) if image_id not in self._claimed else set()
            if inputs:
                self._claimed.add(image_id)
                job.claim = image_id
        if not inputs:
            return inputs
        return inputs.union(*(keeper.wanted(image_id) for keeper in self._keepers))

    def _lacking(self, image_id: ImageId) -> set[Stretched]:
        inputs = {target.input for target in self._targets if not _has_vector(target, image_id)}
        if not inputs and not self._has_facts(image_id):
            inputs = {self._targets.serving.input}
        return inputs

    def _has_facts(self, image_id: ImageId) -> bool:
        return bool(self._catalogue.facts_of([image_id]))

    def _are_facts_known(self, image_id: ImageId, batch: Batch) -> bool:
        """Whether they are once the batch is recorded; they may have been purged since the file was read."""
        return any(file.image_id == image_id for file in batch.indexed) or self._has_facts(image_id)

    def _ended(self, job: Job) -> None:
        self._done.put(job)
        # Not for each of many: the thread that is woken takes the interpreter from those that feed the workers.
        if self._done.qsize() * _WAKES >= self._under_way:
            self._wake()

    def _release(self, job: Job) -> None:
        if job.claim is not None:
            with self._lock:
                self._claimed.discard(job.claim)
            job.claim = None

    def _add(self, job: Job, batch: Batch) -> None:
        """Add a decoded file to a batch, or how its decoding failed."""
        future, job.future = job.future, None
        key = job.change.key
        try:
            if future is not None:
                job.found = future.result()
            batch.decoded.append(job)
        except ImageRejected as error:
            rejection = Rejection(error.reason, error.detail)
            batch.rejected.append(RejectedFile(key, job.stamp, rejection))
            if job.claim is not None and not error.reason.is_passing:
                batch.refused[job.claim] = rejection
        except (FileNotFoundError, FileChanged):
            # Whether a file is gone is judged with its root: a disk may have been unmounted since.
            batch.unsettled.append(key)
        except DecoderUnavailable as error:
            batch.postponed.append(key)
            batch.trouble = error.with_traceback(None)
        except Exception:
            log.exception("indexing %r failed; it is tried again", os.fsdecode(job.path))
            rejection = Rejection(
                Reason.FAILED, "it failed in a way that nobody thought of; the daemon's log tells how"
            )
            batch.rejected.append(RejectedFile(key, job.stamp, rejection))
        finally:
            # The error holds this frame, which must not hold it as well.
            del future

    def _embed(self, target: Target, batch: Batch) -> None:
        """Compute the vectors that a target lacks. If the successor fails, the batch is committed without its."""
        fresh = {
            found.image_id: found.pictures[target.input]
            for job in batch.decoded
            if (found := job.found) and target.input in found.pictures and not _has_vector(target, found.image_id)
        }
        try:
            vectors = target.featurizer.embed(list(fresh.values())) if fresh else ()
        except ModelError as error:
            if target is self._targets.serving:
                batch.trouble = error.with_traceback(None)
                batch.vectors[target] = {}
                return
            log.error("the new model %s: %s", target.name, error)
            self._targets.trouble = for_callers(error)
            return
        batch.vectors[target] = dict(zip(fresh, vectors, strict=True))
        batch.embedded += len(fresh)

    def _place(self, job: Job, batch: Batch) -> None:
        """Record a file whose image has facts, and a vector for each target; a copy of what was refused is refused."""
        key, found = job.change.key, job.found
        assert found is not None
        if self._is_removed(key, found.image_id, found.stamp):
            batch.rejected.append(RejectedFile(key, found.stamp, REMOVED))
            return
        supplied = all([_supply(target, found.image_id, vectors) for target, vectors in batch.vectors.items()])
        if supplied and (found.facts is not None or self._are_facts_known(found.image_id, batch)):
            batch.indexed.append(IndexedFile(key, found.stamp, found.image_id, found.facts))
            self._derive(found, batch)
        elif (refused := batch.refused.get(found.image_id)) is not None:
            batch.rejected.append(RejectedFile(key, found.stamp, refused))
        elif not supplied and self._targets.serving.input in found.pictures:
            batch.waiting.append(job)
        else:
            batch.requeued.append(Change(ChangeKind.UPSERT, key, job.stamp))

    def _derive(self, found: DecodedFile, batch: Batch) -> None:
        for keeper in self._keepers:
            made = keeper.made_of(found)
            if made is not None:
                batch.derived.setdefault(keeper, {})[found.image_id] = made


def _has_vector(target: Target, image_id: ImageId) -> bool:
    """Whether nothing has to be computed: it is in the index, or is kept there since its deletion and readable."""
    index = target.index
    return index.contains(image_id) or (index.damage is None and index.vector(image_id, deleted=True) is not None)


def _supply(target: Target, image_id: ImageId, vectors: dict[ImageId, Vector]) -> bool:
    """Whether the target has the image once it has `vectors`; the vector of one that was deleted is added to these."""
    if image_id in vectors or target.index.contains(image_id):
        return True
    kept = target.index.vector(image_id, deleted=True)
    if kept is not None:
        vectors[image_id] = kept
    return kept is not None
