"""Whether a root is there, and what a file of it looks like now.

A directory that a disk was unmounted from looks like a directory whose files were all deleted. So nothing is believed
to be gone before its root has been seen to be there and to be the same directory.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from simd.types import Root, Stamp


class RootOffline(Exception):
    """A root cannot be read now, or is not the directory it was. None of its files is to be taken for deleted.

    Args:
        path: the root.
        reason: what was found, for a person.
    """

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(f"{os.fsdecode(path)!r} {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """Which directory it is, whatever its name. The device number alone may change with a reboot."""

    device: int
    inode: int


def identify(path: bytes) -> Identity:
    """The directory at `path`.

    Raises:
        RootOffline: there is none, or it cannot be reached.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise RootOffline(path, f"cannot be reached: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise RootOffline(path, "is not a directory")
    return Identity(status.st_dev, status.st_ino)


def look(root: Root, path: bytes) -> Stamp | None:
    """The stamp of a file (links to files are followed), or None where there is no regular file.

    Args:
        root: the root, with the identity it had when it was last scanned.
        path: the file, relative to the root.

    Raises:
        RootOffline: the file is not to be seen, and neither is the root as it was.
        OSError: the file is there and cannot be looked at.
    """
    try:
        status = os.stat(os.path.join(root.path, path))
    except (FileNotFoundError, NotADirectoryError):
        found = identify(root.path)
        if root.inode and found != Identity(root.device, root.inode):
            raise RootOffline(root.path, "is another directory than before") from None
        return None
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) else None
