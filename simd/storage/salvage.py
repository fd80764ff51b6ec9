"""After damage: a new store from everything that is still sound.

A segment counts as sound when its metadata, ids, vectors and tombstones are what their checksums say; codes and
quantizers are made again, so damage to them loses nothing. Of a log every record with a good checksum counts, also
behind a bad one. What was in a damaged segment is lost, and so are the deletes that were recorded in it: images that
have no file any more may come back, and whoever knows the files takes them out again.

The damaged store is not touched. Crash note: the new store is a store at any moment; begin again with an empty one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simd.errors import CorruptStore, InvalidRequest, StoreError
from simd.storage.arrays import load_array
from simd.storage.fields import SEGMENT_NAME
from simd.storage.files import read_bytes
from simd.storage.log_reader import log_paths
from simd.storage.record import HEADER_BYTES, find_record, record_length
from simd.storage.recovery import LOG, SEGMENTS, live_parts
from simd.storage.segment import META, TOMBSTONE, Segment, SegmentMeta, verify_file
from simd.storage.snapshot import Part
from simd.storage.store import Store
from simd.types import Embedding, ImageId, Vector
from simd.vectors.metric import check_vectors, widen

_BATCH = 4096
_NEEDED = ("ids.npy", "vectors.npy", "tombstones.npy")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """How many images were saved, and one sentence for each thing that was not."""

    images: int
    losses: tuple[str, ...]


def salvage(damaged: Path, store: Store) -> Salvaged:
    """Put everything that is sound in the store directory `damaged` into `store`, which is empty.

    Raises:
        StoreFull: no room for the new store.
    """
    losses: list[str] = []
    segments = _sound_segments(damaged / SEGMENTS, store.dimension, losses)
    replay = _Replay(store, losses)
    for part in live_parts(segments):
        for image_id, vector in _live_rows(part):
            replay.put(image_id, vector)
    for path in log_paths(damaged / LOG):
        replay.log(path)
    replay.flush()
    store.compact()
    return Salvaged(len(store.snapshot), tuple(losses))


def _sound_segments(directory: Path, dimension: int, losses: list[str]) -> list[Segment]:
    """In age order. Names are `number-first_seq-last_seq`; an older one that a merge has replaced is passed over."""
    spans = sorted(
        (int(first), -int(last), path)
        for path in (directory.iterdir() if directory.is_dir() else ())
        if SEGMENT_NAME.fullmatch(path.name)
        for _, first, last in [path.name.split("-")]
    )
    found: list[Segment] = []
    covered = 0
    for _, last, path in spans:
        if -last <= covered:
            continue
        try:
            found.append(_sound(path, dimension))
            covered = -last
        except StoreError as error:
            losses.append(f"{path}: {error}; the images of this segment are lost")
    return found


def _sound(directory: Path, dimension: int) -> Segment:
    meta = SegmentMeta.read(directory)
    if meta.dimension != dimension:
        raise CorruptStore(directory / META, 0, f"its dimension is {meta.dimension}, not {dimension}")
    for name in _NEEDED:
        if name not in meta.files:
            raise CorruptStore(directory / META, 0, f"it does not list {name}")
        verify_file(directory / name, meta.files[name])
    arrays = meta.arrays()
    ids, vectors, tombstones = (
        load_array(directory / name, np.dtype(arrays[name][0]), arrays[name][1]) for name in _NEEDED
    )
    assert tombstones.dtype == TOMBSTONE
    return Segment(directory, meta, ids, vectors, tombstones)


def _live_rows(part: Part) -> Iterator[tuple[ImageId, Vector]]:
    rows = np.flatnonzero(part.mask())
    for start in range(0, len(rows), _BATCH):
        chosen = rows[start : start + _BATCH]
        vectors = widen(part.vectors[chosen])
        for row, vector in zip(chosen, vectors, strict=True):
            yield ImageId(part.ids[row].tobytes()), vector


class _Replay:
    """Puts and deletes in order, gathered into batches; what is no embedding is a loss."""

    def __init__(self, store: Store, losses: list[str]) -> None:
        self._store = store
        self._losses = losses
        self._puts: list[Embedding] = []

    def log(self, path: Path) -> None:
        """Apply every sound record of a log file, in order."""
        dimension = self._store.dimension
        data = memoryview(read_bytes(path))
        at = HEADER_BYTES
        while (found := find_record(data, at, dimension)) is not None:
            position, record = found
            if position > at:
                self._losses.append(
                    f"{path}: {position - at} bytes from byte {at} on are damaged; their records are lost"
                )
            if record.vector is not None:
                self.put(record.image_id, widen(record.vector))
            else:
                self.flush()
                self._store.delete([record.image_id])
            at = position + record_length(record.kind, dimension)
        if at < len(data):
            self._losses.append(f"{path}: {len(data) - at} bytes from byte {at} on are no record")

    def put(self, image_id: ImageId, vector: Vector) -> None:
        """Save one embedding."""
        try:
            check_vectors(vector[np.newaxis], self._store.dimension)
        except InvalidRequest as error:
            self._losses.append(f"image {image_id.hex()}: {error}; it is lost")
            return
        self._puts.append(Embedding(image_id, vector))
        if len(self._puts) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Put what was gathered."""
        self._store.put(self._puts)
        self._puts = []
