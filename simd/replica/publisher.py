"""Publishes what this host has indexed, in a thread of its own, and is what may be asked of that.

The catalogue's change feed is the outbox: it is durable, holds each image once, and takes no memory however long the
engine is away. A change is published some tenths of a second after its commit. What fails is tried again ever more
seldom, each host a little later than the others, as the same engine fails them all; nobody who indexes or searches
waits for it.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.errors import NotReady, ReplicaRefused, ReplicaUnavailable, SimdError, StoreError, for_callers
from simd.replica.delivery import Use
from simd.replica.state import Phase, ReplicaState
from simd.replica.store import ReplicaStore
from simd.replica.unpublished import Unpublished
from simd.replica.upkeep import Interrupted, Upkeep
from simd.supervision import Backoff, Threads

log = logging.getLogger(__name__)

_REST_S = 0.1
"""Seconds between two looks at the feed, as each batch of indexing is news."""
_QUIET_S = 1.0
"""Seconds without news after which entities are counted, if some were written."""
_LOOK_S = 60.0
"""Seconds after which they are counted in any case."""
_RETRY_S = (0.5, 30.0)
_REFUSED_S = (10.0, 600.0)
_SPREAD = 0.25
"""A wait is longer by up to this share of it."""
_LASTS = 3
"""So many failures in a row are told as a problem."""
_MANY = 10_000
_DROP_WITHIN_S = 30.0
_CLOSE_WITHIN_S = 2.0
_LOWER_BY = 10

_DROPPED = "nothing is published until `simctl replica rebuild`"
_OPENING = "the replica was not reached yet"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait, in seconds.

    Attributes:
        rest_s: between two looks at the feed.
        quiet_s: without news, before entities are counted after a change.
        look_s: between two counts.
        drop_within_s: for the outcome of a drop.
        close_within_s: for a call of the engine to end.
    """

    rest_s: float = _REST_S
    quiet_s: float = _QUIET_S
    look_s: float = _LOOK_S
    drop_within_s: float = _DROP_WITHIN_S
    close_within_s: float = _CLOSE_WITHIN_S


@dataclass(frozen=True, slots=True, eq=False)
class _Drop:
    """A caller that waits for the outcome of the orders with this number."""

    number: int
    outcome: Future[int]


class Publisher:
    """Runs from `start` to `close`; implements `Publishing`.

    Args:
        store: what is known from turn to turn.
        catalogue: tells which images there are.
        use: what is published, and where.
        address: where that is, for people.
        host: the name under which it is published.
        searched: whether searches are put to the replica.
        threads: runs the thread.
        timing: how long to wait.
        retry: the waits after an error.
        refused: the waits after the replica was refused.
        later: the waits before images without a vector are tried again.
        doubt: the waits before another audit, while the number of images stays other than it should be.
        many: after so many new entities the engine is told to put its collection in order.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        store: ReplicaStore,
        catalogue: Catalogue,
        use: Use,
        address: str,
        host: str,
        searched: bool = False,
        threads: Threads | None = None,
        timing: Timing | None = None,
        retry: Backoff | None = None,
        refused: Backoff | None = None,
        later: Backoff | None = None,
        doubt: Backoff | None = None,
        many: int = _MANY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._address = address
        self._host = host
        self._searched = searched
        self._threads = threads or Threads()
        self._timing = timing or Timing()
        self._retry = retry or Backoff(*_RETRY_S)
        self._refused = refused or Backoff(*_REFUSED_S)
        self._since = store.since
        self._unpublished = Unpublished(self._since, clock)
        self._failures = 0
        self._trouble: tuple[Phase, str] | None = (Phase.BEHIND, _OPENING)
        self._outbox = 0
        self._orders = store.orders
        self._drops: deque[_Drop] = deque()
        self._answering = threading.Lock()
        self._news, self._asked, self._closing = threading.Event(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._looked = time.monotonic()
        self._upkeep = Upkeep(
            store=store,
            catalogue=catalogue,
            use=use,
            host=host,
            unpublished=self._unpublished,
            news=self._news,
            closing=self._closing,
            went_on=self._recovered,
            later=later,
            doubt=doubt,
            many=many,
            clock=clock,
        )

    def start(self) -> None:
        """Begin with what is missing now."""
        self._changed()
        self._catalogue.on_commit(self._changed)
        self._thread = self._threads.start("replica", self._run, self._closing)

    def close(self) -> bool:
        """End at the next page; whether it has ended: a call of the engine that takes long is left to itself."""
        self._closing.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(self._timing.close_within_s)
        self._end_drops()
        ended = self._thread is None or not self._thread.is_alive()
        if not ended:
            log.warning("the engine of the replica does not answer; what it was sent is sent again at the next start")
        return ended

    @property
    def problem(self) -> str:
        """Why the replica is not kept up, if that lasts, for callers; empty while it is."""
        trouble = self._trouble
        if trouble is None or (self._failures < _LASTS and trouble[0] is not Phase.REFUSED):
            return ""
        return trouble[1]

    def state(self) -> ReplicaState:
        """How it stands; never waits for the engine."""
        dropped, trouble, counted = self._store.orders.dropped, self._trouble, self._upkeep.counted
        with suppress(StoreError):
            self._outbox = self._catalogue.behind(self._upkeep.position) + self._upkeep.waiting + self._upkeep.lacking
        outbox = 0 if dropped else self._outbox
        is_left = outbox or self._store.orders.anew or self._upkeep.position is None
        phase, detail = trouble or ((Phase.BEHIND, self._what_is_left()) if is_left else (Phase.CURRENT, ""))
        if dropped:
            phase, detail = Phase.DROPPED, _DROPPED
            if not self._store.orders.cleared:
                detail += "; what is there is still to be taken out" + (f": {trouble[1]}" if trouble else "")
        return ReplicaState(
            address=self._address,
            host=self._host,
            phase=phase,
            detail=detail,
            outbox=outbox,
            outbox_age_s=self._unpublished.age_s if outbox else 0.0,
            images=counted.images,
            images_of_all=counted.images_of_all,
            searched=self._searched,
        )

    def rebuild(self) -> None:
        """Have everything published anew, under this host's name whoever had it.

        Raises:
            StoreError: that cannot be written down; nothing has changed.
        """
        self._store.rebuild()
        self._upkeep.position = None
        self._unpublished.changed()
        self._wake()

    def drop(self) -> int:
        """Publish nothing more, until `rebuild`, and take all that is there out. Returns how many images that were.

        Raises:
            ReplicaUnavailable, ReplicaRefused: they are taken out as soon as that is possible.
            StoreError: it cannot be written down; nothing has changed.
            NotReady: the daemon is stopping; they are taken out after the next start.
        """
        outcome: Future[int] = Future()
        self._drops.append(_Drop(self._store.drop().number, outcome))
        self._wake()
        if self._closing.is_set():
            self._end_drops()
        try:
            return outcome.result(self._timing.drop_within_s)
        except TimeoutError:
            raise ReplicaUnavailable(
                f"what was published was not taken out within {self._timing.drop_within_s:g} s; that goes on"
            ) from None
        finally:
            # Its error holds this frame.
            del outcome

    def _changed(self) -> None:
        self._unpublished.changed()
        self._news.set()

    def _wake(self) -> None:
        self._asked.set()
        self._news.set()

    def _run(self) -> None:
        # Searches come first.
        os.nice(_LOWER_BY)
        look = False
        while not self._closing.is_set():
            self._asked.clear()
            self._news.clear()
            if self._closing.is_set():
                return
            try:
                self._turn(look or time.monotonic() - self._looked > self._timing.look_s)
            except Interrupted:
                look = False
                continue
            except SimdError as error:
                self._asked.wait(self._failed(error))
                look = False
                continue
            except Exception as error:
                self._failures += 1
                self._trouble = Phase.BEHIND, for_callers(error)
                raise
            self._recovered()
            look = not self._news.wait(self._until_next_s())
            self._asked.wait(self._timing.rest_s)

    def _turn(self, look: bool) -> None:
        if self._store.mend():
            self._since = None
        self._orders = orders = self._store.orders
        if not orders.dropped:
            self._answer_drops(error=ReplicaUnavailable("the replica is rebuilt, so nothing was taken out"))
            self._upkeep.publish(orders, look=look)
        elif not orders.cleared:
            self._answer_drops(self._upkeep.clear(orders))
        if look:
            self._looked = time.monotonic()
        self._remember()

    def _until_next_s(self) -> float:
        if self._upkeep.is_counted or self._store.orders.dropped:
            waits = [self._timing.look_s, self._upkeep.later_s]
        else:
            waits = [self._timing.quiet_s, self._upkeep.later_s]
        return min(wait for wait in waits if wait is not None)

    def _recovered(self) -> None:
        self._failures, self._trouble = 0, None
        self._retry.succeeded()
        self._refused.succeeded()

    def _failed(self, error: SimdError) -> float:
        """Tell of an error; seconds until the next attempt."""
        refused = isinstance(error, ReplicaRefused)
        phase = Phase.REFUSED if refused else Phase.DOWN if isinstance(error, ReplicaUnavailable) else Phase.BEHIND
        told = for_callers(error)
        if self._trouble != (phase, told):
            log.error("the replica is not kept up, which is tried again: %s", error)
        self._failures += 1
        self._trouble = phase, told
        self._answer_drops(error=error)
        with suppress(StoreError):
            self._remember()
        wait_s = self._refused.failed() if refused else self._retry.failed()
        return wait_s * (1 + _SPREAD * random.random())

    def _remember(self) -> None:
        """Have a restart know since when something is unpublished."""
        since = self._unpublished.since if self._failures or self._upkeep.waiting else None
        if since != self._since:
            self._store.set_since(since)
            self._since = since

    def _what_is_left(self) -> str:
        if self._upkeep.lacking:
            return "the replica has not as many images as it should, so all are compared with it"
        waiting = self._upkeep.waiting
        return f"{waiting} images have no vector yet" if waiting else "images are being published"

    def _answer_drops(self, taken: int = 0, error: SimdError | None = None) -> None:
        """Answer those that wait for what came of the present orders, or of earlier ones."""
        with self._answering:
            while self._drops and self._drops[0].number <= self._orders.number:
                outcome = self._drops.popleft().outcome
                if error is None:
                    outcome.set_result(taken)
                else:
                    outcome.set_exception(error)

    def _end_drops(self) -> None:
        self._orders = self._store.orders
        self._answer_drops(error=NotReady("the daemon is stopping"))
