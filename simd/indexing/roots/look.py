"""What a file looks like now, as a scan would see it."""

from __future__ import annotations

from collections.abc import Callable

from simd.indexing.roots.roots import Roots
from simd.types import FileKey, Stamp
from simd.watch import roots as watched
from simd.watch.ignore import Ignore
from simd.watch.roots import RootOffline
from simd.watch.rules import RulesUnread

Look = Callable[[FileKey], Stamp | None]
"""The stamp of a file as it is now, or None when there is none that a scan would find.

Raises RootOffline or RulesUnread where it cannot be told, OSError where the file is there and cannot be looked at.
"""


def looking(roots: Roots, ignore: Ignore) -> Look:
    """Looks at files of these roots; a file of another root is not there."""

    def at(key: FileKey) -> Stamp | None:
        root = roots.get(key.root_id)
        return watched.look(root, key.path, ignore) if root is not None else None

    return at


def is_gone(look: Look, key: FileKey) -> bool:
    """Whether a file is not there any more; one that cannot be judged is not gone."""
    try:
        return look(key) is None
    except (RootOffline, RulesUnread, OSError):
        return False


def stamp_of(look: Look, key: FileKey, known: Stamp) -> Stamp:
    """A file's stamp now, or the known one where it is gone or cannot be looked at."""
    try:
        return look(key) or known
    except (RootOffline, RulesUnread, OSError):
        return known
