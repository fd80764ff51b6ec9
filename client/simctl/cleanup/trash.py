"""The trash of the desktop, as freedesktop.org's specification has it, version 1.0.

Where a file will be is known before it is moved, because the undo log must name the place first.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from simctl.cleanup.disk import Disk
from simctl.cleanup.stamp import Unfit

_INFO = b".trashinfo"
_LONGEST_NAME = 255
"""Bytes that a name may have."""
_LONGEST_ENDING = 32
"""Bytes after the last dot of a name that are kept where a name must be cut."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a trash that is free.

    Args:
        path: where the file goes.
        info: the path of what says where it came from.
        text: what `info` holds.
    """

    path: str
    info: str
    text: str


class Trash:
    """Finds places for files. Those of the filesystem of the home trash go there, others to the trash of their own.

    Args:
        disk: makes the trash where there is none yet.
        environ: for XDG_DATA_HOME.
        uid: the user's number.
        device_of: the number of the filesystem of a path that is there.
    """

    def __init__(
        self,
        disk: Disk,
        environ: Mapping[str, str],
        uid: int,
        device_of: Callable[[str], int] = lambda path: os.stat(path).st_dev,
    ) -> None:
        self._disk = disk
        data = environ.get("XDG_DATA_HOME", "")
        self._home = os.path.join(data if data.startswith("/") else os.path.expanduser("~/.local/share"), "Trash")
        self._uid = uid
        self._device_of = device_of
        self._numbers: dict[tuple[str, bytes], int] = {}

    def place(self, path: str) -> Place:
        """A place for the file at `path`; its folders are there afterwards.

        Raises:
            Unfit: its filesystem has no trash, and none can be made; the message says what else can be done.
        """
        trash, top = self._trash(path)
        try:
            for folder in (trash, os.path.join(trash, "files"), os.path.join(trash, "info")):
                self._make(folder)
        except OSError as error:
            raise Unfit(
                f"there is no trash for {path}, and {trash} cannot be made: {error.strerror}; use --move DIR"
            ) from error
        name = self._free(trash, os.fsencode(os.path.basename(path)))
        origin = path if top is None else os.path.relpath(_real(path), top)
        text = (
            f"[Trash Info]\nPath={quote_from_bytes(os.fsencode(origin))}\n"
            f"DeletionDate={time.strftime('%Y-%m-%dT%H:%M:%S')}\n"
        )
        info = os.path.join(trash, "info", os.fsdecode(name + _INFO))
        return Place(os.path.join(trash, "files", os.fsdecode(name)), info, text)

    def _trash(self, path: str) -> tuple[str, str | None]:
        """The folder of the trash, and the top of the filesystem if it is not the home trash."""
        folder = os.path.dirname(path)
        device = self._device_of(folder)
        if device == self._device_of(_there(self._home)):
            return self._home, None
        top = self._top(folder, device)
        common = os.path.join(top, ".Trash")
        if _is_common(common):
            return os.path.join(common, str(self._uid)), top
        own = os.path.join(top, f".Trash-{self._uid}")
        if os.path.lexists(own) and not self._is_mine(own):
            raise Unfit(f"{own} is another user's, or no folder, so it is no trash for {path}; use --move DIR")
        return own, top

    def _top(self, folder: str, device: int) -> str:
        """The uppermost folder of a filesystem above `folder`."""
        folder = os.path.realpath(folder)
        while folder != "/" and self._device_of(os.path.dirname(folder)) == device:
            folder = os.path.dirname(folder)
        return folder

    def _is_mine(self, folder: str) -> bool:
        found = os.lstat(folder)
        return stat.S_ISDIR(found.st_mode) and found.st_uid == self._uid

    def _make(self, folder: str) -> None:
        if not os.path.isdir(folder):
            parent = os.path.dirname(folder)
            if not os.path.isdir(parent):
                self._make(parent)
            self._disk.make_dir(folder, 0o700)

    def _free(self, trash: str, name: bytes) -> bytes:
        """A name that the trash does not have."""
        stem, ending = os.path.splitext(name)
        if len(ending) > _LONGEST_ENDING:
            stem, ending = name, b""
        number = self._numbers.get((trash, name), 0)
        while True:
            number += 1
            tail = (b"" if number == 1 else b" %d" % number) + ending
            found = stem[: _LONGEST_NAME - len(_INFO) - len(tail)] + tail
            paths = (os.path.join(os.fsencode(trash), b"files", found), self._info(trash, found))
            if not any(map(os.path.lexists, paths)):
                self._numbers[trash, name] = number
                return found

    def _info(self, trash: str, name: bytes) -> bytes:
        return os.path.join(os.fsencode(trash), b"info", name + _INFO)


def _real(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _there(path: str) -> str:
    """The path, or the lowest folder above it that is there."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _is_common(path: str) -> bool:
    """Whether it is a trash that all users of a filesystem share: with the sticky bit, and no link."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_ISVTX)
