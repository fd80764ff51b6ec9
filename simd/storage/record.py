"""The bytes of a log file: one header, then records. Little-endian throughout.

Pure: bytes in, bytes out. A record's length follows from its kind and the dimension, so any other length is refused
before it is believed. `ordinal` counts the records of one append: `seq - ordinal` is the append's first seq, which is
what tells a torn append from damage to an earlier, acknowledged one.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import crc32c
import numpy as np

from simd.types import ImageId
from simd.vectors.metric import Half

MAGIC = b"SIMDLOG\n"
FORMAT_VERSION = 1
FINGERPRINT_BYTES = 32

# magic, format version, dimension, fingerprint, first seq, padding, crc32c of all that precedes it.
_HEADER = struct.Struct("<8sII32sQ4xI")
HEADER_BYTES = 64
assert _HEADER.size == HEADER_BYTES

# length, crc32c of the length and of all that follows the crc, kind, padding, ordinal, seq, time in ms, image_id.
_RECORD = struct.Struct("<IIB3xIQQ16s")
RECORD_BYTES = 48
assert _RECORD.size == RECORD_BYTES

_CRC_AT, _CRC_END = 4, 8


class Kind(IntEnum):
    """What a record does."""

    PUT = 1
    DELETE = 2


@dataclass(frozen=True, slots=True)
class LogHeader:
    """What a log file is about."""

    dimension: int
    fingerprint: bytes
    first_seq: int
    version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Record:
    """One change. `vector` is float16 `(dimension,)` for a PUT, None for a DELETE."""

    kind: Kind
    seq: int
    ordinal: int
    time_ms: int
    image_id: ImageId
    vector: Half | None = None

    @property
    def append_seq(self) -> int:
        """First seq of the append that this record was written by."""
        return self.seq - self.ordinal


def record_length(kind: Kind, dimension: int) -> int:
    """Bytes of a record of this kind."""
    return RECORD_BYTES + (2 * dimension if kind is Kind.PUT else 0)


def encode_header(header: LogHeader) -> bytes:
    """The first `HEADER_BYTES` of a log file."""
    fields = (MAGIC, header.version, header.dimension, header.fingerprint, header.first_seq)
    body = _HEADER.pack(*fields, 0)[:-4]
    return body + struct.pack("<I", crc32c.crc32c(body))


def decode_header(data: bytes | memoryview) -> LogHeader | None:
    """The header at the start of `data`, or None if those bytes are not a sound header."""
    if len(data) < HEADER_BYTES:
        return None
    magic, version, dimension, fingerprint, first_seq, checksum = _HEADER.unpack_from(data)
    if magic != MAGIC or checksum != crc32c.crc32c(bytes(data[: HEADER_BYTES - 4])):
        return None
    return LogHeader(dimension, fingerprint, first_seq, version)


def encode_records(records: Sequence[Record], dimension: int) -> bytearray:
    """One append: the records back to back."""
    lengths = [record_length(r.kind, dimension) for r in records]
    data = bytearray(sum(lengths))
    view = memoryview(data)
    at = 0
    for record, length in zip(records, lengths, strict=True):
        fields = (record.kind, record.ordinal, record.seq, record.time_ms, record.image_id)
        _RECORD.pack_into(data, at, length, 0, *fields)
        if record.vector is not None:
            payload = np.ascontiguousarray(record.vector, dtype="<f2").view(np.uint8).data
            view[at + RECORD_BYTES : at + length] = payload
        struct.pack_into("<I", data, at + _CRC_AT, _checksum(view[at : at + length]))
        at += length
    return data


def decode_record(data: memoryview, at: int, dimension: int) -> Record | None:
    """The record at byte `at`, or None if there is no sound record there."""
    if at + RECORD_BYTES > len(data):
        return None
    length, checksum, kind, ordinal, seq, time_ms, image_id = _RECORD.unpack_from(data, at)
    if kind not in (Kind.PUT, Kind.DELETE) or length != record_length(Kind(kind), dimension):
        return None
    if at + length > len(data) or checksum != _checksum(data[at : at + length]):
        return None
    if ordinal > seq:
        return None
    vector = None
    if kind == Kind.PUT:
        vector = np.frombuffer(data, dtype="<f2", count=dimension, offset=at + RECORD_BYTES)
    return Record(Kind(kind), seq, ordinal, time_ms, ImageId(image_id), vector)


def find_record(data: memoryview, start: int, dimension: int) -> tuple[int, Record] | None:
    """The first sound record at or after byte `start`, at whatever alignment."""
    raw = bytes(data)
    marks = [struct.pack("<I", record_length(kind, dimension)) for kind in Kind]
    at = start
    while True:
        found = [p for p in (raw.find(mark, at) for mark in marks) if p >= 0]
        if not found:
            return None
        at = min(found)
        record = decode_record(data, at, dimension)
        if record is not None:
            return at, record
        at += 1


def _checksum(record: memoryview) -> int:
    return crc32c.crc32c(record[_CRC_END:], crc32c.crc32c(record[:_CRC_AT]))
