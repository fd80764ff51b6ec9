"""For root on another user's state directory: nothing in it may become root's, or its daemon cannot write it.

So root gives up what it is and acts as the directory's owner. One power is kept, to read and to enter whatever there is
(CAP_DAC_READ_SEARCH of capabilities(7)): systemd keeps the state of a dynamic user in a directory that only root may
enter, and the pictures may be a group's. What can be written, made or removed is what the owner may; a link in the
directory leads root nowhere.
"""

from __future__ import annotations

import ctypes
import grp
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAP_DAC_READ_SEARCH = 2
_VERSION_3 = 0x20080522
_ROOT = 0


class _Header(ctypes.Structure):
    """`struct __user_cap_header_struct` of capget(2)."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """`struct __user_cap_data_struct`: 32 capabilities; two of them hold all."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def act_as_owner(directory: Path, groups: Sequence[str] = ()) -> None:
    """As root: act as the owner of a directory from now on, in this thread and those it starts. There is no way back.

    Args:
        directory: it exists. If it is root's nothing changes, and neither if the caller is not root.
        groups: names of further groups to belong to; those that do not exist are passed over.
    """
    owner = os.stat(directory)
    if os.geteuid() != _ROOT or owner.st_uid == _ROOT:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups(list(_ids(groups)))
    os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
    os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
    header, sets = _Header(_VERSION_3, 0), (_Sets * 2)()
    libc.capget(ctypes.byref(header), sets)
    kept = sets[0].permitted & (1 << _CAP_DAC_READ_SEARCH)
    sets[0], sets[1] = _Sets(kept, kept, kept), _Sets(0, 0, 0)
    libc.capset(ctypes.byref(header), sets)
    # For children as well, such as the one that converts a model.
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0)


def foreign_files(directory: Path) -> list[Path]:
    """What is in a directory, at whatever depth, and has another owner than the directory."""
    owner = os.stat(directory).st_uid
    return sorted(Path(top, name) for top, name, _, status in _all(directory) if status.st_uid != owner)


def restore_owner(directory: Path) -> None:
    """As root: make everything in a directory its owner's. Links are not followed, and what has a second name, which
    may be anywhere, is left alone.

    Raises:
        OSError: it is not allowed.
    """
    owner = os.stat(directory)
    for _, name, parent, status in _all(directory):
        is_shared = status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode)
        if status.st_uid != owner.st_uid and not is_shared:
            os.chown(name, owner.st_uid, owner.st_gid, dir_fd=parent, follow_symlinks=False)


def _all(directory: Path) -> Iterator[tuple[str, str, int, os.stat_result]]:
    """The path of each parent, a name in it, a descriptor of the parent, and what the name is."""
    # A service's state directory may be a link itself.
    for top, directories, files, parent in os.fwalk(os.path.realpath(directory)):
        for name in (*directories, *files):
            with suppress(FileNotFoundError):
                yield top, name, parent, os.stat(name, dir_fd=parent, follow_symlinks=False)


def _ids(groups: Sequence[str]) -> Iterator[int]:
    for group in groups:
        with suppress(KeyError):
            yield int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
