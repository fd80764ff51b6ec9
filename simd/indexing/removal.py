"""Taking files, folders, images and roots out of the answers on request.

A removed file stays on disk, so it is remembered: as a decision, by its path and content, and in the ledger (reason
`removed`) with the stamp it had. Scans leave it alone until it changes or somebody adds it again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import RejectedFile
from simd.decisions.decisions import REMOVED, Decisions, Removed
from simd.indexing.loop.indexer import Indexer
from simd.indexing.roots.deletions import Deletions
from simd.indexing.roots.look import Look, stamp_of
from simd.indexing.roots.membership import Membership
from simd.indexing.roots.roots import Roots
from simd.types import FileKey, ImageId, RemoveReport, Stamp
from simd.watch.settle import Settler


def removal_at(decisions: Decisions, roots: Roots) -> Callable[[FileKey, ImageId, Stamp], bool]:
    """Tells whether a person took this content out at this place."""

    def is_removed(key: FileKey, image_id: ImageId, stamp: Stamp) -> bool:
        path = roots.where(key)
        return path is not None and decisions.is_removed(path, image_id, stamp)

    return is_removed


@dataclass(frozen=True, slots=True)
class _Forgotten:
    """What is written down of a file that was taken out: its line in the ledger, and the decision."""

    line: RejectedFile
    decision: Removed


class Removal:
    """Called in the loop's thread.

    Args:
        deletions: which are told that these are meant.
        look: the file as it is now.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        decisions: Decisions,
        roots: Roots,
        membership: Membership,
        indexer: Indexer,
        settler: Settler,
        deletions: Deletions,
        look: Look,
    ) -> None:
        self._catalogue = catalogue
        self._decisions = decisions
        self._roots = roots
        self._membership = membership
        self._indexer = indexer
        self._settler = settler
        self._deletions = deletions
        self._look = look

    def remove(self, paths: Sequence[bytes], image_ids: Sequence[ImageId]) -> RemoveReport:
        """Take out what is at or below absolute paths, and the files of images.

        Raises:
            InvalidRequest: a path is a root that the configuration names; nothing is done then.
            StoreError: the catalogue cannot be written.
        """
        # Before anything is done: what is refused is refused as a whole.
        for path in paths:
            key = self._roots.locate(os.path.abspath(path))
            if key is not None and not key.path:
                self._membership.check_added(key.root_id)
        files, orphans, missing = 0, [], []
        named: dict[FileKey, None] = {}
        for path in paths:
            key = self._roots.locate(os.path.abspath(path))
            if key is not None and not key.path:
                count, gone = self._membership.drop(key.root_id)
                files += count
                orphans += gone
                continue
            found = self._files_at(path) if key is not None else []
            named.update(dict.fromkeys(found))
            if not found:
                missing.append(path)
        keys = dict(named)
        for image_id in image_ids:
            found = self._files_of(image_id)
            keys.update(dict.fromkeys(found))
            if not found:
                missing.append(image_id)
        removed = [one for key in keys if (one := self._forget(key, named=key in named)) is not None]
        self._decisions.remove(one.decision for one in removed)
        rejected = [one.line for one in removed]
        orphans += self._catalogue.record([], rejected, [])
        for line in rejected:
            self._deletions.agreed(line.key.root_id)
        if orphans:
            self._indexer.take_out(orphans)
        return RemoveReport(files + len(rejected), len(orphans), tuple(missing))

    def _forget(self, key: FileKey, *, named: bool) -> _Forgotten | None:
        """Drop whatever is under way for a file; what is to be remembered of it, if it is known."""
        self._indexer.forget(key)
        if not named:
            # It may be another image by now, and that one may have been on its way.
            self._settler.note(key)
        known, path = self._catalogue.known(key), self._roots.where(key)
        if known is None or path is None:
            return None
        # Who names a file means it as it is now, indexed so or not; who names an image, only what was indexed.
        stamp = stamp_of(self._look, key, known.stamp) if named else known.stamp
        content = known.image_id if stamp == known.stamp else None
        return _Forgotten(RejectedFile(key, stamp, REMOVED), Removed(path, stamp, content))

    def _files_at(self, path: bytes) -> list[FileKey]:
        """The indexed file at a path, or those in the folder."""
        found: list[FileKey] = []
        while page := self._catalogue.files(after=found[-1] if found else None, under=path):
            found += [file.key for file in page]
        return found

    def _files_of(self, image_id: ImageId) -> list[FileKey]:
        """The files that an image is found in."""
        places = self._catalogue.files_of([image_id]).get(image_id, [])
        return [key for place in places if (key := self._roots.locate(place)) is not None]
