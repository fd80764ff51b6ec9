"""Images that have a file and no vector: after a crash, after a repair, and all of them when the model is another one.

They are offered to the indexing thread one file an image, when nothing else waits, so events and scans go first.
Memory is constant: the catalogue is read as files are asked for. A *pass* goes through all images once. When all it
offered was decided, another one follows while fewer are missing each time; what is then still missing is retried after
ever longer waits, and after a scan.

An image is *unreachable* while none of its files can be read, because their root is offline or their deletion is held.
That is no deletion: it stays in the catalogue, and is embedded once a file of it is back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from itertools import islice

import numpy as np
import numpy.typing as npt

from simd.catalogue.catalogue import Catalogue
from simd.index.base import VectorStore
from simd.indexing.loop.targets import Targets
from simd.indexing.roots.roots import Roots
from simd.supervision import Backoff
from simd.types import ID_BYTES, Change, ChangeKind, ImageId
from simd.vectors.ids import keys, pack_ids
from simd.watch.roots import RootOffline
from simd.watch.rules import RulesUnread

log = logging.getLogger(__name__)

_PAGE = 1000
_STRETCH = 65_536
"""How many images of an index are compared with the catalogue at once."""

_STEP = 100
"""`next` returns after a page of images that are not missing, and after this number of unreachable ones."""

_RETRY_S = (5.0, 3600.0)
"""The first and the longest wait before missing images are retried."""

IsComplete = Callable[[int, int], bool]
"""Called at the end of a pass with the number of missing images and how many of these are unreachable. Returns whether
that is all right; otherwise they are retried."""


class _Pass(Enum):
    """The state of a pass: `begin_pass` begins it, `next` brings it to its end, `decided` judges it there."""

    RESTING = "there is none, until `begin_pass` or until a retry is due"
    OFFERING = "`next` may have more to offer"
    OFFERED = "some of what was offered may be in flight still"


class Backfill:
    """Used by the indexing thread alone, but for its properties.

    Args:
        is_complete: judges the end of a pass; None accepts it when no image is missing.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        targets: Targets,
        catalogue: Catalogue,
        roots: Roots,
        is_complete: IsComplete | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._targets = targets
        self._catalogue = catalogue
        self._roots = roots
        self._is_complete = is_complete or (lambda missing, _: missing == 0)
        self._retry = Backoff(*_RETRY_S, clock)
        self._pass = _Pass.RESTING
        self._offers: Iterator[Change | None] | None = None
        self._found_none = False
        self._seen_missing = 0
        self._seen_unreachable = 0
        # Images of an index that the catalogue did not know when they were last counted.
        self._unknown = 0
        self.unreachable = 0

    @property
    def offering(self) -> bool:
        """Whether `next` may have something now."""
        return self._pass is _Pass.OFFERING

    @property
    def pending(self) -> int:
        """Images to come in this pass; at least 1 until its end was judged, 0 between two of them."""
        if self._pass is _Pass.RESTING:
            return 0
        return max(1, self._difference() + self._unknown - self.unreachable)

    def missing(self) -> int:
        """How many images one of the indexes lacks.

        They are compared one by one, which takes half a second for a million: in a difference of two numbers an image
        that the catalogue does not know would make up for one that is missing.
        """
        return sum(len(self._targets.missing(page)) for page in _pages(self._catalogue.image_ids(), _PAGE))

    def start(self) -> None:
        """Repair what a crash left, and begin the first pass; called once, before `next`."""
        try:
            if homeless := reconcile(self._catalogue, *(target.index for target in self._targets)):
                log.info("mended after a crash: %d vectors without a file are out of the answers", homeless)
        finally:
            self.begin_pass()

    def begin_pass(self) -> None:
        """Begin a pass, unless one has begun."""
        if self._pass is not _Pass.RESTING:
            return
        self._pass = _Pass.OFFERING
        self._targets.trouble = ""
        self._found_none = False
        self._seen_missing = self._seen_unreachable = 0

    def next(self) -> Change | None:
        """The next file to index, or None for now. Considers a bounded number of images."""
        if self.next_due() == 0:
            self.begin_pass()
        if not self.offering:
            return None
        if self._offers is None:
            self._offers = self._go()
        try:
            return next(self._offers)
        except StopIteration:
            self._pass, self._offers = _Pass.OFFERED, None
            return None

    def next_due(self) -> float | None:
        """Seconds until `next` may have something; None while only `begin_pass` leads to that."""
        return self._retry.left_s if self._pass is _Pass.RESTING and self._retry.failing else None

    def decided(self) -> None:
        """All files that were offered are decided: judge the pass if it has come to its end."""
        if self._pass is not _Pass.OFFERED:
            return
        self._pass = _Pass.RESTING
        self.unreachable = self._seen_unreachable
        missing = 0 if self._found_none else self.missing()
        self._unknown = missing - self._difference()
        if self._is_complete(missing, self.unreachable):
            self._retry.succeeded()
        elif missing < self._seen_missing and missing > self.unreachable:
            self._retry.succeeded()
            self.begin_pass()
        else:
            self._retry.failed()

    def _difference(self) -> int:
        """How many more images the catalogue knows than an index holds: those that it lacks, less those that only it
        has."""
        images = self._catalogue.last_counts().images
        return max(images - len(target.index) for target in self._targets)

    def _go(self) -> Iterator[Change | None]:
        for page in _pages(self._catalogue.image_ids(), _PAGE):
            yield None
            missing = self._targets.missing(page)
            self._seen_missing += len(missing)
            for image_id in missing:
                if self._targets.trouble:
                    break
                change = self._offer(image_id)
                if change is None:
                    self._seen_unreachable += 1
                if change is not None or self._seen_unreachable % _STEP == 0:
                    yield change
        self._found_none = not self._seen_missing

    def _offer(self, image_id: ImageId) -> Change | None:
        """A file of the image that can be read now, or None."""
        for path in self._catalogue.files_of([image_id]).get(image_id, ()):
            key = self._roots.locate(path)
            if key is None:
                continue
            with suppress(RootOffline, RulesUnread, OSError):
                if (stamp := self._roots.stat(key)) is not None:
                    return Change(ChangeKind.UPSERT, key, stamp)
        return None


def reconcile(catalogue: Catalogue, *indexes: VectorStore) -> int:
    """Take vectors without a file out of the answers, which a crash left there. Returns how many.

    No search shows them meanwhile, as it shows files; but they would count as images that need no vector.
    """
    packed = bytearray()
    for image_id in catalogue.image_ids():
        packed += image_id
    with_file = keys(np.frombuffer(packed, np.uint8).reshape(-1, ID_BYTES))
    return sum(index.delete(list(_homeless(index, with_file))) for index in indexes)


def _homeless(index: VectorStore, with_file: npt.NDArray[np.bytes_]) -> Iterator[ImageId]:
    """The images of an index that are not in a sorted array."""
    for page in _pages(index.ids(), _STRETCH):
        wanted = keys(pack_ids(page))
        at = np.minimum(np.searchsorted(with_file, wanted), max(0, with_file.size - 1))
        there = with_file[at] == wanted if with_file.size else np.zeros(len(page), dtype=np.bool_)
        yield from (page[row] for row in np.flatnonzero(~there))


def _pages(images: Iterator[ImageId], size: int) -> Iterator[list[ImageId]]:
    while page := list(islice(images, size)):
        yield page
