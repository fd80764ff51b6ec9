"""Files on their way to a decode worker: opened by the daemon, read by the worker, which opens none itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from simd.errors import ImageRejected, Reason, unreadable
from simd.types import Stamp

Opening = Callable[[bytes], int]
"""Opens the file at an absolute path for reading, or raises ImageRejected, DecoderUnavailable, FileNotFoundError or
another error that says why not. A descriptor that would wait, as of a fifo, must not."""


class FileInFlux(Exception):
    """The file was written to while it was read."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it was read: its bytes, and what it looked like before and after."""

    data: bytes
    stamp: Stamp


def open_file(path: bytes) -> int:
    """See `Opening`."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError("the file is gone") from error
    except OSError as error:
        raise unreadable(error) from error


def read_file(fd: int, check: Callable[[int, bytes], None], start_bytes: int) -> Content:
    """Read an open regular file whole.

    Args:
        fd: is left open.
        check: is called with the file's bytes and its first `start_bytes` before the rest is read; may refuse it.
        start_bytes: as above.

    Raises:
        ImageRejected: it cannot be read, is no regular file, or was refused.
        DecoderUnavailable: there is too little memory.
        FileInFlux: it changed meanwhile.
    """
    try:
        return _read(fd, check, start_bytes)
    except OSError as error:
        raise unreadable(error) from error


def _read(fd: int, check: Callable[[int, bytes], None], start_bytes: int) -> Content:
    status = os.fstat(fd)
    stamp = Stamp.of(status)
    if not stat.S_ISREG(status.st_mode):
        raise ImageRejected(Reason.UNREADABLE, "the path is not a regular file")
    check(status.st_size, os.pread(fd, start_bytes, 0) if status.st_size else b"")
    chunks: list[bytes] = []
    at = 0
    while at < status.st_size and (chunk := os.pread(fd, status.st_size - at, at)):
        chunks.append(chunk)
        at += len(chunk)
    if at < status.st_size or Stamp.of(os.fstat(fd)) != stamp:
        raise FileInFlux
    return Content(chunks[0] if len(chunks) == 1 else b"".join(chunks), stamp)
