"""Which roots are watched: those of the configuration, and those that were added by hand.

A new root is watched before it is scanned, so that what changes in between is seen twice rather than never. The files
of a root that is removed leave the answers at once; their vectors are kept for the grace period, so that it costs no
inference to have it back.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence

from simd.catalogue.catalogue import Catalogue
from simd.errors import InvalidRequest
from simd.indexing.orphans import Orphans
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.schedule import Schedule
from simd.types import ImageId, RootStatus
from simd.watch.watcher import Watcher


class WatchedRoots:
    """Keeps catalogue, watcher and scans in step. `configure`, `add`, `check_removable` and `remove` are called in the
    indexing thread, the others in any.

    Args:
        configured: absolute paths of the roots that the configuration names.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        roots: Roots,
        watcher: Watcher,
        schedule: Schedule,
        orphans: Orphans,
        configured: Collection[bytes] = (),
    ) -> None:
        self._catalogue = catalogue
        self._roots = roots
        self._watcher = watcher
        self._schedule = schedule
        self._orphans = orphans
        self._configured = _normal(configured)

    def start(self) -> None:
        """Watch all roots, and have them scanned."""
        for root in self._roots.all():
            self._watcher.watch(root)
            self._schedule.enqueue(root.root_id)

    def close(self) -> None:
        """End watching."""
        self._watcher.close()

    @property
    def pending(self) -> int:
        """How many roots the watcher has to examine before all that happened in them is reported."""
        return self._watcher.pending

    def status(self) -> list[RootStatus]:
        """The roots, in the order they were added."""
        files = self._catalogue.last_counts().files_by_root
        found = []
        for root in self._roots.all():
            state = self._roots.state(root.root_id)
            watching = self._watcher.watching(root.root_id)
            mode, why = (watching.mode, watching.detail) if watching else ("polling", "")
            # What the watcher and the scans say of a root that is offline is the same.
            detail = "; ".join(text for text in dict.fromkeys((state.detail, why)) if text)
            count = files.get(root.root_id, 0)
            found.append(RootStatus(root, state.online, mode, count, state.last_scan, detail))
        return found

    def ignore(self, patterns: Sequence[str]) -> None:
        """See `Ingest.ignore`."""
        if self._roots.ignore.configure(patterns):
            self._watcher.refresh()
            for root in self._roots.all():
                self._schedule.enqueue(root.root_id)

    def configure(self, paths: Iterable[bytes]) -> None:
        """Watch these roots of the configuration, and no other ones of it; those added by hand stay."""
        configured = _normal(paths)
        self._catalogue.sync_roots(sorted(configured))
        self._configured = configured
        self._update()

    def add(self, path: bytes) -> None:
        """Watch a folder from now on. It takes the place of roots inside it, whose files a scan of it finds again."""
        self._catalogue.add_root(path)
        self._update()

    def check_removable(self, root_id: int) -> None:
        """Check that a root was added by hand.

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

    def remove(self, root_id: int) -> tuple[int, list[ImageId]]:
        """Stop watching a root that was added. Returns how many files it had, and the images left without a file.

        Roots of the configuration whose place it took are watched again.

        Raises:
            InvalidRequest: the configuration names it.
        """
        self.check_removable(root_id)
        count = self._catalogue.counts().files_by_root.get(root_id, 0)
        orphans = self._catalogue.drop_root(root_id)
        self._catalogue.sync_roots(sorted(self._configured))
        self._update()
        return count, orphans

    def _update(self) -> None:
        """Watch and scan the roots that the catalogue has, and drop what was in roots that it has no longer."""
        before = {root.root_id: root for root in self._roots.all()}
        after = self._catalogue.roots()
        self._roots.replace(after)
        for root in before.values():
            if self._roots.get(root.root_id) is None:
                self._watcher.unwatch(root)
        for root in after:
            if root.root_id not in before:
                self._watcher.watch(root)
                self._schedule.enqueue(root.root_id)
        self._orphans.delete(self._catalogue.orphans())


def _normal(paths: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(map(os.path.normpath, paths))
