"""Which roots are watched: those of the configuration, and those that were added by hand.

A root that comes is watched before it is scanned, so that what changes in between is seen twice rather than never. The
files of one that goes leave the answers at once; their vectors are kept for the grace period, so that it costs no
inference to have it back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence

from simd.catalogue.catalogue import Catalogue
from simd.errors import InvalidRequest
from simd.indexing.roots.roots import Roots
from simd.types import ImageId
from simd.watch.watcher import Watcher


class Membership:
    """Changes the roots; every method that does is called in the loop's thread.

    Args:
        take_out: takes images without a file out of the answers.
        scan: asks for a scan of a root.
        configured: absolute paths of the roots that the configuration names.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        take_out: Callable[[Sequence[ImageId]], None],
        roots: Roots,
        watcher: Watcher,
        scan: Callable[[int], None],
        configured: Collection[bytes] = (),
    ) -> None:
        self._catalogue = catalogue
        self._take_out = take_out
        self._roots = roots
        self._watcher = watcher
        self._scan = scan
        self._configured = _normal(configured)

    def configure(self, paths: Iterable[bytes]) -> None:
        """Watch these roots of the configuration, and no other ones of it; those added by hand stay."""
        configured = _normal(paths)
        self._catalogue.sync_roots(sorted(configured))
        self._configured = configured
        self._take_over()

    def add(self, path: bytes) -> None:
        """Watch a folder from now on. It takes the place of roots inside it, whose files a scan of it finds again."""
        self._catalogue.add_root(path)
        self._take_over()

    def check_added(self, root_id: int) -> None:
        """See whether a root may be dropped.

        Raises:
            InvalidRequest: the configuration names it.
        """
        root = self._roots.get(root_id)
        assert root is not None
        if root.path in self._configured:
            raise InvalidRequest(
                f"{os.fsdecode(root.path)} is a root of the configuration",
                field="paths",
                remedy="take it out there and reload the daemon (SIGHUP)",
            )

    def drop(self, root_id: int) -> tuple[int, list[ImageId]]:
        """Stop watching a root that was added. Returns how many files it had, and the images left without a file.

        Roots of the configuration whose place it took are watched again.

        Raises:
            InvalidRequest: the configuration names it.
        """
        self.check_added(root_id)
        count = self._catalogue.counts().files_by_root.get(root_id, 0)
        orphans = self._catalogue.drop_root(root_id)
        self._catalogue.sync_roots(sorted(self._configured))
        self._take_over()
        return count, orphans

    def _take_over(self) -> None:
        """Watch and scan what the catalogue says, and forget what was in roots that went."""
        before = {root.root_id: root for root in self._roots.all()}
        after = self._catalogue.roots()
        self._roots.replace(after)
        for root in before.values():
            if self._roots.get(root.root_id) is None:
                self._watcher.unwatch(root)
        for root in after:
            if root.root_id not in before:
                self._watcher.watch(root)
                self._scan(root.root_id)
        self._take_out(self._catalogue.orphans())


def _normal(paths: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(map(os.path.normpath, paths))
