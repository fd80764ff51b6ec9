"""Which files are passed over: lines of the error ledger, and the decisions that people made.

A file that a person took out stays on disk, so it is remembered twice: in the ledger (reason `removed`) with the stamp
it had, and as a decision, by its path and content, which outlasts the catalogue. Scans leave it alone until it changes
or is added again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import RejectedFile
from simd.decisions.decisions import REMOVED, Decisions, Removed
from simd.indexing.roots.roots import Roots
from simd.types import FileKey, ImageId, Stamp


@dataclass(frozen=True, slots=True)
class RemovedFile:
    """A file that is taken out of the answers in the state of `stamp`; `image_id` is None if that was never read."""

    key: FileKey
    stamp: Stamp
    image_id: ImageId | None


class Ledger:
    """Keeps catalogue and decisions in step. What writes is called in the indexing thread."""

    def __init__(self, catalogue: Catalogue, decisions: Decisions, roots: Roots) -> None:
        self._catalogue = catalogue
        self._decisions = decisions
        self._roots = roots

    def import_removed(self) -> None:
        """Make decisions of removals that an older version remembered in the catalogue alone."""
        self._decisions.remove((Removed(path, stamp, None) for path, stamp in self._catalogue.removed()), again=False)

    def image_of(self, key: FileKey) -> ImageId | None:
        """The image that a file is indexed as; from any thread."""
        known = self._catalogue.known(key)
        return known.image_id if known is not None else None

    def is_removed(self, key: FileKey, image_id: ImageId, stamp: Stamp) -> bool:
        """Whether a person took this content out at this place; from any thread."""
        path = self._roots.path_of(key)
        return path is not None and self._decisions.is_removed(path, image_id, stamp)

    def remove(self, files: Sequence[RemovedFile]) -> list[ImageId]:
        """Take files out of the answers. Returns the images that have lost their last file."""
        paths = [(self._roots.path_of(file.key), file) for file in files]
        self._decisions.remove(Removed(path, file.stamp, file.image_id) for path, file in paths if path is not None)
        return self._catalogue.record([], [RejectedFile(file.key, file.stamp, REMOVED) for file in files], [])

    def retry(self, keys: Iterable[FileKey], *, removed: bool = False) -> None:
        """Forget why files, or all files below folders, were refused, so that they are tried again.

        Args:
            removed: also forget what a person took out.
        """
        for key in keys:
            if removed and (path := self._roots.path_of(key)) is not None:
                self._decisions.restore(os.path.normpath(path))
            self._catalogue.forget_rejected(key.root_id, key.path, removed=removed)

    def renamed(self, old: FileKey, new: FileKey) -> list[ImageId]:
        """A folder has another name now. Returns the images that have lost their last file, as others were replaced."""
        before, after = self._roots.path_of(old), self._roots.path_of(new)
        if before is not None and after is not None:
            self._decisions.moved(before, after)
        return self._catalogue.rename_under(old.root_id, old.path, new.path)
