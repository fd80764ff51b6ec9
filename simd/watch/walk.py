"""A directory tree as a stream of its files, in byte order of their relative paths.

The order is that of the whole paths, as a database compares them: a directory sorts as `name/`, so that `a-b`, `a/b`
and `a0` come in this order. Memory holds the names of the directories on the way down and no more.

Symbolic links to files are files; those to directories are never followed, so a walk cannot loop. Filesystems mounted
below are walked. A directory that is passed over is not entered; one whose rules cannot be read is not either.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from simd.types import PathState, Stamp
from simd.watch.ignore import Ignore
from simd.watch.roots import found_at
from simd.watch.rules import RULES_FILE, RulesUnread, Scope

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
    def of(cls, path: bytes, error: OSError | RulesUnread) -> Unread:
        """What the operating system says about a path, or what is wrong with the rules of a directory."""
        if isinstance(error, RulesUnread):
            return cls(path, f"{os.fsdecode(RULES_FILE)} {error.reason}")
        return cls(path, error.strerror or str(error))


@dataclass(frozen=True, slots=True)
class Flaw:
    """A line of a directory's rules that matches nothing; the others hold. `path` is the directory, with a slash."""

    path: bytes
    why: str


Found = Seen | Unread | Flaw


def walk(top: bytes, under: bytes, ignore: Ignore) -> Iterator[Found]:
    """The files at or below `top/under`; paths are relative to `top`.

    What vanishes while the walk is under way is not there. Anything else that goes wrong is an `Unread` in its place.
    """
    if not under:
        yield from _descend(top, b"", ignore)
        return
    try:
        found = found_at(top, under, ignore)
    except (OSError, RulesUnread) as error:
        if isinstance(error, RulesUnread) or error.errno not in _GONE:
            yield Unread.of(under, error)
            yield Unread.of(under + b"/", error)
        return
    if isinstance(found, Stamp):
        yield Seen(under, found)
    elif found.state is PathState.DIRECTORY:
        yield from _descend(top, under + b"/", ignore)


def directories(top: bytes, under: bytes, ignore: Ignore) -> Iterator[bytes]:
    """The paths of the directory `top/under` and of those below it, parents first.

    Those that cannot be read hold none. Where rules cannot be read none is left out: too many do no harm.
    """
    start = under + b"/" if under else b""
    try:
        scope = ignore.above(top, start)
    except RulesUnread:
        scope = Scope()
    stack = [(start, scope)]
    while stack:
        path, scope = stack.pop()
        yield os.path.join(top, path[:-1]) if path else top
        try:
            found, ruled = _listed(top, path, ignore)
            scope, _ = ignore.entering(scope, top, path) if ruled else (scope, None)
        except OSError:
            continue
        except RulesUnread:
            pass
        stack += [(e, scope) for e in found if e.endswith(b"/") and not (scope.levels and scope.rule_for(e))]


def _descend(top: bytes, start: bytes, ignore: Ignore) -> Iterator[Found]:
    """The files below `start`, which is b"" or ends with a slash."""
    try:
        scope = ignore.above(top, start)
    except RulesUnread as error:
        yield Unread.of(start, error)
        return
    stack = [(iter([start]), scope)]
    while stack:
        entries, scope = stack[-1]
        path = next(entries, None)
        if path is None:
            stack.pop()
        elif path and not path.endswith(b"/"):
            found = _file(top, path)
            if found is not None:
                yield found
        else:
            try:
                listed, ruled = _listed(top, path, ignore)
                scope, rules = ignore.entering(scope, top, path) if ruled else (scope, None)
            except (OSError, RulesUnread) as error:
                if not path or isinstance(error, RulesUnread) or error.errno not in _GONE:
                    yield Unread.of(path, error)
                continue
            if rules is not None:
                yield from (Flaw(path, flaw) for flaw in rules.flaws)
            stack.append((iter(_in_order(listed, scope)), scope))


def _listed(top: bytes, path: bytes, ignore: Ignore) -> tuple[list[bytes], bool]:
    """What a directory holds but for what is passed over by name, and whether it has rules of its own.

    Files are given by their path, directories by theirs and a slash.
    """
    found, ruled = [], False
    with os.scandir(os.path.join(top, path)) as entries:
        for entry in entries:
            is_dir = entry.is_dir(follow_symlinks=False)
            if not ignore.skips(entry.name, is_dir):
                found.append(path + entry.name + b"/" if is_dir else path + entry.name)
            elif entry.name == RULES_FILE:
                ruled = True
    return found, ruled


def _in_order(found: list[bytes], scope: Scope) -> list[bytes]:
    """What the rules leave, in byte order."""
    if scope.levels:
        found = [path for path in found if scope.rule_for(path) is None]
    found.sort()
    return found


def _file(top: bytes, path: bytes) -> Seen | Unread | None:
    """A file, or None where there is none: gone, a link to nothing or to a directory, a pipe, a device."""
    try:
        status = os.stat(os.path.join(top, path))
    except OSError as error:
        return None if error.errno in _GONE else Unread.of(path, error)
    return Seen(path, Stamp.of(status)) if stat.S_ISREG(status.st_mode) else None
