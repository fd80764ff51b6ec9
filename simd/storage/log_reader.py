"""What the log files say, and whether they can be believed.

Records are numbered without gaps across files. A file counts up to the next file's first seq: that file was opened
only after everything before that seq had been acknowledged or had failed. So a fault before that point is damage.

At the end of the last file a fault may be an append that was cut short. It is *torn*, and nothing acknowledged is lost,
when no sound record follows, or when those that follow were written by the same append (a disk may keep the later pages
of one write and lose the earlier) and the gap has a sector of zeros, as a page that was never written has. A record
of a *later* append proves that the bad one had been acknowledged: that is damage, and the store is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simd.errors import CorruptStore, ModelMismatch, StoreVersion
from simd.storage.files import read_bytes
from simd.storage.record import (
    FORMAT_VERSION,
    HEADER_BYTES,
    LogHeader,
    Record,
    decode_header,
    decode_record,
    find_record,
    record_length,
)

_SECTOR = 512


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log file as read. `good_bytes` is where belief ends; what lies after it is torn if `torn`."""

    path: Path
    first_seq: int
    next_seq: int
    records: tuple[Record, ...]
    good_bytes: int
    size: int
    torn: bool = False
    obsolete: bool = False


def log_paths(directory: Path) -> list[Path]:
    """The log files, oldest first."""
    return sorted(directory.glob("*.log"))


def read_logs(directory: Path, checkpoint: int, dimension: int, fingerprint: bytes) -> list[LogFile]:
    """Read every log file that holds anything after `checkpoint`; older ones come back as obsolete, unread.

    Raises:
        CorruptStore: a record that was acknowledged is missing or bad.
        StoreVersion, ModelMismatch: written by another version, or for another model.
    """
    paths = log_paths(directory)
    if not paths:
        raise CorruptStore(directory, 0, f"no log file, where the one that goes on from seq {checkpoint} must be")
    data = {path: read_bytes(path) for path in paths}
    firsts = [_header(path, data[path], dimension, fingerprint).first_seq for path in paths]
    if firsts[0] > checkpoint + 1:
        raise CorruptStore(paths[0], 0, f"the log files of seq {checkpoint + 1} to {firsts[0] - 1} are missing")
    files = []
    for path, first, limit in zip(paths, firsts, [*firsts[1:], None], strict=True):
        if limit is not None and limit <= checkpoint + 1:
            files.append(LogFile(path, first, limit, (), 0, len(data[path]), obsolete=True))
        else:
            files.append(_read(path, memoryview(data[path]), first, limit, dimension))
    if files[-1].next_seq <= checkpoint:
        raise CorruptStore(paths[-1], files[-1].good_bytes, f"the log ends before the checkpoint {checkpoint}")
    return files


def read_header(path: Path, data: bytes) -> LogHeader:
    """The header of a log file that begins with `data`.

    Raises:
        CorruptStore: it is no sound header.
        StoreVersion: another version wrote it.
    """
    header = decode_header(data)
    if header is None:
        raise CorruptStore(path, 0, "the header does not match its checksum")
    if header.version != FORMAT_VERSION:
        raise StoreVersion(f"{path} has format {header.version}; this version reads {FORMAT_VERSION}")
    return header


def _header(path: Path, data: bytes, dimension: int, fingerprint: bytes) -> LogHeader:
    header = read_header(path, data)
    if header.dimension != dimension or header.fingerprint != fingerprint:
        raise ModelMismatch(f"{path} holds vectors of another model ({header.fingerprint.hex()[:16]})")
    if path.name != f"{header.first_seq:020d}.log":
        raise CorruptStore(path, 0, f"the file is named otherwise than its first seq, {header.first_seq}")
    return header


def _read(path: Path, data: memoryview, first: int, limit: int | None, dimension: int) -> LogFile:
    records: list[Record] = []
    at, seq = HEADER_BYTES, first
    while at < len(data) and (limit is None or seq < limit):
        record = decode_record(data, at, dimension)
        if record is None:
            break
        if record.seq != seq:
            raise CorruptStore(path, at, f"record {record.seq} where {seq} must be")
        records.append(record)
        at += record_length(record.kind, dimension)
        seq += 1
    if limit is not None and seq < limit:
        raise CorruptStore(path, at, f"no sound record {seq}, though the log goes on to {limit} in the next file")
    torn = limit is None and at < len(data)
    if torn:
        _refuse_damage(path, data, at, seq, dimension)
    return LogFile(path, first, seq, tuple(records), at, len(data), torn)


def _refuse_damage(path: Path, data: memoryview, at: int, seq: int, dimension: int) -> None:
    """Return if what is at byte `at` is the torn end of the last append."""
    first = found = find_record(data, at + 1, dimension)
    while found is not None:
        position, record = found
        if record.append_seq > seq:
            raise CorruptStore(path, at, f"no sound record {seq}, though record {record.seq} follows it")
        found = find_record(data, position + record_length(record.kind, dimension), dimension)
    if first is not None and not _has_blank_sector(data, at, first[0]):
        raise CorruptStore(path, at, f"no sound record {seq}, though record {first[1].seq} follows it")


def _has_blank_sector(data: memoryview, start: int, end: int) -> bool:
    """Whether the bytes from `start` to `end` have a sector's worth of zeros, or of one the start or end cuts."""
    while start < end:
        stop = min((start // _SECTOR + 1) * _SECTOR, end)
        if stop - start >= _SECTOR // 8 and not any(data[start:stop]):
            return True
        start = stop
    return False
