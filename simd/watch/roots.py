"""Whether a root is there, and what is at a path of it now.

A directory that a disk was unmounted from looks like a directory whose files were all deleted. So nothing is believed
to be gone before its root has been seen to be there and to be the same directory.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from simd.types import Identity, PathState, Root, Stamp
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


def may(path: bytes, mode: int) -> bool:
    """Whether this process may use a path so."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


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


@dataclass(frozen=True, slots=True)
class NoFile:
    """What is at a path in the place of a file that a scan would find; `detail` is for a person."""

    state: PathState
    detail: str


def found_at(top: bytes, path: bytes, ignore: Ignore) -> Stamp | NoFile:
    """The stamp of the file that a scan would find at a path (links to files are followed), or what is there instead.

    Args:
        top: the root; the way to it may be a link.
        path: relative to the root; b"" is the root itself.
        ignore: what is passed over.

    Raises:
        RulesUnread: it cannot be told whether it is passed over.
        OSError: it is there and cannot be looked at.
    """
    linked = linked_directory(top, path)
    if linked is None:
        full = os.path.join(top, path)
        try:
            status = os.lstat(full)
            if stat.S_ISLNK(status.st_mode):
                status = os.stat(full)
                linked = path if stat.S_ISDIR(status.st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            return NoFile(PathState.NOT_THERE, "there is no such file")
    if linked is not None:
        return NoFile(
            PathState.LINKED_DIRECTORY, f"{os.fsdecode(linked)!r} is a link to a folder; those are not followed"
        )
    is_dir = stat.S_ISDIR(status.st_mode)
    verdict = ignore.verdict(top, path, is_dir) if path else None
    if verdict is not None:
        what = "" if verdict.path.rstrip(b"/") == path else f"{os.fsdecode(verdict.path)!r} is passed over: "
        return NoFile(PathState.IGNORED, f"{what}{verdict.rule}")
    if is_dir:
        return NoFile(PathState.DIRECTORY, "a folder is not indexed, but the files in it are")
    if not stat.S_ISREG(status.st_mode):
        return NoFile(PathState.NOT_A_FILE, "it is a device, a pipe or a socket")
    return Stamp.of(status)


def look(root: Root, path: bytes, ignore: Ignore) -> Stamp | None:
    """The stamp of the file that a scan would find at a path, or None where there is none.

    Args:
        root: the root, with the identity it had when it was last scanned.

    Raises:
        RootOffline: the root is not to be seen, or is not what it was.
        RulesUnread, OSError: as `found_at`.
    """
    # What is in another directory than the root was is not for a single file to judge: it may be of another disk.
    found = identify(root.path)
    if root.identity is not None and not root.identity.is_same(found):
        raise RootOffline(root.path, "is another directory than before")
    at = found_at(root.path, path, ignore)
    return at if isinstance(at, Stamp) else None
