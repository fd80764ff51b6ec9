"""Names that are passed over: hidden things, trash, snapshots, thumbnails of other programs, unfinished downloads.

Names only, never content: every other regular file is a candidate, and the decoder says what is not an image.
"""

from __future__ import annotations

from collections.abc import Iterable

_DIRECTORIES = frozenset(
    {
        b"#recycle",
        b"#snapshot",
        b"$recycle.bin",
        b"@eadir",
        b"@recycle",
        b"__macosx",
        b"lost+found",
        b"node_modules",
        b"recycler",
        b"system volume information",
    }
)
_FILES = frozenset({b"desktop.ini", b"thumbs.db"})
_UNFINISHED = (b".part", b".partial", b".crdownload", b".download", b".filepart", b".tmp", b".temp", b".swp", b"~")


class Ignore:
    """The rules in force, without regard to upper and lower case.

    Args:
        directories: further names of directories to pass over.
    """

    def __init__(self, directories: Iterable[bytes] = ()) -> None:
        self._directories = _DIRECTORIES.union(name.lower() for name in directories)

    def skips(self, name: bytes, is_dir: bool) -> bool:
        """Whether a directory entry is passed over, with all that is in it."""
        if name.startswith(b"."):
            return True
        name = name.lower()
        return name in self._directories if is_dir else name in _FILES or name.endswith(_UNFINISHED)

    def skips_path(self, path: bytes, is_dir: bool = False) -> bool:
        """Whether a path relative to its root is passed over, for its own name or for a directory on the way."""
        *above, name = path.split(b"/")
        return any(self.skips(part, True) for part in above) or self.skips(name, is_dir)
