"""The door to a directory of vectors that survives.

    <directory>/lock            held while the store is open
    <directory>/manifest.json   what is in force
    <directory>/log/            changes not yet in a segment
    <directory>/segments/       immutable arrays

One process opens a store for writing, any number of threads use it. Searches take a `snapshot` and never wait.
Two threads keep it in shape: one turns full memtables into segments, one merges segments; neither holds back a change
or a search for longer than it takes to replace the manifest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simd.durable import DirectoryLock, Disk
from simd.errors import CorruptStore, InvalidRequest
from simd.storage import check
from simd.storage.compaction import Policy
from simd.storage.maintenance import Maintenance
from simd.storage.record import FINGERPRINT_BYTES
from simd.storage.recovery import SEGMENTS, recover
from simd.storage.segment_writer import SegmentWriter
from simd.storage.snapshot import Snapshot
from simd.storage.writer import Writer
from simd.supervision import Threads
from simd.types import ID_BYTES, Embedding, ImageId, Vector
from simd.vectors.metric import check_vectors


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How a store keeps itself.

    Args:
        flush_rows: a memtable of so many rows and tombstones becomes a segment.
        code_dims: length of a code.
        min_coded_rows: segments of fewer rows are scanned by their vectors.
        grace_ms: how long a deleted image's vector is kept.
        max_segment_rows: at most so many rows in a merged segment; bounds the disk that a merge takes.
        verify_bytes: so much is verified when the store is opened, the rest soon after, in the background.
        background: keep it in shape without being asked; False is for tests and tools.
    """

    flush_rows: int = 4096
    code_dims: int = 128
    min_coded_rows: int = 1024
    grace_ms: int = 7 * 86_400_000
    max_segment_rows: int = 1_000_000
    verify_bytes: int = 256 << 20
    background: bool = True


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Store:
    """Vectors by image, durable.

    Once damage is found in it, no vector is handed out any more; changes are taken and images are counted as before.

    Args:
        directory: the store's; made if missing.
        dimension: length of every vector.
        fingerprint: 32 bytes that name the model; a store of another model is refused.
        disk: how files are written.
        options: how it keeps itself.
        clock: milliseconds since the epoch.
        threads: runs those that keep it in shape.

    Raises:
        StoreLocked: another process has it open.
        CorruptStore: bytes that were acknowledged are missing or bad.
        StoreVersion, ModelMismatch: written by another version, or for another model.
    """

    def __init__(
        self,
        directory: Path,
        dimension: int,
        fingerprint: bytes,
        *,
        disk: Disk | None = None,
        options: StoreOptions | None = None,
        clock: Callable[[], int] = wall_clock,
        threads: Threads | None = None,
    ) -> None:
        if len(fingerprint) != FINGERPRINT_BYTES:
            raise ValueError(f"a fingerprint has {FINGERPRINT_BYTES} bytes, not {len(fingerprint)}")
        self.directory = directory
        self.dimension = dimension
        self._disk = disk or Disk()
        options = options or StoreOptions()
        self._disk.make_dir(directory)
        self._lock = DirectoryLock(directory)
        self._closed = False
        try:
            recovered = recover(
                directory,
                self._disk,
                dimension,
                fingerprint,
                verify_bytes=options.verify_bytes,
                capacity=options.flush_rows,
            )
        except BaseException:
            self._lock.release()
            raise
        self.recovery_notes = recovered.notes
        self._live = recovered.live
        self._writer = Writer(self._live, clock)
        self._maintenance = Maintenance(
            directory,
            self._disk,
            self._live,
            SegmentWriter(
                directory / SEGMENTS,
                self._disk,
                dimension,
                fingerprint,
                options.code_dims,
                options.min_coded_rows,
            ),
            Policy(options.grace_ms, options.max_segment_rows),
            clock,
            options.flush_rows,
            threads or Threads(),
        )
        if options.background:
            self._maintenance.start()

    @property
    def snapshot(self) -> Snapshot:
        """What is stored now; never changes.

        Raises:
            CorruptStore: damage was found since the store was opened.
        """
        self.raise_damage()
        return self._live.snapshot

    def raise_damage(self) -> None:
        """Raise what was found to be damaged since the store was opened."""
        self._maintenance.raise_damage()

    @property
    def inventory(self) -> Snapshot:
        """The same, also of a store in which damage was found: for counting, and for telling which images there are."""
        return self._live.snapshot

    @property
    def damage(self) -> CorruptStore | None:
        """What was found to be damaged since the store was opened."""
        return self._maintenance.damage

    def put(self, embeddings: Sequence[Embedding]) -> None:
        """Add or replace; durable and in the next snapshot on return.

        Raises:
            InvalidRequest: a vector or id is not what it must be; nothing of the batch is applied.
            StoreFull, StoreError: the disk failed; nothing of the batch is applied.
        """
        if not embeddings:
            return
        for embedding in embeddings:
            _check_id(embedding.image_id)
            if embedding.vector.shape != (self.dimension,):
                raise InvalidRequest(
                    f"a vector of shape {embedding.vector.shape} cannot go into an index of dimension {self.dimension}",
                    field="vector",
                )
        vectors = np.stack([embedding.vector for embedding in embeddings])
        check_vectors(vectors, self.dimension)
        self._maintenance.make_room()
        self._writer.put([embedding.image_id for embedding in embeddings], vectors.astype(np.float16))
        self._maintenance.wake_if_full()

    def delete(self, image_ids: Sequence[ImageId]) -> int:
        """Take images out; durable on return. Returns how many were there; unknown ones leave no trace."""
        for image_id in image_ids:
            _check_id(image_id)
        if not image_ids:
            return 0
        self._maintenance.make_room()
        count = self._writer.delete(image_ids)
        self._maintenance.wake_if_full()
        return count

    def contains(self, image_id: ImageId) -> bool:
        """Whether the image is stored and not deleted."""
        _check_id(image_id)
        return bool(self.inventory.alive([image_id])[0])

    def missing(self, image_ids: Sequence[ImageId]) -> list[ImageId]:
        """Those of the images that are not stored or are deleted, in their order."""
        for image_id in image_ids:
            _check_id(image_id)
        alive = self.inventory.alive(image_ids)
        return [image_id for image_id, there in zip(image_ids, alive, strict=True) if not there]

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        """The stored vector, float32 `(dimension,)`. `deleted` also looks at what is not yet purged."""
        _check_id(image_id)
        return self.snapshot.vector(image_id, deleted=deleted)

    def ids(self) -> Iterator[ImageId]:
        """Every stored image."""
        return self.inventory.ids()

    def flush(self) -> None:
        """Turn the memtable into a segment now."""
        self._maintenance.flush()

    def compact(self, pause: Callable[[], None] = lambda: None) -> None:
        """Flush, merge what may be merged, and purge what is past its grace period.

        `pause` is called between the steps; what it raises ends the work, and what is done by then stays done.

        Raises:
            CorruptStore: something is damaged; nothing is merged or purged.
        """
        self._maintenance.compact_all(pause)

    def check(self, pause: Callable[[int], None] = lambda count: None) -> list[str]:
        """Every broken invariant found by reading all of the data, one sentence each; changes nothing.

        Changes, searches and flushes go on meanwhile; damage that is found in a segment ends the searches. `pause` is
        told how many bytes were read since the last time; what it raises ends the check.
        """
        with self._maintenance.keeping_segments(lambda: pause(0)):
            with self._maintenance.keeping_logs():
                manifest, problems = check.check_open(self._live, self.directory)
                read = self._live.log_bytes
            # Out here, because a flush may be what is waited for.
            pause(read)
            return problems + check.check_segments(self.directory, manifest, pause, self._maintenance.condemn)

    def disk_bytes(self) -> int:
        """Bytes of segments and of the current log file."""
        return sum(segment.disk_bytes for segment in self._live.segments) + self._live.log_bytes

    def segment_count(self) -> int:
        """Segments in force."""
        return len(self._live.segments)

    def close(self) -> None:
        """Stop maintenance and release files and the lock; everything acknowledged is durable already."""
        self._maintenance.stop()
        self._live.close()
        if not self._closed:
            self._closed = True
            self._lock.release()


def _check_id(image_id: bytes) -> None:
    if len(image_id) != ID_BYTES:
        raise InvalidRequest(f"an image_id has {ID_BYTES} bytes, not {len(image_id)}", field="image_id")
