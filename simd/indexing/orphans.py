"""Images that have lost their last file. They leave the answers at once, and are forgotten after the grace period.

Until then their vectors and facts are kept, so that a file that returns costs no inference. The catalogue forgets them
here, at start and then every hour; the index does the same with vectors when it compacts. Where only one of the two has
forgotten an image, it is decoded again if it returns.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from simd.catalogue.catalogue import Catalogue
from simd.errors import StoreError
from simd.indexing.loop.targets import Targets
from simd.types import ImageId

log = logging.getLogger(__name__)


class Orphans:
    """Used by the indexing thread alone, between two batches, so that no batch relies on facts that go meanwhile.

    Args:
        grace_s: how long an image without a file is remembered.
        period_s: seconds between two purges.
        clock: seconds since the epoch.

    Attributes:
        pending: whether the index refused a deletion, which has to be repeated.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        targets: Targets,
        *,
        grace_s: float,
        period_s: float = 3600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalogue = catalogue
        self._targets = targets
        self._grace_s = grace_s
        self._period_s = period_s
        self._clock = clock
        self._due = 0.0
        self.pending = False

    def delete(self, image_ids: Sequence[ImageId]) -> None:
        """Delete images without a file from every index.

        Answers do not show them even before, as they show files: where the store refuses it now, it is done later.
        """
        if not image_ids:
            return
        try:
            self._targets.delete(image_ids)
        except StoreError as error:
            log.error("%d images without a file stay in the index for now: %s", len(image_ids), error)
            self.pending = True

    def next_due(self) -> float:
        """Seconds until `run` has something to do."""
        return 0.0 if self.pending else max(0.0, self._due - time.monotonic())

    def run(self) -> None:
        """Repeat deletions that were refused; forget images whose time is over.

        Raises:
            StoreError: the index or the catalogue cannot be written.
        """
        if self.pending:
            self._targets.delete(self._catalogue.orphans())
            self.pending = False
        if time.monotonic() >= self._due:
            # Before the purge, so that one that fails is repeated no sooner than one that succeeds.
            self._due = time.monotonic() + self._period_s
            gone = self._catalogue.purge_images(int((self._clock() - self._grace_s) * 1000))
            if gone:
                log.info("forgot %d images that have had no file for %g s", len(gone), self._grace_s)
