"""A directory tree as a stream of its files, in byte order of their relative paths.

The order is that of the whole paths, as a database compares them: a directory sorts as `name/`, so that `a-b`, `a/b`
and `a0` come in this order. Memory holds the names of the directories on the way down and no more.

Symbolic links to files are files; those to directories are never followed, so a walk cannot loop. Filesystems mounted
below are walked.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from simd.types import Stamp
from simd.watch.ignore import Ignore

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True, slots=True)
class Seen:
    """A regular file."""

    path: bytes
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Unread:
    """A file, or with a slash at its end a directory, that is there and cannot be read: nothing of it is gone."""

    path: bytes
    why: str

    @classmethod
    def of(cls, path: bytes, error: OSError) -> Unread:
        """What the operating system says about a path."""
        return cls(path, error.strerror or str(error))


def walk(top: bytes, under: bytes, ignore: Ignore) -> Iterator[Seen | Unread]:
    """The files at or below `top/under`; paths are relative to `top`.

    What vanishes while the walk is under way is not there. Anything else that goes wrong is an `Unread` in its place.
    """
    if not under:
        yield from _descend(top, b"", ignore)
        return
    try:
        status = os.lstat(os.path.join(top, under))
    except OSError as error:
        if error.errno not in _GONE:
            yield Unread.of(under, error)
            yield Unread.of(under + b"/", error)
        return
    if stat.S_ISDIR(status.st_mode):
        if not ignore.skips_path(under, is_dir=True):
            yield from _descend(top, under + b"/", ignore)
    elif not ignore.skips_path(under) and (found := _file(top, under)) is not None:
        yield found


def directories(top: bytes, ignore: Ignore) -> Iterator[bytes]:
    """A directory and those below it, parents first; those that are ignored or cannot be read hold none."""
    stack = [top]
    while stack:
        path = stack.pop()
        yield path
        try:
            with os.scandir(path) as entries:
                stack += [e.path for e in entries if e.is_dir(follow_symlinks=False) and not ignore.skips(e.name, True)]
        except OSError:
            continue


def _descend(top: bytes, start: bytes, ignore: Ignore) -> Iterator[Seen | Unread]:
    """The files below `start`, which is b"" or ends with a slash."""
    stack = [iter([start])]
    while stack:
        path = next(stack[-1], None)
        if path is None:
            stack.pop()
        elif path and not path.endswith(b"/"):
            found = _file(top, path)
            if found is not None:
                yield found
        else:
            try:
                stack.append(iter(_entries(top, path, ignore)))
            except OSError as error:
                if error.errno not in _GONE or not path:
                    yield Unread.of(path, error)


def _entries(top: bytes, path: bytes, ignore: Ignore) -> list[bytes]:
    """What a directory holds, in order: files by their path, directories by theirs and a slash."""
    found = []
    with os.scandir(os.path.join(top, path)) as entries:
        for entry in entries:
            is_dir = entry.is_dir(follow_symlinks=False)
            if not ignore.skips(entry.name, is_dir):
                found.append(path + entry.name + b"/" if is_dir else path + entry.name)
    found.sort()
    return found


def _file(top: bytes, path: bytes) -> Seen | Unread | None:
    """A file, or None where there is none: gone, a link to nothing or to a directory, a pipe, a device."""
    try:
        status = os.stat(os.path.join(top, path))
    except OSError as error:
        return None if error.errno in _GONE else Unread.of(path, error)
    return Seen(path, Stamp.of(status)) if stat.S_ISREG(status.st_mode) else None
