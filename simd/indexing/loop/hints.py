"""What the watcher's hints lead to: files to be indexed, folders to be scanned, folders that were renamed."""

from __future__ import annotations

from simd.indexing.ledger import Ledger
from simd.indexing.loop.workqueue import WorkQueue
from simd.indexing.orphans import Orphans
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.schedule import Schedule
from simd.types import FileKey
from simd.watch.events import Hint, HintKind


class Hints:
    """Used by the indexing thread alone."""

    def __init__(self, queue: WorkQueue, roots: Roots, schedule: Schedule, ledger: Ledger, orphans: Orphans) -> None:
        self._queue = queue
        self._roots = roots
        self._schedule = schedule
        self._ledger = ledger
        self._orphans = orphans

    def handle(self, hint: Hint) -> None:
        """Act on one hint."""
        key = FileKey(hint.root_id, hint.path)
        if hint.kind is HintKind.OVERFLOW or not self._roots.state(hint.root_id).online:
            # A root that was offline is not what it was at its last scan, whatever the hint says.
            self._schedule.enqueue(hint.root_id)
        if hint.kind is HintKind.DIRECTORY:
            try:
                if hint.moved_from:
                    self._orphans.delete(self._ledger.renamed(FileKey(hint.root_id, hint.moved_from), key))
            finally:
                # Not before: what was deleted just before the move has a new name now, and only the scan finds that it
                # is gone. If the rename failed, it finds the files at their new place all the same.
                self._schedule.enqueue(hint.root_id, hint.path)
        elif hint.kind is not HintKind.OVERFLOW:
            heard = hint.heard if hint.kind is HintKind.WRITTEN else None
            self._queue.settle(key, ready=hint.kind is not HintKind.APPEARED, heard=heard)
