"""Takes from this process every file and port but those that it is given: Landlock, landlock(7).

What is open already stays open. Kernels know more of it from version to version (their ABI); what one does not know is
left out.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION = 1
_BENEATH = 1

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILES = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""From which ABI on the kernel knows which rights on files."""
_PORTS, _SCOPES = (4, 0b11), (6, 0b11)
"""Connecting and binding; sockets without a file, and signals, of processes outside."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("directory", ctypes.c_int32))


def abi() -> int:
    """What the kernel knows of it; 0 is nothing."""
    return max(0, _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION), check=False))


def restrict(readable: Iterable[str]) -> None:
    """Leave to this process, which gains no privileges, reading what is at or below these paths, and nothing else.

    A path that does not exist is left out.

    Raises:
        OSError: the kernel does not do it.
    """
    known = abi()
    rules = _Ruleset(
        sum(rights for since, rights in _FILES if known >= since),
        *(rights if known >= since else 0 for since, rights in (_PORTS, _SCOPES)),
    )
    size = 8 if known < _PORTS[0] else 16 if known < _SCOPES[0] else 24
    ruleset = _call(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in readable:
            _allow(ruleset, path)
        _call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        is_directory = stat.S_ISDIR(os.fstat(opened).st_mode)
        rule = _Beneath(_READ_FILE | (_READ_DIR if is_directory else 0), opened)
        _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(opened)


def _call(number: int, *arguments: object, check: bool = True) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    answer: int = libc.syscall(ctypes.c_long(number), *arguments)
    if check and answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return answer
