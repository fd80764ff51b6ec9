"""Which filesystem a path is on, and whether its events can be relied upon.

A network filesystem reports only what this machine does to it. An overlay reports what is done through it and not what
is done to the layers below, so its events are worth having and not enough.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_GET_UUID, _GET_FAT_ID = 0x80111500, 0x80047213
"""FS_IOC_GETFSUUID (Linux 6.9) and FAT_IOCTL_GET_VOLUME_ID, of the kernel's linux/fs.h and linux/msdos_fs.h."""

Mode = Literal["events", "polling"]

_DEAF = frozenset(
    {
        b"9p", b"afs", b"ceph", b"cifs", b"coda", b"drvfs", b"gfs2", b"gpfs", b"lustre", b"ncpfs", b"nfs", b"nfs4",
        b"ocfs2", b"smb3", b"smbfs", b"vboxsf", b"virtiofs", b"vmhgfs",
    }
)  # fmt: skip
_HALF_DEAF = frozenset({b"overlay", b"aufs", b"fuse.fuse-overlayfs"})


MOUNTS = Path("/proc/self/mountinfo")
"""The kernel's list of mounts."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A filesystem at a place of the tree: `kind` as the kernel names it, `number` what tells it from one that was
    there before."""

    point: bytes
    kind: bytes
    number: bytes


def mounts_at(path: bytes, mounts: Path = MOUNTS) -> list[Mount]:
    """The mount that holds a path, first, and those below it; none if that cannot be told.

    Args:
        path: an absolute path; it need not exist.
        mounts: the kernel's list of mounts.
    """
    path = os.path.realpath(path)
    holding: Mount | None = None
    below: dict[bytes, Mount] = {}
    for mount in _listed(mounts):
        # Of two mounts at one point the later one hides the other.
        if _is_in(path, mount.point):
            if holding is None or len(mount.point) >= len(holding.point):
                holding = mount
        elif _is_in(mount.point, path):
            below[mount.point] = mount
    return [holding, *below.values()] if holding is not None else []


class MountChanges:
    """Waits until something is mounted or unmounted, as poll(2) tells of the kernel's list (proc_pid_mountinfo(5)), or
    until somebody wakes it. One thread waits, any may wake, also after `close`.

    Args:
        mounts: the kernel's list; of any other file no change is noticed.
    """

    def __init__(self, mounts: Path = MOUNTS) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._mounts = -1
        self._poll = select.poll()
        self._poll.register(self._woken, select.POLLIN)
        if mounts == MOUNTS:
            with suppress(OSError):
                self._mounts = os.open(mounts, os.O_RDONLY | os.O_CLOEXEC)
                self._poll.register(self._mounts, select.POLLPRI)

    def wait(self, seconds: float) -> None:
        """Return when something changes, somebody wakes it, or so many seconds are over."""
        self._poll.poll(seconds * 1000)
        with suppress(BlockingIOError):
            os.read(self._woken, 64)

    def wake(self) -> None:
        """End the wait."""
        with self._lock, suppress(BlockingIOError):
            if not self._closed:
                os.write(self._wake, b"!")

    def close(self) -> None:
        """Give the descriptors back; nobody waits any more. It may be called again."""
        with self._lock:
            closed, self._closed = self._closed, True
        for descriptor in (self._woken, self._wake, self._mounts):
            if descriptor >= 0 and not closed:
                os.close(descriptor)


def _listed(mounts: Path) -> Iterator[Mount]:
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        left, _, right = line.partition(b" - ")
        fields = left.split(b" ")
        if len(fields) < 5 or not right:
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), fields[4])
        yield Mount(point, right.split(b" ")[0], b" ".join((fields[0], *fields[2:4])))


def _is_in(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def filesystem_of(path: bytes, mounts: Path = MOUNTS) -> bytes:
    """The type of the filesystem that holds `path`, as the kernel names it; b"" if it cannot be told."""
    held = mounts_at(path, mounts)
    return held[0].kind if held else b""


def volume_of(path: bytes) -> str:
    """What the filesystem that holds a directory calls itself: its UUID, or else the number that statvfs(3) gives.

    Two memory cards in one reader have the same device and inode numbers, and differ in this. "" where it cannot be
    told.
    """
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        # A UUID comes with its length before it.
        name = _asked(directory, _GET_UUID, 17)[1:] or _asked(directory, _GET_FAT_ID, 4)
        return name.hex() if any(name) else f"{os.fstatvfs(directory).f_fsid:x}"
    except OSError:
        return ""
    finally:
        os.close(directory)


def _asked(directory: int, request: int, length: int) -> bytes:
    """What the filesystem of an open directory answers; b"" if it does not know the question."""
    answer = bytearray(length)
    try:
        fcntl.ioctl(directory, request, answer)
    except OSError:
        return b""
    return bytes(answer)


def sends_events(kind: bytes) -> bool:
    """Whether changes made through this mount are reported at all."""
    return kind in _HALF_DEAF or (kind not in _DEAF and not kind.startswith(b"fuse."))


def tells_all(kind: bytes) -> bool:
    """Whether events alone are enough to know what happens on this filesystem."""
    return sends_events(kind) and kind not in _HALF_DEAF


def mode_of(path: bytes, mounts: Path = MOUNTS) -> Mode:
    """How a directory has to be watched: by its events, or by scanning it at a short period."""
    return "events" if tells_all(filesystem_of(path, mounts)) else "polling"
