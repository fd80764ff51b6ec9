"""The index on this machine: a durable store, and a search over its snapshots."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simd.durable import Disk
from simd.errors import CorruptStore
from simd.index.base import CHUNK_ROWS, Chunk, IndexStats
from simd.index.filter import EVERYTHING, Filter
from simd.index.repair import finish_repair
from simd.index.residence import Residence
from simd.index.view import LocalView
from simd.search.kernel import load_kernel
from simd.search.searcher import PROVE_BYTES
from simd.search.shortlist import Scan, Shortlist
from simd.storage.store import Store, StoreOptions, wall_clock
from simd.supervision import Threads
from simd.types import Answer, Embedding, ImageId, Vector

_WORTH_SHARING = 1_000_000
"""By default. Fewer rows are scanned by one core in less time than it takes to hand them out."""


class LocalIndex:
    """The contract of `simd.index.base` over a `Store`.

    Args:
        store: an open store; closed by `close`.
        cores: so many scan one query together when the index is large.
        worth_sharing: so many rows make it large.
        prove_bytes: answers are proved unasked where that takes no more bytes of fine codes.
    """

    knows_paths = False
    proves = True

    def __init__(
        self,
        store: Store,
        cores: int = 1,
        worth_sharing: int = _WORTH_SHARING,
        prove_bytes: float = PROVE_BYTES,
    ) -> None:
        self._store = store
        self._worth_sharing = worth_sharing
        self._prove_bytes = prove_bytes
        self._scanners = ThreadPoolExecutor(cores, thread_name_prefix="scan") if cores > 1 else None
        self._scanning = threading.Lock()
        self._residence = Residence()
        load_kernel()

    @classmethod
    def open(
        cls,
        directory: Path,
        dimension: int,
        fingerprint: bytes,
        *,
        disk: Disk | None = None,
        options: StoreOptions | None = None,
        clock: Callable[[], int] = wall_clock,
        threads: Threads | None = None,
        cores: int = 1,
        prove_bytes: float = PROVE_BYTES,
    ) -> LocalIndex:
        """Open the index in `directory`, made if missing; a repair of it that a crash cut short is completed.

        Arguments and errors as `Store`.
        """
        finish_repair(directory, disk)
        store = Store(directory, dimension, fingerprint, disk=disk, options=options, clock=clock, threads=threads)
        return cls(store, cores, prove_bytes=prove_bytes)

    @property
    def recovery_notes(self) -> tuple[str, ...]:
        """One sentence for each thing that opening had to put in order."""
        return self._store.recovery_notes

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._store.dimension

    @property
    def damage(self) -> CorruptStore | None:
        """What was found to be damaged since the index was opened."""
        return self._store.damage

    def put(self, embeddings: Sequence[Embedding]) -> None:
        """Add or replace; durable and searchable on return."""
        self._store.put(embeddings)

    def delete(self, image_ids: Sequence[ImageId]) -> int:
        """Take images out of the answers; durable on return. Returns how many were there."""
        return self._store.delete(image_ids)

    def contains(self, image_id: ImageId) -> bool:
        """Whether the image is in the answers."""
        return self._store.contains(image_id)

    def missing(self, image_ids: Sequence[ImageId]) -> list[ImageId]:
        """Those of the images that are not in the answers."""
        return self._store.missing(image_ids)

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        """The stored vector, or None."""
        return self._store.vector(image_id, deleted=deleted)

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        """The `k` nearest of each query, nearest first."""
        return self.view().search(queries, k, among=among, exact=exact)

    def within(self, queries: Vector, radius: float, *, limit: int, among: Filter = EVERYTHING) -> list[Answer]:
        """Every image at most `radius` from each query, nearest first; nothing is missed."""
        return self.view().within(queries, radius, limit=limit, among=among)

    def ids(self) -> Iterator[ImageId]:
        """Every image in the answers, in no particular order."""
        return self._store.ids()

    def __len__(self) -> int:
        return len(self._store.inventory)

    def flush(self) -> None:
        """Turn what is in memory into a segment now."""
        self._store.flush()

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Every image in the answers with its vector, in the order of the ids, `rows` at a time."""
        return self.view().chunks(rows)

    def view(self) -> LocalView:
        """The index as it is now."""
        return LocalView(
            self._store.snapshot, self._store.raise_damage, self._spread, self._residence.looked, self._prove_bytes
        )

    def compact(self, pause: Callable[[], None] = lambda: None) -> None:
        """Do all pending maintenance now."""
        self._store.compact(pause)

    def check(self, pause: Callable[[int], None] = lambda count: None) -> list[str]:
        """Every broken invariant found by reading all of the data."""
        return self._store.check(pause)

    def stats(self) -> IndexStats:
        """Counts and sizes."""
        snapshot = self._store.inventory
        details = {
            "segments": self._store.segment_count(),
            "unflushed": snapshot.parts[-1].alive,
            "coded": sum(part.alive for part in snapshot.parts if part.coded),
        }
        dead = sum(part.dead for part in snapshot.parts)
        return IndexStats("local", self.dimension, len(snapshot), dead, self._store.disk_bytes(), details)

    def close(self) -> None:
        """Release files and locks; everything acknowledged is already durable."""
        with self._scanning:
            scanners, self._scanners = self._scanners, None
        if scanners is not None:
            scanners.shutdown()
        self._store.close()

    def _spread(self, act: Callable[[Scan], list[Shortlist]], scans: Sequence[Scan]) -> Iterable[list[Shortlist]]:
        if sum(scan.rows for scan in scans) < self._worth_sharing:
            return map(act, scans)
        # All scans are handed out under the lock, so `close` comes before or after. A search that finds the index
        # closed ends on its snapshot, alone.
        with self._scanning:
            return map(act, scans) if self._scanners is None else self._scanners.map(act, scans)
