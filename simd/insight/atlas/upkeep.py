"""Keeps the map in step with the catalogue: new images are placed, those that are gone leave it, and when more than a
third is new it is laid out anew.

It follows the catalogue's change feed, and writes down with every page how far it came; so a stop or a crash costs no
more than a page. A layout is a job of low priority, which `status` shows; the map so far stays, and is kept up, until
that is done. While indexing has much to do, the map is laid out again only once it has trebled.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from simd.catalogue.catalogue import Catalogue
from simd.errors import NotReady, Overloaded, SimdError, for_callers
from simd.insight.atlas.kept import KeptMap
from simd.insight.atlas.maker import Maker
from simd.insight.atlas.places import AtlasState, Places
from simd.insight.atlas.store import Laid
from simd.insight.searched import Searched, Use
from simd.jobs.jobs import Cancelled, Job, Jobs, Progress
from simd.supervision import Backoff, Threads

log = logging.getLogger(__name__)

JOB = "atlas"
"""Its name in `status`."""

_GROWN, _GROWN_MUCH = 1 / 3, 2 / 3
"""Shares of new images with which the map is laid out anew, at rest and while indexing goes on."""
_FULL = 3 / 4
"""So is a map that has so many of its cells taken: new images would come far away from theirs."""
_REST_S = 0.5
"""Seconds between two looks at the feed, as each batch of indexing is news."""
_SOON_S = 1.0
"""Seconds after which it looks without news while something is under way, and else."""
_PERIOD_S = 600.0
_RETRY_S = (2.0, 600.0)
_AGAIN_S = (30.0, 3600.0)
_LASTS = 3
"""So many failures in a row are told in `status`."""
_LOWER_BY = 10


class Upkeep:
    """Runs in a thread of its own from `start` to `close`. `ask`, `state` and `places` are for any thread.

    Args:
        kept: the map.
        maker: lays it out anew.
        catalogue: tells which images there are.
        searched: where new images are searched for.
        jobs: runs layouts.
        busy: whether indexing has something to do.
        threads: runs the thread.
        rest_s: seconds between two looks at the feed.
        soon_s: seconds after which it looks without news while something is under way.
        retry: the waits before the feed is followed again after an error.
        again: the waits before a layout is tried again.
        later: the waits before images that could not be placed are tried again.
    """

    def __init__(
        self,
        *,
        kept: KeptMap,
        maker: Maker,
        catalogue: Catalogue,
        searched: Use,
        jobs: Jobs,
        busy: Callable[[], bool] = lambda: False,
        threads: Threads | None = None,
        rest_s: float = _REST_S,
        soon_s: float = _SOON_S,
        retry: Backoff | None = None,
        again: Backoff | None = None,
        later: Backoff | None = None,
    ) -> None:
        self._kept = kept
        self._maker = maker
        self._catalogue = catalogue
        self._searched = searched
        self._jobs = jobs
        self._busy = busy
        self._threads = threads or Threads()
        self._rest_s = rest_s
        self._soon_s = soon_s
        self._retry = retry or Backoff(*_RETRY_S)
        self._again = again or Backoff(*_AGAIN_S)
        self._later = later or Backoff(*_RETRY_S)
        self._trouble = self._layout_trouble = ""
        self._failures = 0
        self._job: Job[Laid | None] | None = None
        self._asked = threading.Event()
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """Why the map is not kept up, if that lasts, or not laid out, for callers; empty while it is."""
        return (self._trouble if self._failures >= _LASTS else "") or self._layout_trouble

    def start(self) -> None:
        """Begin with what is missing now."""
        self._news.set()
        self._catalogue.on_commit(self._news.set)
        self._thread = self._threads.start("atlas", self._run, self._closing)

    def close(self) -> None:
        """End at the next page, and end a layout under way."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()
        if self._job is not None:
            self._job.cancel()
            self._job.wait()

    def ask(self) -> None:
        """Have the map laid out anew.

        Raises:
            Overloaded: that is under way.
        """
        if self._asked.is_set() or self._job is not None:
            raise Overloaded("the map is being laid out already", remedy="wait until that has ended")
        self._asked.set()
        self._news.set()

    def places(self) -> Places | None:
        """Where images are, now; None while there is no map."""
        return self._kept.shown.places

    def state(self) -> AtlasState:
        """How the map is."""
        shown, job = self._kept.shown, self._job
        places = shown.places
        status = job.status if job is not None else None
        return AtlasState(
            state="ready" if places is not None else "laying_out" if status is not None else "none",
            detail=self._trouble or self._layout_trouble,
            revision=places.revision if places else 0,
            images=len(places.ids) if places else 0,
            pending=shown.pending,
            added=shown.added,
            side=places.side if places else 0,
            levels=places.levels if places else 0,
            laid_out_ms=shown.laid_out_ms,
            done=status.done if status else 0,
            total=status.total if status else 0,
        )

    def _run(self) -> None:
        # Searches come first.
        os.nice(_LOWER_BY)
        while not self._closing.is_set():
            self._news.clear()
            complete = True
            try:
                complete = self._turn()
                self._trouble, self._failures = "", 0
                self._retry.succeeded()
            except SimdError as error:
                self._kept.forget()
                self._trouble, self._failures = for_callers(error), self._failures + 1
                log.error("the map is not kept up, which is tried again in %g s: %s", self._retry.failed(), error)
            except BaseException:
                self._kept.forget()
                raise
            if self._retry.failing:
                self._closing.wait(self._retry.left_s)
            elif complete:
                self._news.wait(self._until_next_s())
                self._closing.wait(self._rest_s)

    def _turn(self) -> bool:
        """Do what there is to do; whether that was all."""
        kept, is_over = self._kept, self._closing.is_set
        kept.open()
        with self._searched() as searched:
            ended = self._take()
            try:
                complete = kept.follow(searched, is_over)
            finally:
                # Not before callers see what came of it.
                self._job = None if ended else self._job
            if kept.waiting and not self._later.left_s:
                kept.place_waiting(searched, is_over)
                self._later.failed() if kept.waiting else self._later.succeeded()
            if not is_over() and self._is_due(searched):
                self._begin()
        return complete

    def _until_next_s(self) -> float:
        if self._job is not None or self._is_grown(_GROWN):
            return self._soon_s
        waits = [wait.left_s for wait in (self._again, self._later) if wait.failing]
        return max(self._soon_s, min([*waits, _PERIOD_S]))

    def _is_due(self, searched: Searched) -> bool:
        """Whether the map is to be laid out now."""
        if self._job is not None:
            return False
        if self._asked.is_set():
            return True
        if self._again.left_s:
            return False
        if not self._kept.is_there:
            return self._catalogue.counts().images > 0
        if self._kept.fingerprint != searched.fingerprint:
            return True
        return self._is_grown(_GROWN_MUCH) or (self._is_grown(_GROWN) and not self._busy())

    def _is_grown(self, share: float) -> bool:
        """Whether so large a share of the map is new, or the map is full."""
        shown = self._kept.shown
        if shown.places is None:
            return False
        images, side = len(shown.places.ids), shown.places.side
        return shown.added > share * images or images > _FULL * side * side

    def _begin(self) -> None:
        """Begin to lay the map out."""
        before = self._kept.shown.places

        def work(progress: Progress) -> Laid | None:
            try:
                return self._maker.make(before, progress)
            finally:
                self._news.set()

        try:
            self._job = self._jobs.start(JOB, work, "steps")
        except NotReady:
            self._closing.set()
        self._asked.clear()

    def _take(self) -> bool:
        """Have the outcome of a layout that has ended; whether that was so.

        Raises:
            StoreError: it cannot be kept now.
        """
        if self._job is None or not self._job.wait(0):
            return False
        try:
            laid = self._job.result()
        except Cancelled:
            self._again.failed()
            return True
        except Exception as error:  # noqa: BLE001 - it is told, and the job has logged what nobody thought of
            self._layout_trouble = for_callers(error)
            log.error("the map was not laid out, which is tried again in %g s: %s", self._again.failed(), error)
            return True
        if laid is None:
            # Nothing has a vector yet.
            self._again.failed()
        else:
            self._kept.take(laid)
            self._again.succeeded()
        self._layout_trouble = ""
        return True
