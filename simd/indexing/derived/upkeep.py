"""Keeps a store of derived bytes in step with the catalogue: made for images that lack them, dropped with those that
are forgotten.

It follows the catalogue's change feed, and writes down with every page how far it came; so a stop or a crash costs no
more than a page. Mostly indexing has kept them before the feed tells of an image, and a page is a look into the
store. What is missing (indexed before, lost, of another version) is made by a job of low priority, which `status`
shows: it hands a few files at a time to the decode workers of indexing.

What cannot be decoded now (its root is offline) is tried again later, ever more seldom: the position is then forgotten,
and everything looked through once more.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, wait

from simd.catalogue.catalogue import Catalogue
from simd.derived.store import DerivedStore
from simd.errors import DecoderUnavailable, NotReady, SimdError, StoreError
from simd.featurize.workers.pool import DecodedFile, FileDecoder
from simd.indexing.derived.recipe import Recipe
from simd.jobs.jobs import Cancelled, Jobs, Progress
from simd.supervision import Backoff, Threads
from simd.types import ImageId

log = logging.getLogger(__name__)

_PAGE = 500
_BATCH = 16
"""So many are written together."""
_REST_S = 2.0
"""Seconds between two looks at the feed, as each batch of indexing is news."""
_PERIOD_S = 600.0
"""Seconds after which it looks without news."""
_RETRY_S = (60.0, 3600.0)
_STEP_S = 0.5
"""How soon a job notices that it was cancelled."""


class Upkeep:
    """Runs in a thread of its own from `start` to `close`.

    Args:
        store: where they are kept; its job is called like what it keeps.
        recipe: how they are made.
        catalogue: tells which images there are.
        decoder: decodes files.
        jobs: runs what takes long.
        paused: whether nothing is to be decoded now.
        at_once: so many files are decoded at the same time.
        threads: runs the thread.
        rest_s: seconds between two looks at the feed.
        retry: the waits before what failed is tried again.
    """

    def __init__(
        self,
        *,
        store: DerivedStore,
        recipe: Recipe,
        catalogue: Catalogue,
        decoder: FileDecoder,
        jobs: Jobs,
        paused: Callable[[], bool] = lambda: False,
        at_once: int = 1,
        threads: Threads | None = None,
        rest_s: float = _REST_S,
        retry: Backoff | None = None,
    ) -> None:
        self._store = store
        self._recipe = recipe
        self._catalogue = catalogue
        self._decoder = decoder
        self._jobs = jobs
        self._paused = paused
        self._at_once = at_once
        self._threads = threads or Threads()
        self._rest_s = rest_s
        self._retry = retry or Backoff(*_RETRY_S)
        self._closing = threading.Event()
        self._news = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with what is missing now."""
        self._news.set()
        self._catalogue.on_commit(self._news.set)
        self._thread = self._threads.start(self._store.kind.name, self._run, self._closing)

    def close(self) -> None:
        """End at the next picture."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._news.clear()
            try:
                self._turn()
            except (StoreError, DecoderUnavailable) as error:
                wait_s = self._retry.failed()
                log.error("%s are not kept up, which is tried again in %g s: %s", self._store.kind.noun, wait_s, error)
            if self._retry.failing:
                self._closing.wait(self._retry.left_s)
            else:
                self._news.wait(_PERIOD_S)
                self._closing.wait(self._rest_s)

    def _turn(self) -> None:
        """Follow the feed to its end."""
        self._store.mend()
        skipped = self._follow(None)
        if skipped is None:
            skipped = self._follow_as_job()
        if skipped:
            log.info("of %d pictures no %s can be made now; they are tried again later", skipped, self._store.kind.noun)
            self._store.look_again()
            self._retry.failed()
        else:
            self._retry.succeeded()

    def _follow_as_job(self) -> int:
        try:
            job = self._jobs.start(self._store.kind.name, self._follow, "pictures")
        except NotReady:
            return 0
        while not job.wait(_STEP_S):
            if self._closing.is_set():
                job.cancel()
        try:
            return job.result() or 0
        except Cancelled:
            return 0

    def _follow(self, progress: Progress | None) -> int | None:
        """Follow the feed to its end, and make what is missing; of how many images that could not be done.

        Args:
            progress: of the job that this is done in; without one nothing is decoded, and None says that something has
                to be.
        """
        skipped = 0
        if progress is not None:
            progress.expect(self._catalogue.counts().images)
        while True:
            before = self._store.followed
            page = self._catalogue.changes(before, _PAGE)
            if page.starts_over:
                self._sweep()
            lacking = self._store.missing([change.image_id for change in page.changes if change.present])
            if lacking and progress is None:
                return None
            if progress is not None:
                progress.step(len(page.changes) - len(lacking))
                skipped += self._make(lacking, progress)
            if page.position != before:
                self._store.follow(
                    page.position, self._forgotten([change.image_id for change in page.changes if not change.present])
                )
            if page.complete:
                return skipped

    def _sweep(self) -> None:
        """Drop what is of no image, as the feed does not tell of it."""
        for page in self._store.image_ids():
            gone = self._forgotten(page)
            if gone:
                self._store.drop(gone)

    def _forgotten(self, image_ids: Sequence[ImageId]) -> list[ImageId]:
        """Those that the catalogue knows no more; images without a file may be back soon."""
        known = self._catalogue.facts_of(image_ids)
        return [image_id for image_id in image_ids if image_id not in known]

    def _make(self, image_ids: Sequence[ImageId], progress: Progress) -> int:
        """Make and keep what is derived of images; of how many that could not be done."""
        made: dict[ImageId, bytes] = {}
        skipped = 0
        for image_id, data in self._made(image_ids, progress):
            if data is None:
                skipped += 1
            else:
                made[image_id] = data
            if len(made) >= _BATCH:
                self._store.put(made)
                made = {}
            progress.step(1)
        self._store.put(made)
        return skipped

    def _made(self, image_ids: Sequence[ImageId], progress: Progress) -> Iterator[tuple[ImageId, bytes | None]]:
        """What is made of each image, None where that fails; a few are on their way at a time."""
        paths = self._catalogue.files_of(image_ids)
        under_way: deque[tuple[ImageId, Future[DecodedFile] | None]] = deque()
        left = iter(image_ids)
        try:
            while True:
                while len(under_way) < self._at_once and (image_id := next(left, None)) is not None:
                    self._wait_for_leave(progress)
                    under_way.append((image_id, self._begun(image_id, paths.get(image_id, ()))))
                if not under_way:
                    return
                image_id, work = under_way.popleft()
                yield image_id, None if work is None else self._ended(work, progress)
        finally:
            for _, work in under_way:
                if work is not None:
                    work.cancel()

    def _wait_for_leave(self, progress: Progress) -> None:
        """Return when something may be decoded.

        Raises:
            Cancelled: nobody wants it any more.
        """
        while self._paused() and not self._closing.wait(_STEP_S):
            progress.step()
        if self._closing.is_set():
            raise Cancelled

    def _begun(self, image_id: ImageId, paths: Sequence[bytes]) -> Future[DecodedFile] | None:
        """The decoding of a file of an image that is there now."""
        path = next(filter(os.path.isfile, paths), None)
        if path is None:
            return None
        return self._decoder.submit_file(path, lambda found: (self._recipe.rendition,) if found == image_id else ())

    def _ended(self, work: Future[DecodedFile], progress: Progress) -> bytes | None:
        """What came of a decoding; None where it failed, or the file holds something else by now.

        Raises:
            DecoderUnavailable: nothing can be decoded now.
            Cancelled: nobody wants it.
        """
        # Not by the timeout of `result`: a file on a network may itself end with a TimeoutError.
        while not wait([work], _STEP_S).done:
            try:
                progress.step()
            except Cancelled:
                work.cancel()
                raise
        try:
            return self._recipe.of(work.result())
        except CancelledError as error:
            raise Cancelled from error
        except DecoderUnavailable:
            raise
        except (SimdError, OSError):
            return None
