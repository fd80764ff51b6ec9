"""Whether a root is there, and what a file of it looks like now.

A directory that a disk was unmounted from looks like a directory whose files were all deleted. So nothing is believed
to be gone before its root has been seen to be there and to be the same directory.
"""

from __future__ import annotations

import os
import stat

from simd.types import Identity, Root, Stamp
from simd.watch.filesystems import volume_of
from simd.watch.ignore import Ignore


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
    return Identity(status.st_dev, status.st_ino, volume_of(path))


def linked_directory(top: bytes, path: bytes) -> bytes | None:
    """The first directory between a root and what is below it that is a symbolic link, so that no scan enters it.

    Args:
        top: the root; the way to it may be a link.
        path: relative to the root; it may itself be a link, and need not be there.
    """
    *above, _ = path.split(b"/")
    for depth in range(1, len(above) + 1):
        directory = b"/".join(above[:depth])
        if os.path.islink(os.path.join(top, directory)):
            return directory
    return None


def look(root: Root, path: bytes, ignore: Ignore) -> Stamp | None:
    """The stamp of a file (links to files are followed), or None where there is none that a scan would find.

    Args:
        root: the root, with the identity it had when it was last scanned.
        path: the file, relative to the root.
        ignore: what is passed over.

    Raises:
        RootOffline: the root is not to be seen, or is not what it was.
        RulesUnread: it cannot be told whether the file is passed over.
        OSError: the file is there and cannot be looked at.
    """
    # What is in another directory than the root was is not for a single file to judge: it may be of another disk.
    found = identify(root.path)
    if root.identity is not None and not root.identity.is_same(found):
        raise RootOffline(root.path, "is another directory than before")
    try:
        status = os.stat(os.path.join(root.path, path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode) or linked_directory(root.path, path) is not None:
        return None
    if ignore.verdict(root.path, path) is not None:
        return None
    return Stamp.of(status)
