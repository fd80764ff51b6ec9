"""What a file is: the facts by which it is known again before it is touched. No symlink is ever followed."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass

_CHUNK = 1 << 20


class Unfit(Exception):
    """A file is not what it should be; the message says which, and how."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A regular file.

    Args:
        size: in bytes.
        mtime_ns: the time of its last change, in nanoseconds.
        digest: BLAKE2b-128 of its bytes, 32 hex digits: the image_id where it is a picture.
        mode: its permissions.
        inode: its number on its filesystem.
        device: the filesystem.
        uid: its owner.
        gid: its group.
    """

    size: int
    mtime_ns: int
    digest: str
    mode: int
    inode: int
    device: int
    uid: int
    gid: int


def look(path: str) -> os.stat_result:
    """What the disk says of a file.

    Raises:
        Unfit: it is gone, a link, no regular file, or may not be looked at.
    """
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Unfit(f"{path} is gone") from None
    except OSError as error:
        raise Unfit(f"{path} cannot be looked at: {error.strerror}") from error
    if stat.S_ISLNK(found.st_mode):
        raise Unfit(f"{path} is a link now")
    if not stat.S_ISREG(found.st_mode):
        raise Unfit(f"{path} is no regular file now")
    return found


def stamp_of(path: str) -> Stamp:
    """The stamp of a file, all of which is read.

    Raises:
        Unfit: it is gone, a link, no regular file, cannot be read, or is being written.
    """
    before = look(path)
    digest = digest_of(path)
    after = look(path)
    if _facts(before) != _facts(after):
        raise Unfit(f"{path} is being changed")
    return Stamp(
        after.st_size,
        after.st_mtime_ns,
        digest,
        stat.S_IMODE(after.st_mode),
        after.st_ino,
        after.st_dev,
        after.st_uid,
        after.st_gid,
    )


def digest_of(path: str) -> str:
    """BLAKE2b-128 of a file's bytes, 32 hex digits.

    Raises:
        Unfit: it is gone, a link, or cannot be read.
    """
    made = hashlib.blake2b(digest_size=16)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise Unfit(f"{path} is gone") from None
    except OSError as error:
        raise Unfit(f"{path} cannot be read: {error.strerror}") from error
    try:
        while data := os.read(fd, _CHUNK):
            made.update(data)
    except OSError as error:
        raise Unfit(f"{path} cannot be read: {error.strerror}") from error
    finally:
        os.close(fd)
    return made.hexdigest()


def expected(path: str, *, size: int, mtime_ns: int, digest: str) -> Stamp:
    """The stamp of a file that must be as it was.

    Raises:
        Unfit: it is not; the message says in what.
    """
    found = look(path)
    if found.st_size != size:
        raise Unfit(f"{path} has {found.st_size:,} bytes now, and had {size:,}")
    if found.st_mtime_ns != mtime_ns:
        raise Unfit(f"{path} was changed since the plan was made: its time of last change is another one")
    stamp = stamp_of(path)
    if stamp.digest != digest:
        raise Unfit(f"{path} has other bytes now, though its size and time are the same")
    return stamp


def is_unchanged(path: str, stamp: Stamp) -> bool:
    """Whether the file is still the one of the stamp, by what the disk says of it without reading it."""
    try:
        found = look(path)
    except Unfit:
        return False
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) == (
        stamp.device, stamp.inode, stamp.size, stamp.mtime_ns,
    )  # fmt: skip


def holds(path: str, stamp: Stamp) -> bool:
    """Whether there is a regular file at `path` with the bytes of the stamp."""
    try:
        return look(path).st_size == stamp.size and digest_of(path) == stamp.digest
    except Unfit:
        return False


def _facts(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns
