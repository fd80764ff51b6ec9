"""The watched roots, as every thread sees them: one frozen mapping, replaced when a root comes or goes."""

from __future__ import annotations

from collections.abc import Iterable

from simd.catalogue.queries import locate
from simd.types import FileKey, Root


class Roots:
    """Looks up roots by id and files by path."""

    def __init__(self, roots: Iterable[Root] = ()) -> None:
        self._by_id = {root.root_id: root for root in roots}

    def replace(self, roots: Iterable[Root]) -> None:
        """Watch these and no others."""
        self._by_id = {root.root_id: root for root in roots}

    def update(self, root: Root) -> None:
        """A watched root has another identity now."""
        self._by_id = {**self._by_id, root.root_id: root}

    def get(self, root_id: int) -> Root | None:
        """A root by its id."""
        return self._by_id.get(root_id)

    def all(self) -> list[Root]:
        """Every root, in the order they were added."""
        return [root for _, root in sorted(self._by_id.items())]

    def locate(self, path: bytes) -> FileKey | None:
        """The root that an absolute path is in, and where in it: b"" for the root itself. Roots never overlap."""
        return locate(self._by_id.values(), path)

    def where(self, key: FileKey) -> bytes | None:
        """The absolute path of a file, or None when its root is no longer watched."""
        root = self._by_id.get(key.root_id)
        return None if root is None else root.path.rstrip(b"/") + b"/" + key.path
