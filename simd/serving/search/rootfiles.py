"""Opening files for callers, and only those inside a root.

A caller names a path on the daemon's machine, so the path is not to be trusted: links and `..` are resolved first, and
after opening, the file that was really opened is checked once more, because a link may have been swapped in between.
A link that scans found in a root is accepted wherever its file is, as the daemon gave its path out. What is outside
every root otherwise is refused in the same words whether it exists or not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable

from simd.errors import InvalidRequest, NotFound, unreadable
from simd.types import Stamp


class RootFiles:
    """Opens files inside the roots.

    Args:
        roots: the absolute paths of the watched directories, asked every time.
    """

    def __init__(self, roots: Callable[[], Iterable[bytes]]) -> None:
        self._roots = roots

    def resolve(self, path: bytes, *, known: bool = False) -> bytes:
        """The path without links.

        Args:
            path: whose name is not trusted.
            known: whether a scan found this very path in a root: a link to a file outside, made there to be indexed.

        Raises:
            InvalidRequest: it is not absolute, or it is not known and leads outside the roots.
        """
        if not path.startswith(b"/") or b"\0" in path:
            raise InvalidRequest(f"the path {_text(path)} is not absolute", field="path")
        real = os.path.realpath(path)
        if not known and not self._inside(real):
            raise _outside(path)
        return real

    def stamp(self, path: bytes) -> Stamp | None:
        """What shows whether a file whose path was resolved has changed; None if there is no way to see it."""
        try:
            return Stamp.of(os.stat(path))
        except OSError:
            return None

    def open(self, path: bytes) -> int:
        """A regular file whose path was resolved, opened for reading.

        Raises:
            InvalidRequest: it leads outside the roots by now.
            NotFound: there is no such file, or it is not a regular one.
            ImageRejected: it cannot be read.
            DecoderUnavailable: the daemon may open no more files.
        """
        try:
            # Without O_NONBLOCK, opening a pipe would wait for a writer.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no file {_text(path)}", field="path") from error
        except OSError as error:
            raise unreadable(error, f"cannot open {_text(path)}") from error
        try:
            opened = os.readlink(b"/proc/self/fd/%d" % fd)
            if opened != path and not self._inside(opened):
                raise _outside(path)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise NotFound(f"{_text(path)} is not a regular file", field="path")
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _inside(self, real: bytes) -> bool:
        roots = (os.path.realpath(root).rstrip(b"/") + b"/" for root in self._roots())
        return any(real.startswith(root) for root in roots)


def _outside(path: bytes) -> InvalidRequest:
    return InvalidRequest(
        f"{_text(path)} is not inside a watched root", field="path", remedy="send the image's bytes instead"
    )


def _text(path: bytes) -> str:
    return path.decode("utf-8", "replace")
