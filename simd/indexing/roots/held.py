"""Mass deletions that scans found and held back: for how long, and when they are judged again.

They are applied after the grace period. Only the time counts in which the daemon runs: the wall clock may be set, and
an unplugged disk comes back when its owner does.

The files that are gone may have been moved, and be among those that the same scan found new. Once these are indexed,
another scan finds fewer gone. Some never will be, as they cannot be read: when nothing is left to be indexed and there
was no progress, no further scan is scheduled.
"""

from __future__ import annotations

import time

from simd.catalogue.catalogue import Catalogue
from simd.indexing.roots.deletions import Deletions
from simd.indexing.roots.schedule import Schedule
from simd.watch.scanner import Scan


class HeldDeletions:
    """Used by the thread of the scans alone; after `hold_s` seconds a mass deletion is applied."""

    def __init__(self, catalogue: Catalogue, deletions: Deletions, schedule: Schedule, hold_s: float) -> None:
        self._catalogue = catalogue
        self._deletions = deletions
        self._schedule = schedule
        self._hold_s = hold_s
        self._since: dict[int, float] = {}
        self._moving: dict[int, int] = {}
        """How many files were new or changed when a root's deletions were held."""

    def lost(self, root_id: int) -> int:
        """How many files of a root were deleted one by one already; they count when a scan judges what is gone."""
        return self._deletions.lost(root_id)

    def is_over(self, root_id: int) -> bool:
        """Whether the deletions of a root were held long enough, and are to be applied."""
        held_s = self._catalogue.held_s(root_id)
        return held_s is not None and held_s + self._more_s(root_id) >= self._hold_s

    def may_be_moved(self, root_id: int) -> bool:
        """Whether what is held of a root may be among the files that are still to be indexed."""
        return root_id in self._moving

    def ended(self, root_id: int, scan: Scan) -> float | None:
        """A scan of a whole root has ended: for how many seconds deletions have been held, None if none are."""
        if scan.held is None:
            self._deletions.reset(root_id)
            self._since.pop(root_id, None)
            return None
        held_s = (self._catalogue.held_s(root_id) or 0.0) + self._more_s(root_id)
        self._since[root_id] = time.monotonic()
        return held_s

    def judge_again(self, root_id: int, scan: Scan, *, was_idle: bool) -> None:
        """Schedule the scan that follows one of a whole root, if that held deletions and may have found them moved.

        Args:
            was_idle: whether nothing was left to be indexed when the scan began.
        """
        before = self._moving.pop(root_id, None)
        if scan.held is None or not scan.changed:
            return
        is_progress = before is None or scan.changed < before
        if is_progress or not was_idle:
            self._moving[root_id] = scan.changed
            self._schedule.retry(root_id, reset=is_progress)

    def is_offline(self, root_id: int) -> None:
        """A root cannot be read now: the next scan that can judges as the first one."""
        self._moving.pop(root_id, None)

    def forget(self, root_id: int) -> None:
        """A root is gone."""
        self._moving.pop(root_id, None)
        self._since.pop(root_id, None)

    def _more_s(self, root_id: int) -> float:
        """Seconds since the last scan that held them, if this run of the daemon had one."""
        now = time.monotonic()
        return now - self._since.get(root_id, now)
