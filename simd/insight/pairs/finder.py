"""Keeps the pairs in step with the catalogue: found of what is new, dropped with what is forgotten.

It follows the catalogue's change feed, and writes down with every page how far it came; so a stop or a crash costs no
more than a page. A few new images are looked at in its own thread, so that they are in their groups at once; many are a
job, which `status` shows. What cannot be looked at now (it has no vector or features yet, its root is offline) is
written down, and tried again ever more seldom.

An image's pairs are bounded, so of a large group some may lack: once nothing new has come for a while, whoever makes
groups is asked which pairs it wants to have judged, and the outcome is kept, whatever it is.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.feed import Changes
from simd.errors import NotReady, SimdError
from simd.insight.pairs.look import Found, Look
from simd.insight.pairs.sources import Closing
from simd.insight.pairs.store import PairStore
from simd.insight.searched import Searched
from simd.jobs.jobs import Cancelled, Jobs, Progress
from simd.supervision import Backoff, Threads
from simd.types import ImageId

log = logging.getLogger(__name__)

JOB = "pairs"
"""Its name in `status`."""

Wanted = Callable[[], Sequence[tuple[ImageId, ImageId]]]
"""Pairs that somebody wants to have judged; those that are stored are not asked for again."""

_PAGE = 500
_FEW = 64
"""So many new images are no job."""
_BATCH = 16
"""So many are searched for together."""
_WANTED = 128
"""So many wanted pairs are judged in one go."""
_QUIET_S = 1.0
"""Seconds without news after which it is asked what is wanted."""
_QUIET_SHARE = 10.0
"""As many times as long as the answer took to be made."""
_REST_S = 0.05
"""Seconds between two looks at the feed, as each batch of indexing is news."""
_PERIOD_S = 600.0
"""Seconds after which it looks without news."""
_RETRY_S = (2.0, 600.0)
_LASTS = 3
"""So many failures in a row are told to callers."""
_STEP_S = 0.2
"""How soon a job notices that it was cancelled."""
_LOWER_BY = 10
"""Searches come first: the niceness of whoever looks."""


class Finder:
    """Runs in a thread of its own from `start` to `close`.

    Args:
        store: where pairs are kept.
        catalogue: tells which images there are.
        look: finds the pairs of new images.
        searched: what they are searched in, which stays open until the block ends.
        jobs: runs what takes long.
        paused: whether nothing is to be done now that may wait.
        cores: so many images are looked at at the same time.
        wanted: what is to be judged beside that.
        closing: is set by `close`; ends what `look` waits for.
        threads: runs the thread.
        rest_s: seconds between two looks at the feed.
        retry: the waits before what failed is tried again.
        later: the waits before images that cannot be looked at yet are.
        quiet_s: seconds without news after which it is asked what is wanted.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        *,
        store: PairStore,
        catalogue: Catalogue,
        look: Look,
        searched: Callable[[], AbstractContextManager[Searched]],
        jobs: Jobs,
        closing: threading.Event,
        paused: Callable[[], bool] = lambda: False,
        cores: int = 1,
        wanted: Wanted = tuple,
        threads: Threads | None = None,
        rest_s: float = _REST_S,
        retry: Backoff | None = None,
        later: Backoff | None = None,
        quiet_s: float = _QUIET_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._look = look
        self._searched = searched
        self._jobs = jobs
        self._paused = paused
        self._cores = cores
        self._wanted = wanted
        self._threads = threads or Threads()
        self._rest_s = rest_s
        self._retry = retry or Backoff(*_RETRY_S)
        self._later = later or Backoff(*_RETRY_S)
        self._quiet_least_s = self._quiet_s = quiet_s
        self._clock = clock
        self._failures = 0
        self._trouble = ""
        self._closing = closing
        self._news = threading.Event()
        self._pool = ThreadPoolExecutor(cores, "pairs", initializer=lambda: os.nice(_LOWER_BY))
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """Why pairs are not kept up, for callers, if that lasts; empty while they are."""
        return self._trouble if self._failures >= _LASTS else ""

    def start(self) -> None:
        """Begin with what is missing now."""
        self.wake()
        self._catalogue.on_commit(self.wake)
        self._thread = self._threads.start("pairs", self._run, self._closing)

    def wake(self) -> None:
        """There is something new, or something wanted."""
        self._news.set()

    def close(self) -> None:
        """End at the next image."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._news.clear()
            try:
                self._turn()
            except Closing:
                return
            except SimdError as error:
                wait_s = self._failed(error.told or str(error))
                log.error("pairs are not kept up, which is tried again in %g s: %s", wait_s, error)
            if self._retry.failing:
                self._closing.wait(self._retry.left_s)
            else:
                self._news.wait(self._until_next_s())
                self._closing.wait(self._rest_s)

    def _turn(self) -> None:
        """Do all that there is to do."""
        self._store.mend()
        if not self._follow(None):
            self._follow_as_job()
        if self._store.revision != self._store.settled_at and not self._news.wait(self._quiet_s):
            self._judge_wanted()
        self._failures, self._trouble = 0, ""
        self._retry.succeeded()

    def _until_next_s(self) -> float:
        return min(_PERIOD_S, self._later.left_s if self._later.failing else _PERIOD_S)

    def _failed(self, why: str) -> float:
        self._failures += 1
        self._trouble = why
        return self._retry.failed()

    def _follow_as_job(self) -> None:
        try:
            job = self._jobs.start(JOB, self._follow, "pictures")
        except NotReady:
            raise Closing from None
        while not job.wait(_STEP_S):
            if self._closing.is_set():
                job.cancel()
        try:
            job.result()
        except Cancelled:
            raise Closing from None

    def _follow(self, progress: Progress | None) -> bool:
        """Follow the feed to its end, and look at what was put off if it is time.

        Args:
            progress: of the job that this is done in; without one False says that there is too much to do.
        """
        complete = False
        while not complete:
            with self._searched() as searched:
                self._store.begin(self._look.rules(searched))
                page = self._catalogue.changes(self._store.followed, _PAGE)
                if page.starts_over:
                    self._sweep()
                fresh = self._store.not_looked_at([change.image_id for change in page.changes if change.present])
                if not self._may_look(fresh, progress):
                    return False
                self._look_at(fresh, searched, progress)
                self._finish(page)
            complete = page.complete
        return self._look_at_put_off(progress)

    def _may_look(self, images: Sequence[ImageId], progress: Progress | None) -> bool:
        if progress is None:
            return len(images) <= _FEW
        looked_at, _ = self._store.counts()
        self._store.pending = max(0, self._catalogue.counts().images - looked_at)
        progress.expect(progress.done + self._store.pending)
        return True

    def _look_at_put_off(self, progress: Progress | None) -> bool:
        """Look at images that could not be looked at before, if it is time; whether that was done."""
        done = left = 0
        for images in self._store.image_ids(later=True) if not self._later.left_s else ():
            if not self._may_look(images, progress):
                return False
            with self._searched() as searched:
                skipped = self._look_at(images, searched, progress)
            left += skipped
            done += len(images) - skipped
        if done:
            self._later.succeeded()
        if left:
            self._later.failed()
        _, self._store.pending = self._store.counts()
        if self._store.pending and not self._later.failing:
            self._later.failed()
        return True

    def _look_at(self, images: Sequence[ImageId], searched: Searched, progress: Progress | None) -> int:
        """Look at images, a few on each core at a time; how many are put off."""
        place = {image_id: number for number, image_id in enumerate(images)}
        left = deque(images[start : start + _BATCH] for start in range(0, len(images), _BATCH))
        under_way: deque[tuple[Sequence[ImageId], Future[Found]]] = deque()
        put_off = 0
        try:
            while left or under_way:
                while left and len(under_way) <= self._cores:
                    self._wait_for_leave(progress)
                    some = left.popleft()
                    under_way.append((some, self._pool.submit(self._look.look, some, place, searched)))
                found = self._found(*under_way.popleft())
                self._store.put(found.pairs, found.looked_at, found.skipped)
                put_off += len(found.skipped)
                if progress is not None:
                    progress.step(len(found.looked_at))
        finally:
            # What is searched in is closed afterwards.
            works = [work for _, work in under_way]
            for work in works:
                work.cancel()
            wait(works)
        return put_off

    def _found(self, images: Sequence[ImageId], work: Future[Found]) -> Found:
        """What came of looking; after an error that nobody thought of they are put off, and hold up no others."""
        try:
            return work.result()
        except (SimdError, Closing):
            raise
        except Exception as error:  # noqa: BLE001 - it is logged and counted
            self._threads.failed("pairs", error)
            return Found([], {}, list(images))

    def _wait_for_leave(self, progress: Progress | None) -> None:
        """Return when something may be done.

        Raises:
            Closing: the daemon stops.
            Cancelled: nobody wants it any more.
        """
        while progress is not None and self._paused() and not self._closing.wait(_STEP_S):
            progress.step()
        if self._closing.is_set():
            raise Closing

    def _finish(self, page: Changes) -> None:
        """Remember that a page is dealt with, and what is gone."""
        absent = [change.image_id for change in page.changes if not change.present]
        known = self._catalogue.facts_of(absent)
        gone = [image_id for image_id in absent if image_id not in known]
        if page.changes or self._store.followed != page.position:
            self._store.follow(page.position, gone, list(known))

    def _sweep(self) -> None:
        """Drop what is of no image, as the feed does not tell of it."""
        for images in self._store.image_ids():
            known = self._catalogue.facts_of(images)
            gone = [image_id for image_id in images if image_id not in known]
            if gone:
                self._store.drop(gone)

    def _judge_wanted(self) -> None:
        """Judge what somebody wants to know, until there is news."""
        tried: set[tuple[ImageId, ImageId]] = set()
        while not self._news.is_set():
            began, revision = self._clock(), self._store.revision
            wanted = {(min(two), max(two)) for two in self._wanted()} - tried
            self._quiet_s = max(self._quiet_least_s, _QUIET_SHARE * (self._clock() - began))
            known = self._store.of_any({image_id for two in wanted for image_id in two})
            asked = sorted(wanted.difference((pair.first, pair.second) for pair in known))[:_WANTED]
            if not asked:
                self._store.settled_at = revision
                return
            with self._searched() as searched:
                self._store.put(self._look.judge(asked, searched))
            tried.update(asked)
