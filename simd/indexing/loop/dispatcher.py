"""What happens to a file when its turn has come: it is decoded, deleted, left to a scan, or there is nothing to do."""

from __future__ import annotations

from simd.catalogue.catalogue import Catalogue
from simd.errors import Reason
from simd.indexing.loop.batches import Batches
from simd.indexing.loop.outcomes import GONE, Outcome
from simd.indexing.loop.pipeline import Pipeline
from simd.indexing.loop.workqueue import WorkQueue
from simd.indexing.models.backfill import Backfill
from simd.indexing.roots.deletions import Deletions
from simd.indexing.roots.roots import Roots
from simd.types import Change, Stamp
from simd.watch.roots import RootOffline
from simd.watch.rules import RulesUnread

_POSTPONED_S = 1.0
"""After this time a file whose start failed is tried again."""


class Dispatcher:
    """Used by the indexing thread alone."""

    def __init__(
        self,
        queue: WorkQueue,
        pipeline: Pipeline,
        batches: Batches,
        backfill: Backfill,
        catalogue: Catalogue,
        roots: Roots,
        deletions: Deletions,
    ) -> None:
        self._queue = queue
        self._backfill = backfill
        self._pipeline = pipeline
        self._batches = batches
        self._catalogue = catalogue
        self._roots = roots
        self._deletions = deletions

    def fill(self) -> None:
        """Start as many files as the window holds. After a failure, until it is time to try again, only those that
        callers wait for, and deletions."""
        while self._pipeline.has_room and self._batches.has_room:
            backing_off = self._batches.backing_off
            change = self._queue.pop(as_if_paused=backing_off)
            if change is None and not self._queue.paused and not backing_off:
                change = self._backfill.next()
            if change is None:
                return
            try:
                self._start(change)
            except BaseException:
                self._queue.postpone(change.key, _POSTPONED_S)
                raise

    def _start(self, change: Change) -> None:
        key = change.key
        path = self._roots.path_of(key)
        if path is None:
            self._queue.outcomes.resolve(key, GONE)
            return
        try:
            stamp = self._roots.stat(key)
        except (RootOffline, RulesUnread) as why:
            self._queue.leave_to_scan(key, why)
            return
        except OSError:
            # It is there and cannot be examined: opening it will say why, and that goes into the ledger.
            stamp = change.stamp or Stamp(0, 0, 0)
        if stamp is None:
            self._pipeline.drop(key)
            if self._deletions.accepts(change):
                self._batches.delete(key)
            else:
                self._queue.outcomes.resolve(key, GONE)
        elif not self._batches.is_in_flight(change, stamp):
            if (outcome := self._decided(change, stamp)) is not None:
                self._queue.outcomes.resolve(key, outcome)
                return
            self._batches.rate.begin()
            self._pipeline.start(change, stamp, path)

    def _decided(self, change: Change, stamp: Stamp) -> Outcome | None:
        """The outcome of a file that need not be read: as it is now, it is in every index, or was taken out."""
        known = self._catalogue.known(change.key)
        if known is None or known.stamp != stamp:
            return None
        if change.heard is not None and not self._batches.was_read_since(change.key, change.heard):
            return None
        if known.image_id is not None:
            is_final = self._pipeline.is_indexed(known.image_id)
        else:
            is_final = known.rejection is not None and known.rejection.reason is Reason.REMOVED
        return Outcome(known.image_id, known.rejection) if is_final else None
