"""Where a change becomes durable: append-only files of records, `log/<first seq, 20 digits>.log`.

`append` is one write and one sync; what it returned from survives. When it fails nothing of that append counts: the
file is cut back to its last good byte and never written again, because after a failed sync the page cache no longer
says what the disk holds. The next append opens a new file whose first seq is the one that failed; readers take a
file's records only up to the next file's first seq, so whatever the failed append left behind is not believed even if
the cut failed too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from simd.durable import Disk
from simd.errors import StoreError
from simd.storage.record import HEADER_BYTES, LogHeader, Record, encode_header, encode_records


def log_path(directory: Path, first_seq: int) -> Path:
    """The log file that starts at `first_seq`."""
    return directory / f"{first_seq:020d}.log"


class Log:
    """The writing end. Not thread-safe: its owner holds a lock.

    Args:
        directory: where the log files are.
        disk: how they are written.
        dimension, fingerprint: what the vectors are; stamped on every file.
        next_seq: the seq of the next record.
        resume: an existing sound log file to go on with, whose last record is `next_seq - 1`.
    """

    def __init__(
        self, directory: Path, disk: Disk, dimension: int, fingerprint: bytes, next_seq: int, resume: Path | None = None
    ) -> None:
        self._directory = directory
        self._disk = disk
        self._dimension = dimension
        self._fingerprint = fingerprint
        self.next_seq = next_seq
        self._path = resume or log_path(directory, next_seq)
        self._fd: int | None = None
        self._good = 0
        if resume is None:
            self._create()
        else:
            # What recovery read may have been in the page cache only; it is about to be shown.
            disk.sync(self._open(resume), resume)

    @property
    def bytes_written(self) -> int:
        """Size of the current file."""
        return self._good

    def append(self, records: Sequence[Record]) -> None:
        """Write records numbered from `next_seq` on; durable on return.

        Raises:
            StoreFull: no room. Nothing of it counts; later appends may succeed.
            StoreError: the disk failed. Nothing of it counts.
        """
        assert [r.seq for r in records] == list(range(self.next_seq, self.next_seq + len(records)))
        data = encode_records(records, self._dimension)
        fd = self._create() if self._fd is None else self._fd
        self._disk.failpoint("log.before_write")
        try:
            self._disk.write(fd, data, self._path)
            self._disk.failpoint("log.before_sync")
            self._disk.sync(fd, self._path)
        except BaseException:
            self._abandon()
            raise
        self._good += len(data)
        self.next_seq += len(records)
        self._disk.failpoint("log.after_sync")

    def rotate(self) -> None:
        """Go on in a new file, so that the old ones can go once their records are in a segment."""
        if self._fd is not None and self._good == HEADER_BYTES:
            return
        # Were the new file's name on disk and the old one still written to, readers would stop at the new one's first
        # seq. So the old one is closed first; if creating fails, the next append creates again.
        self.close()
        self._create()

    def close(self) -> None:
        """Close the file; everything acknowledged is on disk already."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _create(self) -> int:
        path = log_path(self._directory, self.next_seq)
        header = LogHeader(self._dimension, self._fingerprint, self.next_seq)
        # Replacing gives the file its sound header and its name in one step, also over one that was abandoned.
        self._disk.replace(path, encode_header(header))
        self._disk.failpoint("log.created")
        return self._open(path)

    def _open(self, path: Path) -> int:
        fd = self._disk.open_append(path)
        self._fd, self._path, self._good = fd, path, os.fstat(fd).st_size
        return fd

    def _abandon(self) -> None:
        self.close()
        with suppress(StoreError):
            fd = self._disk.open_append(self._path)
            try:
                self._disk.truncate(fd, self._good, self._path)
            finally:
                os.close(fd)
