"""Disks that fail: at a named point, when full, on sync, or by forgetting what was never synced."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from simd.durable import Buffer, Disk, translated


class Crash(BaseException):
    """The process ends here. Not an `Exception`, so that nothing tidies up after it by mistake."""


def crash() -> None:
    raise Crash


class UnsyncedDisk(Disk):
    """Syncs nothing: a process may die on it, the machine may not. Several times faster."""

    def sync(self, fd: int, path: Path) -> None:
        os.fstat(fd)

    def sync_dir(self, path: Path) -> None:
        os.stat(path)


class CrashingDisk(UnsyncedDisk):
    """Runs `action` the `nth` time that failpoint `name` is passed, and counts all of them."""

    def __init__(self, name: str = "", nth: int = 1, action: Callable[[], None] = crash) -> None:
        super().__init__()
        self.passed: Counter[str] = Counter()
        self._name, self._nth, self._action = name, nth, action

    def failpoint(self, name: str) -> None:
        self.passed[name] += 1
        if name == self._name and self.passed[name] == self._nth:
            self._action()


class FullDisk(Disk):
    """Takes `room` bytes in all, then has no space until more is given."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def free(self, path: Path) -> int:
        return self.room

    def write(self, fd: int, data: Buffer, path: Path) -> None:
        view = memoryview(data).cast("B")
        fits = min(self.room, len(view))
        super().write(fd, view[:fits], path)
        self.room -= fits
        if fits < len(view):
            with translated(path):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class UnsyncableDisk(Disk):
    """Fails the next `failures` syncs of data; `stuck` also fails cutting files back."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0
        self.stuck = False

    def sync(self, fd: int, path: Path) -> None:
        if self.failures > 0:
            self.failures -= 1
            with translated(path):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync(fd, path)

    def truncate(self, fd: int, size: int, path: Path) -> None:
        if self.stuck:
            with translated(path):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().truncate(fd, size, path)


class LossyDisk(CrashingDisk):
    """Remembers what was synced. `power_cut` writes what is left of a directory without the rest."""

    def __init__(self, name: str = "", nth: int = 1) -> None:
        super().__init__(name, nth)
        self._data: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._directories: set[int] = set()
        # Open descriptors keep the numbers of removed inodes from being given out again.
        self._pins: dict[int, int] = {}

    def sync(self, fd: int, path: Path) -> None:
        super().sync(fd, path)
        self._data[self._pin(path)] = path.read_bytes()

    def sync_dir(self, path: Path) -> None:
        super().sync_dir(path)
        self._names[self._pin(path)] = {child.name: self._pin(child) for child in path.iterdir()}

    def power_cut(self, directory: Path, target: Path, *, keep_names: bool = False) -> None:
        """Write to `target` what a power cut leaves: synced data under synced names, or under all names."""
        target.mkdir()
        names = self._names.get(os.stat(directory).st_ino, {})
        if keep_names:
            names = {child.name: os.stat(child).st_ino for child in directory.iterdir()}
        self._restore(names, target, directory if keep_names else None)

    def release(self) -> None:
        for fd in self._pins.values():
            os.close(fd)
        self._pins.clear()

    def _restore(self, names: dict[str, int], target: Path, current: Path | None) -> None:
        for name, inode in names.items():
            now = current / name if current else None
            if inode in self._directories or (now is not None and now.is_dir()):
                (target / name).mkdir()
                children = self._names.get(inode, {})
                if now is not None:
                    children = {child.name: os.stat(child).st_ino for child in now.iterdir()}
                self._restore(children, target / name, now)
            elif not name.startswith("lock"):
                (target / name).write_bytes(self._data.get(inode, b""))

    def _pin(self, path: Path) -> int:
        inode = os.stat(path).st_ino
        if inode not in self._pins:
            self._pins[inode] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if path.is_dir():
                self._directories.add(inode)
        return inode
