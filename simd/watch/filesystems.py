"""Which filesystem a path is on, and whether its events can be relied upon.

A network filesystem reports only what this machine does to it. An overlay reports what is done through it and not what
is done to the layers below, so its events are worth having and not enough.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

Mode = Literal["events", "polling"]

_DEAF = frozenset(
    {
        b"9p", b"afs", b"ceph", b"cifs", b"coda", b"drvfs", b"gfs2", b"gpfs", b"lustre", b"ncpfs", b"nfs", b"nfs4",
        b"ocfs2", b"smb3", b"smbfs", b"vboxsf", b"virtiofs", b"vmhgfs",
    }
)  # fmt: skip
_HALF_DEAF = frozenset({b"overlay", b"aufs", b"fuse.fuse-overlayfs"})


def filesystem_of(path: bytes, mounts: Path = Path("/proc/self/mountinfo")) -> bytes:
    """The type of the filesystem that holds `path`, as the kernel names it; b"" if it cannot be told.

    Args:
        path: an absolute path; it need not exist.
        mounts: the kernel's list of mounts.
    """
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return b""
    path = os.path.realpath(path)
    best, kind = b"", b""
    for line in lines:
        left, _, right = line.partition(b" - ")
        fields = left.split(b" ")
        if len(fields) < 5 or not right:
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), fields[4])
        # Of two mounts at one point the later one hides the other.
        if len(point) >= len(best) and (path == point or path.startswith(point.rstrip(b"/") + b"/")):
            best, kind = point, right.split(b" ")[0]
    return kind


def sends_events(kind: bytes) -> bool:
    """Whether changes made through this mount are reported at all."""
    return kind in _HALF_DEAF or (kind not in _DEAF and not kind.startswith(b"fuse."))


def mode_of(path: bytes, mounts: Path = Path("/proc/self/mountinfo")) -> Mode:
    """How a directory has to be watched: by its events, or by scanning it at a short period."""
    kind = filesystem_of(path, mounts)
    return "events" if sends_events(kind) and kind not in _HALF_DEAF else "polling"
