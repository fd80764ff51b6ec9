"""Forgets images that have had no file for longer than the grace period: at the start, then every hour.

The indexing thread does it between two batches, so that no batch relies on facts that go meanwhile. The index does the
same with vectors when it compacts; an image whose vector is gone and whose facts are not, or the other way round, is
decoded again if it returns.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from simd.catalogue.catalogue import Catalogue

log = logging.getLogger(__name__)


class Purge:
    """Used by the indexing thread alone.

    Args:
        grace_s: how long an image without a file is remembered.
        period_s: how often they are looked for.
        clock: seconds since the epoch.
    """

    def __init__(
        self, catalogue: Catalogue, grace_s: float, *, period_s: float = 3600.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._catalogue = catalogue
        self._grace_s = grace_s
        self._period_s = period_s
        self._clock = clock
        self._due = 0.0

    def next_due(self) -> float:
        """Seconds until there is something to do."""
        return max(0.0, self._due - time.monotonic())

    def run(self) -> None:
        """Do it, if it is time."""
        if self.next_due() > 0:
            return
        # Before the work, so that a failure is tried again as late as a success.
        self._due = time.monotonic() + self._period_s
        gone = self._catalogue.purge_images(int((self._clock() - self._grace_s) * 1000))
        if gone:
            log.info("forgot %d images that have had no file for %g s", len(gone), self._grace_s)
