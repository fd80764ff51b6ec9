"""From bytes on disk to what is in force, whatever the last process was doing when it ended.

`rebuild` only reads: manifest and segments say what is flushed, the log says what came after. `recover` also puts the
directory in order: it cuts a torn tail (a copy is kept beside it as `.torn`), and removes what the manifest does not
name and log files that are wholly in segments. Damage is never put in order; it is raised.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simd.durable import Disk
from simd.errors import CorruptStore
from simd.storage.files import read_bytes, size
from simd.storage.live import Live, kill
from simd.storage.log import Log
from simd.storage.log_reader import LogFile, log_paths, read_logs
from simd.storage.manifest import MANIFEST, Manifest
from simd.storage.memtable import Memtable
from simd.storage.record import HEADER_BYTES
from simd.storage.segment import Segment, open_segment
from simd.storage.snapshot import Part, Snapshot
from simd.vectors.ids import Ids, keys

LOG, SEGMENTS = "log", "segments"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the bytes on disk say."""

    manifest: Manifest
    segments: tuple[Segment, ...]
    logs: tuple[LogFile, ...]
    memtable: Memtable
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Recovered:
    """A store in force, and one sentence for each thing that had to be put in order."""

    live: Live
    notes: tuple[str, ...]


def rebuild(directory: Path, dimension: int, fingerprint: bytes, verify_bytes: int, capacity: int = 64) -> Rebuilt:
    """Read a store; changes nothing.

    Raises:
        CorruptStore: bytes that were acknowledged are missing or bad.
        StoreVersion, ModelMismatch: written by another version, or for another model.
    """
    manifest = Manifest.read(directory, dimension, fingerprint)
    segments: list[Segment] = []
    for name in manifest.segments:
        left = verify_bytes - sum(segment.verified_bytes for segment in segments)
        segments.append(open_segment(directory / SEGMENTS / name, dimension, fingerprint, left))
    logs = tuple(read_logs(directory / LOG, manifest.checkpoint, dimension, fingerprint))
    memtable, snapshot = assemble(manifest, segments, logs, capacity)
    return Rebuilt(manifest, tuple(segments), logs, memtable, snapshot)


def assemble(
    manifest: Manifest, segments: Sequence[Segment], logs: Sequence[LogFile], capacity: int
) -> tuple[Memtable, Snapshot]:
    """The memtable that the logs make, and the snapshot of it and the segments."""
    records = [r for log in logs for r in log.records if r.seq > manifest.checkpoint]
    memtable = Memtable(manifest.checkpoint + 1, manifest.dimension, capacity)
    memtable.reserve(len(records))
    for record in records:
        memtable.apply(record)
    parts = kill(live_parts(segments), list(dict.fromkeys(r.image_id for r in records)))
    return memtable, Snapshot((*parts, memtable.view()))


def live_parts(segments: Sequence[Segment]) -> list[Part]:
    """The segments' parts, with every row dead that a newer row or a tombstone kills."""
    parts = [segment.part() for segment in segments]
    repeated = _repeated([segment.ids for segment in segments])
    for position, segment in enumerate(segments):
        stones = keys(segment.tombstones["image_id"])
        again = keys(segment.ids[_is_one_of(segment.ids, repeated)])
        for older in range(position + 1):
            part = parts[older]
            part = part.without(part.locate(stones))
            parts[older] = part.without(part.locate(again)) if older < position else part
    return parts


def recover(
    directory: Path, disk: Disk, dimension: int, fingerprint: bytes, *, verify_bytes: int, capacity: int
) -> Recovered:
    """Open the store in `directory`, made if there is none. The caller holds its lock.

    Raises:
        CorruptStore, StoreVersion, ModelMismatch: as `rebuild`; nothing on disk was changed.
    """
    if not (directory / MANIFEST).exists():
        _found(directory, disk, dimension, fingerprint)
    rebuilt = rebuild(directory, dimension, fingerprint, verify_bytes, capacity)
    notes = [_cut(disk, log) for log in rebuilt.logs if log.torn]
    leftovers = [log.path for log in rebuilt.logs if log.obsolete]
    leftovers += [p for p in (directory / SEGMENTS).iterdir() if p.name not in rebuilt.manifest.segments]
    leftovers += [*directory.glob("*.new"), *(directory / LOG).glob("*.new")]
    for path in leftovers:
        disk.remove(path)
        disk.failpoint("recovery.removed_leftover")
        notes.append(f"{path}: removed, an interrupted flush or compaction left it")
    last = rebuilt.logs[-1]
    log = Log(directory / LOG, disk, dimension, fingerprint, last.next_seq, resume=last.path)
    live = Live(directory, disk, rebuilt.manifest, rebuilt.segments, log, rebuilt.memtable, rebuilt.snapshot, capacity)
    return Recovered(live, tuple(notes))


def is_unmade(directory: Path) -> bool:
    """Whether there is no store yet, neither a manifest nor data: the start that was to make it may be cut short."""
    return not (
        (directory / MANIFEST).exists()
        or any(size(path) > HEADER_BYTES for path in log_paths(directory / LOG))
        or any((directory / SEGMENTS).glob("*"))
    )


def _found(directory: Path, disk: Disk, dimension: int, fingerprint: bytes) -> None:
    """Make an empty store, unless something says that this one has lost its manifest."""
    for name in (LOG, SEGMENTS):
        disk.make_dir(directory / name)
    if not is_unmade(directory):
        raise CorruptStore(directory / MANIFEST, 0, "the file is missing, though there are data")
    for path in log_paths(directory / LOG):
        disk.remove(path)
    Log(directory / LOG, disk, dimension, fingerprint, 1).close()
    disk.failpoint("recovery.before_manifest")
    Manifest(dimension, fingerprint.hex()).write(directory, disk)


def _cut(disk: Disk, log: LogFile) -> str:
    """Cut a torn tail, keeping a copy of the whole file."""
    copy = log.path.with_suffix(".torn")
    if copy.exists():
        disk.remove(copy)
    disk.write_new(copy, [read_bytes(log.path)])
    disk.sync_dir(copy.parent)
    disk.failpoint("recovery.kept_copy")
    fd = disk.open_append(log.path)
    try:
        disk.truncate(fd, log.good_bytes, log.path)
    finally:
        os.close(fd)
    disk.failpoint("recovery.cut")
    return (
        f"{log.path}: the last append was cut short and was never acknowledged; "
        f"{log.size - log.good_bytes} bytes from byte {log.good_bytes} on were dropped (copy: {copy.name})"
    )


def _prefixes(ids: Ids) -> npt.NDArray[np.uint64]:
    """The first 8 bytes of each id as a number. Ids are hashes, so two that agree in these are nearly always equal."""
    return np.ascontiguousarray(ids[:, :8]).view("<u8").reshape(-1)


def _repeated(lists: Sequence[Ids]) -> npt.NDArray[np.uint64]:
    """Prefixes that occur more than once over all lists: one sort, where searching each in all others is quadratic."""
    if len(lists) < 2:
        return np.empty(0, dtype=np.uint64)
    prefixes = np.concatenate([_prefixes(ids) for ids in lists])
    prefixes.sort()
    return np.unique(prefixes[1:][prefixes[1:] == prefixes[:-1]])


def _is_one_of(ids: Ids, prefixes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    if not prefixes.size:
        return np.zeros(len(ids), dtype=np.bool_)
    mine = _prefixes(ids)
    at = np.minimum(np.searchsorted(prefixes, mine), prefixes.size - 1)
    return np.asarray(prefixes[at] == mine)
