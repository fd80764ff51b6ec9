from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simd.durable import Disk
from simd.errors import CorruptStore, ModelMismatch, StoreError, StoreFull, StoreVersion
from simd.storage.log import Log, log_path
from simd.storage.log_reader import LogFile, read_logs
from simd.storage.record import (
    HEADER_BYTES,
    Kind,
    LogHeader,
    Record,
    encode_header,
    record_length,
)
from simd.types import image_id_of
from tests.disks import FullDisk, UnsyncableDisk
from tests.stores import FINGERPRINT

# A record is longer than a sector, so that a page can be missing from the middle of one.
DIM = 512
PUT = record_length(Kind.PUT, DIM)


def append(log: Log, count: int) -> list[int]:
    first = log.next_seq
    vectors = np.random.default_rng(first).normal(size=(count, DIM)).astype(np.float16)
    log.append([Record(Kind.PUT, first + i, i, 0, image_id_of(b"%d" % (first + i)), vectors[i]) for i in range(count)])
    return list(range(first, first + count))


def new_log(directory: Path, disk: Disk | None = None) -> Log:
    return Log(directory, disk or Disk(), DIM, FINGERPRINT, 1)


def read(directory: Path, checkpoint: int = 0) -> list[LogFile]:
    return read_logs(directory, checkpoint, DIM, FINGERPRINT)


def seqs(files: list[LogFile]) -> list[int]:
    return [record.seq for file in files for record in file.records]


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(data)


def test_what_was_appended_is_read_back_over_several_files(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    expected = append(log, 3)
    log.rotate()
    expected += append(log, 1) + append(log, 2)
    log.close()
    files = read(tmp_path)
    assert seqs(files) == expected
    assert [file.first_seq for file in files] == [1, 4]
    assert not any(file.torn for file in files)


def test_rotating_an_empty_file_keeps_it(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    log.rotate()
    append(log, 1)
    log.close()
    assert len(read(tmp_path)) == 1


def test_files_before_the_checkpoint_are_not_read(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    append(log, 2)
    log.rotate()
    expected = append(log, 1)
    log.close()
    overwrite(log_path(tmp_path, 1), HEADER_BYTES + 60, b"damage")
    files = read(tmp_path, checkpoint=2)
    assert [file.obsolete for file in files] == [True, False]
    assert seqs(files) == expected


def test_the_last_record_cut_at_any_byte_is_torn(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    kept = append(log, 2)
    good = log.bytes_written
    append(log, 1)
    log.close()
    path = log_path(tmp_path, 1)
    whole = path.read_bytes()
    for size in range(good + 1, len(whole)):
        path.write_bytes(whole[:size])
        (file,) = read(tmp_path)
        assert file.torn and file.good_bytes == good and seqs([file]) == kept


@pytest.mark.parametrize("tail", [b"\0" * 5, b"\0" * 5000, b"garbage" * 200], ids=["zeros", "many zeros", "garbage"])
def test_a_tail_that_is_no_record_is_torn(tmp_path: Path, tail: bytes) -> None:
    log = new_log(tmp_path)
    kept = append(log, 2)
    log.close()
    with log_path(tmp_path, 1).open("ab") as stream:
        stream.write(tail)
    (file,) = read(tmp_path)
    assert file.torn and seqs([file]) == kept


def test_a_bad_record_before_a_later_append_is_damage(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    append(log, 1)
    append(log, 1)
    log.close()
    path = log_path(tmp_path, 1)
    whole = path.read_bytes()
    for at in range(HEADER_BYTES, HEADER_BYTES + PUT):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(CorruptStore, match=f"damaged at byte {HEADER_BYTES}:"):
            read(tmp_path)
    # Even a page of zeros: the later append proves that this one had been acknowledged.
    path.write_bytes(whole)
    overwrite(path, HEADER_BYTES, bytes(PUT))
    with pytest.raises(CorruptStore):
        read(tmp_path)


def test_pages_missing_from_the_middle_of_the_last_append_are_torn(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    kept = append(log, 1)
    good = log.bytes_written
    append(log, 5)
    log.close()
    path = log_path(tmp_path, 1)
    hole = (good // 512 + 2) * 512
    overwrite(path, hole, bytes(512))
    (file,) = read(tmp_path)
    assert file.torn and seqs([file]) == kept and file.good_bytes == good


def test_a_changed_bit_in_the_middle_of_the_last_append_is_damage(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    append(log, 5)
    log.close()
    path = log_path(tmp_path, 1)
    at = HEADER_BYTES + 2 * PUT + 300
    overwrite(path, at, bytes([path.read_bytes()[at] ^ 1]))
    with pytest.raises(CorruptStore, match=f"damaged at byte {HEADER_BYTES + 2 * PUT}:"):
        read(tmp_path)


def test_a_fault_in_a_file_that_is_not_the_last_is_damage(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    append(log, 2)
    log.rotate()
    append(log, 1)
    log.close()
    path = log_path(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptStore, match="goes on to 3 in the next file"):
        read(tmp_path)


def test_a_missing_file_is_damage(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    for _ in range(3):
        append(log, 2)
        log.rotate()
    log.close()
    log_path(tmp_path, 3).unlink()
    with pytest.raises(CorruptStore):
        read(tmp_path)
    log_path(tmp_path, 1).unlink()
    with pytest.raises(CorruptStore, match="missing"):
        read(tmp_path)
    for path in tmp_path.glob("*.log"):
        path.unlink()
    with pytest.raises(CorruptStore, match="no log file"):
        read(tmp_path)


def test_a_log_that_ends_before_the_checkpoint_is_damage(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    append(log, 2)
    log.close()
    with pytest.raises(CorruptStore, match="before the checkpoint 5"):
        read(tmp_path, checkpoint=5)


def test_another_model_or_version_is_refused_by_name(tmp_path: Path) -> None:
    new_log(tmp_path).close()
    with pytest.raises(ModelMismatch):
        read_logs(tmp_path, 0, DIM, bytes(32))
    with pytest.raises(ModelMismatch):
        read_logs(tmp_path, 0, DIM + 1, FINGERPRINT)
    log_path(tmp_path, 1).write_bytes(encode_header(LogHeader(DIM, FINGERPRINT, 1, version=2)))
    with pytest.raises(StoreVersion, match="format 2"):
        read(tmp_path)
    log_path(tmp_path, 1).write_bytes(encode_header(LogHeader(DIM, FINGERPRINT, 2)))
    with pytest.raises(CorruptStore, match="named otherwise"):
        read(tmp_path)


def test_a_full_disk_costs_that_append_only(tmp_path: Path) -> None:
    disk = FullDisk(HEADER_BYTES + 2 * PUT + 100)
    log = new_log(tmp_path, disk)
    kept = append(log, 2)
    with pytest.raises(StoreFull):
        append(log, 3)
    with pytest.raises(StoreFull):
        append(log, 1)
    disk.room = 1 << 20
    kept += append(log, 2)
    log.close()
    assert seqs(read(tmp_path)) == kept == [1, 2, 3, 4]


@pytest.mark.parametrize("stuck", [False, True], ids=["cut back", "cannot be cut back"])
@pytest.mark.parametrize("before", [0, 2])
def test_after_a_failed_sync_nothing_of_that_append_is_believed(tmp_path: Path, stuck: bool, before: int) -> None:
    disk = UnsyncableDisk()
    log = new_log(tmp_path, disk)
    kept = append(log, before) if before else []
    disk.failures, disk.stuck = 1, stuck
    with pytest.raises(StoreError):
        log.append([Record(Kind.DELETE, before + 1, 0, 0, image_id_of(b"never"))])
    disk.stuck = False
    kept += append(log, 2)
    log.close()
    files = read(tmp_path)
    assert seqs(files) == kept
    assert all(record.kind is Kind.PUT for file in files for record in file.records)


def test_a_resumed_file_goes_on_where_it_was(tmp_path: Path) -> None:
    log = new_log(tmp_path)
    kept = append(log, 2)
    log.close()
    again = Log(tmp_path, Disk(), DIM, FINGERPRINT, 3, resume=log_path(tmp_path, 1))
    kept += append(again, 2)
    again.close()
    assert seqs(read(tmp_path)) == kept
