"""The store: durable appends against the disk's own limit, recovery, compaction, write amplification, disk per image.

The peer of an append is the same number of bytes written and synced by nobody but the kernel, in the same run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.report import Row, arguments, publish
from simd.durable import Buffer, Disk
from simd.storage.store import Store, StoreOptions
from simd.types import Embedding, Vector, image_id_of
from simd.vectors.metric import half, normalise

DIMENSION = 512
FINGERPRINT = bytes(32)


class CountingDisk(Disk):
    """Counts the bytes that are written."""

    written = 0

    def write(self, fd: int, data: Buffer, path: Path) -> None:
        """Write and count."""
        self.written += memoryview(data).nbytes
        super().write(fd, data, path)


def rows(count: int, seed: int = 0) -> Vector:
    """Vectors; what they are does not matter to a store."""
    return half(normalise(np.random.default_rng(seed).standard_normal((count, DIMENSION), dtype=np.float32)))


def batches(count: int, size: int) -> list[list[Embedding]]:
    """`count` embeddings, `size` at a time."""
    vectors = rows(count)
    everything = [Embedding(image_id_of(b"%d" % i), vectors[i]) for i in range(count)]
    return [everything[i : i + size] for i in range(0, count, size)]


def opened(work: Path, disk: Disk | None = None, **options: int | bool) -> Store:
    """A store in `work`."""
    return Store(work / "store", DIMENSION, FINGERPRINT, disk=disk, options=StoreOptions(**options))  # type: ignore[arg-type]


def appends(work: Path, size: int, count: int) -> Row:
    """Durable appends, `size` at a time, and the disk's own limit for the same bytes."""
    todo = batches(count, size)
    store = opened(work, background=False, flush_rows=count + 1)
    ours, limit = [], []
    raw = os.open(work / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    payload = bytes(size * (2 * DIMENSION + 48))
    for batch in todo:
        began = time.perf_counter()
        store.put(batch)
        between = time.perf_counter()
        os.write(raw, payload)
        os.fdatasync(raw)
        ours.append(between - began)
        limit.append(time.perf_counter() - between)
    os.close(raw)
    store.close()
    shutil.rmtree(work / "store")
    (work / "raw").unlink()
    return {
        "what": f"append, {size} at a time",
        "p50_ms": float(np.median(ours) * 1e3),
        "p99_ms": float(np.percentile(ours, 99) * 1e3),
        "per_s": size / float(np.median(ours)),
        "limit_p50_ms": float(np.median(limit) * 1e3),
        "over_limit": float(np.median(ours) / np.median(limit)),
    }


def recovery(work: Path, count: int) -> Row:
    """Opening a store whose log holds `count` records."""
    store = opened(work, background=False, flush_rows=count + 1)
    for batch in batches(count, 256):
        store.put(batch)
    store.close()
    began = time.perf_counter()
    opened(work, background=False, flush_rows=count + 1).close()
    took = time.perf_counter() - began
    shutil.rmtree(work / "store")
    return {"what": f"recovery of a log of {count} records", "p50_ms": took * 1e3, "per_s": count / took}


def compaction(work: Path, count: int) -> tuple[list[Row], dict[str, float]]:
    """Filling a store in the background, then merging all of it."""
    disk = CountingDisk()
    store = opened(work, disk)
    began = time.perf_counter()
    for batch in batches(count, 64):
        store.put(batch)
    filled = time.perf_counter() - began
    began = time.perf_counter()
    store.compact()
    compacted = time.perf_counter() - began
    payload = count * 2 * DIMENSION
    on_disk = store.disk_bytes()
    segments = store.segment_count()
    store.close()
    lines: list[Row] = [
        {"what": f"fill with {count}, 64 at a time, flushing", "p50_ms": filled * 1e3, "per_s": count / filled},
        {"what": f"compact all, {segments} segments left", "p50_ms": compacted * 1e3, "per_s": count / compacted},
    ]
    figures = {
        "write_amplification": disk.written / payload,
        "disk_bytes_per_image": on_disk / count,
        "fill_per_s": count / filled,
        "compacted_mb_per_s": payload / compacted / 1e6,
    }
    return lines, figures


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__ or "").parse_args()
    work = Path(tempfile.mkdtemp(prefix="simd-bench-"))
    try:
        lines = [appends(work, size, count) for size, count in ((1, 1000), (16, 4000), (64, 8000))]
        lines += [recovery(work, count) for count in (1000, 4000, 16000)]
        more, figures = compaction(work, 50_000)
        figures["append_64_over_limit"] = float(lines[2]["over_limit"])
        publish("store", [*lines, *more], figures, options.json)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
