"""Every invariant of a store, compared with all of its bytes. Only reads.

Whoever calls makes sure that nobody removes files meanwhile; an open store holds its flush and compaction back.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from simd.errors import CorruptStore, StoreError
from simd.storage.live import Live
from simd.storage.log_reader import read_logs
from simd.storage.manifest import Manifest
from simd.storage.recovery import LOG, SEGMENTS, assemble
from simd.storage.segment import LEVELS, Segment, open_segment
from simd.storage.segment_writer import CHUNK_ROWS
from simd.storage.snapshot import Snapshot
from simd.vectors.ids import Ids, Keys, keys
from simd.vectors.metric import NORM_TOLERANCE, widen
from simd.vectors.quantizer import LIMIT, OFFSET, SLACK, moved

Pause = Callable[[int], None]
"""Told how many bytes were read since the last time; what it raises ends the check."""

_ALL = 1 << 62


def _go_on(count: int) -> None:
    """The pause of who needs none."""


def check_directory(directory: Path) -> list[str]:
    """Every broken invariant of the store that nobody has open in `directory`, one sentence each."""
    try:
        manifest = Manifest.peek(directory)
    except StoreError as error:
        return [str(error)]
    return check_segments(directory, manifest) + check_logs(directory, manifest)


def check_segments(
    directory: Path,
    manifest: Manifest,
    pause: Pause = _go_on,
    damaged: Callable[[CorruptStore], None] = lambda error: None,
) -> list[str]:
    """Of the segments that the manifest names, and of their order. `damaged` is told of each that is damaged."""
    problems = []
    last_seq = 0
    for name in manifest.segments:
        try:
            segment = open_segment(
                directory / SEGMENTS / name, manifest.dimension, bytes.fromhex(manifest.fingerprint), _ALL, pause
            )
        except StoreError as error:
            if isinstance(error, CorruptStore):
                damaged(error)
            problems.append(str(error))
            continue
        problems += check_segment(segment, pause)
        meta = segment.meta
        if not last_seq < meta.first_seq <= meta.last_seq <= manifest.checkpoint:
            problems.append(
                f"{segment.directory}: seqs {meta.first_seq} to {meta.last_seq} do not lie between its elder's "
                f"{last_seq} and the checkpoint {manifest.checkpoint}"
            )
        if int(name.split("-")[0]) >= manifest.next_segment:
            problems.append(f"{segment.directory}: its number is not below the next one, {manifest.next_segment}")
        last_seq = meta.last_seq
    return problems


def check_logs(directory: Path, manifest: Manifest) -> list[str]:
    """Of the log files of a store that nobody has open."""
    try:
        logs = read_logs(directory / LOG, manifest.checkpoint, manifest.dimension, bytes.fromhex(manifest.fingerprint))
    except StoreError as error:
        return [str(error)]
    return [
        f"{log.path}: torn at byte {log.good_bytes} of {log.size}; the next start will cut it"
        for log in logs
        if log.torn
    ]


def check_open(live: Live, directory: Path) -> tuple[Manifest, list[str]]:
    """Of the log and the memory of the store that `live` has open, and the manifest they belong to.

    Flush and compaction are held back by the caller, changes are not.
    """
    with live.lock:
        manifest, segments, snapshot = live.manifest, live.segments, live.snapshot
        fingerprint = bytes.fromhex(manifest.fingerprint)
        try:
            logs = read_logs(directory / LOG, manifest.checkpoint, manifest.dimension, fingerprint)
        except StoreError as error:
            return manifest, [str(error)]
    _, expected = assemble(manifest, segments, logs, capacity=1)
    return manifest, check_snapshot(snapshot, expected)


def check_segment(segment: Segment, pause: Pause = _go_on) -> list[str]:
    """Of one segment whose checksums are right: order, norms, codes."""
    where = segment.directory
    problems = []
    if not _ascending(segment.ids):
        problems.append(f"{where}/ids.npy: not sorted and unique")
    if not _ascending(segment.tombstones["image_id"]):
        problems.append(f"{where}/tombstones.npy: not sorted and unique")
    seqs = segment.tombstones["seq"]
    if seqs.size and not (segment.meta.first_seq <= seqs.min() and seqs.max() <= segment.meta.last_seq):
        problems.append(f"{where}/tombstones.npy: a seq outside of the segment's")
    for start in range(0, segment.meta.rows, CHUNK_ROWS):
        pause(0)
        rows = widen(segment.vectors[start : start + CHUNK_ROWS])
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
        bad = ~(np.abs(norms - 1.0) <= 2 * NORM_TOLERANCE)
        if bad.any():
            problems.append(f"{where}/vectors.npy: row {start + int(bad.argmax())} is not normalised")
        for name, coded in zip(LEVELS, segment.coded, strict=False):
            codes = coded.codes[start : start + CHUNK_ROWS]
            wrong = moved(coded.quantizer.project(rows), codes) > coded.max_error + SLACK
            if wrong.any() or (np.abs(codes.astype(np.int16) - OFFSET) > LIMIT).any():
                problems.append(f"{where}/{name}.npy: row {start + int(wrong.argmax())} is further off than max_error")
        segment.let_go()
    return problems


def check_snapshot(snapshot: Snapshot, expected: Snapshot) -> list[str]:
    """Of what is in memory: that it is what the bytes on disk say, and that it counts right."""
    problems = []
    for part in snapshot.parts:
        if part.dead != part.rows - int(np.count_nonzero(part.mask())):
            problems.append(f"{part.name}: {part.dead} rows are said to be dead, which is not what its bitmap says")
    live = _live_ids(snapshot)
    if (live[1:] == live[:-1]).any():
        problems.append("an image has two live rows")
    if not np.array_equal(live, _live_ids(expected)):
        problems.append("the live images in memory are not those on disk")
    return problems


def _live_ids(snapshot: Snapshot) -> Keys:
    return np.sort(np.concatenate([keys(part.ids[part.mask()]) for part in snapshot.parts]))


def _ascending(ids: Ids) -> bool:
    ordered = keys(ids)
    return bool((ordered[1:] > ordered[:-1]).all())
