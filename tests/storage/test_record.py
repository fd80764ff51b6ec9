from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simd.storage.record import (
    HEADER_BYTES,
    RECORD_BYTES,
    Kind,
    LogHeader,
    Record,
    decode_header,
    decode_record,
    encode_header,
    encode_records,
    find_record,
)
from simd.types import ImageId

_dimension = 4


def _put(seq: int, ordinal: int = 0) -> Record:
    return Record(Kind.PUT, seq, ordinal, 5, ImageId(bytes(range(16))), np.arange(_dimension, dtype=np.float16))


def test_a_header_is_read_back() -> None:
    header = LogHeader(1280, bytes(range(32)), 77)
    data = encode_header(header)
    assert len(data) == HEADER_BYTES
    assert decode_header(data) == header


def test_a_header_with_any_byte_changed_is_refused() -> None:
    data = encode_header(LogHeader(8, bytes(32), 1))
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 1
        assert decode_header(bytes(bad)) is None
        assert decode_header(data[:at]) is None


@given(
    st.lists(st.tuples(st.booleans(), st.binary(min_size=16, max_size=16)), min_size=1, max_size=8),
    st.integers(0, 2**63),
    st.integers(0, 2**63),
)
def test_records_are_read_back(changes: list[tuple[bool, bytes]], first: int, time_ms: int) -> None:
    vector = np.linspace(-1, 1, _dimension).astype(np.float16)
    records = [
        Record(Kind.PUT, first + i, i, time_ms, ImageId(image), vector)
        if put
        else Record(Kind.DELETE, first + i, i, time_ms, ImageId(image))
        for i, (put, image) in enumerate(changes)
    ]
    data = memoryview(encode_records(records, _dimension))
    at = 0
    for record in records:
        read = decode_record(data, at, _dimension)
        assert read is not None
        assert (read.kind, read.seq, read.ordinal, read.time_ms, read.image_id) == (
            record.kind,
            record.seq,
            record.ordinal,
            record.time_ms,
            record.image_id,
        )
        assert read.append_seq == first
        assert (read.vector is None) == (record.vector is None)
        if read.vector is not None:
            assert np.array_equal(read.vector, vector)
        at += RECORD_BYTES + (2 * _dimension if record.kind is Kind.PUT else 0)
    assert at == len(data)


def test_a_record_with_any_bit_changed_or_cut_anywhere_is_refused() -> None:
    data = encode_records([_put(9)], _dimension)
    for at in range(len(data)):
        for bit in range(8):
            bad = bytearray(data)
            bad[at] ^= 1 << bit
            assert decode_record(memoryview(bad), 0, _dimension) is None
        assert decode_record(memoryview(data)[:at], 0, _dimension) is None


def test_a_length_that_cannot_be_is_refused_whatever_its_checksum() -> None:
    data = memoryview(encode_records([_put(9)], _dimension))
    assert decode_record(data, 0, _dimension + 1) is None
    assert decode_record(memoryview(bytes(200)), 0, _dimension) is None
    assert decode_record(memoryview(b"\xff" * 200), 0, _dimension) is None


def test_a_record_is_found_at_any_alignment() -> None:
    record = bytes(encode_records([_put(9)], _dimension))
    for before in (b"", b"x", b"0" * 61, record[:20]):
        found = find_record(memoryview(before + record), 0, _dimension)
        assert found is not None and found[0] == len(before) and found[1].seq == 9
    assert find_record(memoryview(record[:-1]), 0, _dimension) is None
