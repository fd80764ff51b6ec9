"""The watched roots, as every thread sees them: which they are, what is ignored in them, how their last scans ended."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from simd.catalogue.queries import locate
from simd.errors import InvalidRequest
from simd.indexing.roots.rootstate import RootState
from simd.types import FileKey, Root, Stamp
from simd.watch.ignore import Ignore
from simd.watch.roots import RootOffline, linked_directory, look
from simd.watch.rules import RulesUnread


class Roots:
    """Looks up roots by id, and files by path. Every method may be called from any thread.

    Args:
        ignore: the rules of what is ignored in them; an attribute, too.
        last_scans: by root, when it was last scanned as a whole: seconds since the epoch.
    """

    def __init__(self, roots: Iterable[Root], ignore: Ignore, last_scans: Mapping[int, float]) -> None:
        self.ignore = ignore
        self._by_id = {root.root_id: root for root in roots}
        self._states = {root_id: RootState(last_scan=at) for root_id, at in last_scans.items()}

    def replace(self, roots: Iterable[Root]) -> None:
        """Watch these and no others."""
        self._by_id = {root.root_id: root for root in roots}
        for root_id in list(self._states):
            if root_id not in self._by_id:
                self._states.pop(root_id, None)

    def update(self, root: Root) -> None:
        """A watched root has another identity now."""
        self._by_id = {**self._by_id, root.root_id: root}

    def get(self, root_id: int) -> Root | None:
        """A root by its id."""
        return self._by_id.get(root_id)

    def all(self) -> list[Root]:
        """Every root, in the order they were added."""
        return [root for _, root in sorted(self._by_id.items())]

    def state(self, root_id: int) -> RootState:
        """What the last scan found out about a root."""
        return self._states.get(root_id, RootState())

    def set_state(self, root_id: int, state: RootState) -> None:
        """A scan found out something about a root; it is ignored if that is no longer watched."""
        if root_id in self._by_id:
            self._states[root_id] = state

    def locate(self, path: bytes) -> FileKey | None:
        """The root that an absolute path is in, and where in it: b"" for the root itself. Roots never overlap."""
        return locate(self._by_id.values(), path)

    def key_of(self, path: bytes) -> FileKey:
        """Where an absolute path is.

        Raises:
            InvalidRequest: it is not inside a root, or only through a link to a directory, which no scan follows.
        """
        key = self.locate(os.path.abspath(path))
        root = None if key is None else self.get(key.root_id)
        if key is None or root is None or linked_directory(root.path, key.path) is not None:
            raise InvalidRequest(
                f"{os.fsdecode(path)} is not inside a watched root", field="paths", remedy="add its folder first"
            )
        return key

    def path_of(self, key: FileKey) -> bytes | None:
        """The absolute path of a file, or None when its root is no longer watched."""
        root = self._by_id.get(key.root_id)
        return None if root is None else root.path.rstrip(b"/") + b"/" + key.path

    def stat(self, key: FileKey) -> Stamp | None:
        """A file's stamp now, or None where a scan would find no file.

        Raises:
            RootOffline, RulesUnread: it cannot be known now whether there is one.
            OSError: it is there, and its stamp cannot be read.
        """
        root = self._by_id.get(key.root_id)
        return look(root, key.path, self.ignore) if root is not None else None

    def is_gone(self, key: FileKey) -> bool:
        """Whether a file is not there any more; not while that cannot be known."""
        try:
            return self.stat(key) is None
        except (RootOffline, RulesUnread, OSError):
            return False

    def stat_or(self, key: FileKey, known: Stamp) -> Stamp:
        """A file's stamp now, or the known one where it is gone or cannot be read."""
        try:
            return self.stat(key) or known
        except (RootOffline, RulesUnread, OSError):
            return known
