"""Taking files, folders, images and roots out of the answers on request."""

from __future__ import annotations

import os
from collections.abc import Sequence

from simd.catalogue.catalogue import Catalogue
from simd.indexing.ledger import Ledger, RemovedFile
from simd.indexing.loop.indexer import Indexer
from simd.indexing.orphans import Orphans
from simd.indexing.roots.deletions import Deletions
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.watched import WatchedRoots
from simd.types import FileKey, ImageId, RemoveReport


class Removal:
    """Used by the indexing thread alone."""

    def __init__(
        self,
        catalogue: Catalogue,
        ledger: Ledger,
        roots: Roots,
        watched: WatchedRoots,
        indexer: Indexer,
        orphans: Orphans,
        deletions: Deletions,
    ) -> None:
        self._catalogue = catalogue
        self._ledger = ledger
        self._roots = roots
        self._watched = watched
        self._indexer = indexer
        self._orphans = orphans
        self._deletions = deletions

    def remove(self, paths: Sequence[bytes], image_ids: Sequence[ImageId]) -> RemoveReport:
        """Take out what is at or below absolute paths, and the files of images.

        Raises:
            InvalidRequest: a path is a root that the configuration names; nothing is done then.
            StoreError: the catalogue cannot be written.
        """
        # Before anything is done: what is refused is refused as a whole.
        for path in paths:
            if (root_id := self._root_at(path)) is not None:
                self._watched.check_removable(root_id)
        files, orphans, missing = 0, [], []
        named: dict[FileKey, None] = {}
        for path in paths:
            if (root_id := self._root_at(path)) is not None:
                count, gone = self._watched.remove(root_id)
                files += count
                orphans += gone
                continue
            found = self._files_at(path)
            named.update(dict.fromkeys(found))
            if not found:
                missing.append(path)
        keys = dict(named)
        for image_id in image_ids:
            found = self._files_of(image_id)
            keys.update(dict.fromkeys(found))
            if not found:
                missing.append(image_id)
        removed = [file for key in keys if (file := self._drop(key, named=key in named)) is not None]
        orphans += self._ledger.remove(removed)
        for file in removed:
            # They do not count as lost.
            self._deletions.confirmed(file.key.root_id)
        self._orphans.delete(orphans)
        return RemoveReport(files + len(removed), len(orphans), tuple(missing))

    def _drop(self, key: FileKey, *, named: bool) -> RemovedFile | None:
        """Drop whatever is in flight of a file. Returns what is to be remembered of it, or None if it is not known."""
        self._indexer.discard(key)
        if not named:
            # It may be another image by now, which may have been in flight.
            self._indexer.queue.settle(key)
        known = self._catalogue.known(key)
        if known is None or self._roots.path_of(key) is None:
            return None
        # A file that is named is removed as it is now, indexed so or not; of an image only what was indexed.
        stamp = self._roots.stat_or(key, known.stamp) if named else known.stamp
        return RemovedFile(key, stamp, known.image_id if stamp == known.stamp else None)

    def _root_at(self, path: bytes) -> int | None:
        """The root at an absolute path."""
        key = self._roots.locate(os.path.abspath(path))
        return key.root_id if key is not None and not key.path else None

    def _files_at(self, path: bytes) -> list[FileKey]:
        """The indexed file at a path, or those in the folder."""
        found: list[FileKey] = []
        if self._roots.locate(os.path.abspath(path)) is None:
            return found
        while page := self._catalogue.files(after=found[-1] if found else None, under=path):
            found += [file.key for file in page]
        return found

    def _files_of(self, image_id: ImageId) -> list[FileKey]:
        """The files that an image is found in."""
        places = self._catalogue.files_of([image_id]).get(image_id, [])
        return [key for place in places if (key := self._roots.locate(place)) is not None]
