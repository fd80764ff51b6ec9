"""One turn of publishing: what the catalogue's change feed tells is brought to the replica, page by page.

Each turn opens the collection and claims the host's name first, so nothing is written to a collection of another model,
or under a name that another state directory has by now. Where the feed starts over, because nothing was published yet
or the collection is a new one, what is there is read and only what differs is written. The same is an *audit*, which
runs once a day and whenever the collection does not have as many images of this host as it should; changes that come
meanwhile are published between its pages.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.feed import Changes, Position
from simd.errors import ReplicaRefused
from simd.index.replica import SCHEMA_VERSION, Replica
from simd.replica.delivery import Delivery, Source, Use
from simd.replica.known import Known
from simd.replica.store import Orders, ReplicaStore
from simd.replica.unpublished import Unpublished
from simd.supervision import Backoff
from simd.types import ImageId

log = logging.getLogger(__name__)

_PAGE = 500
_AUDIT_S = 86400.0
"""Seconds between two audits."""
_LATER_S = (2.0, 600.0)
_DOUBT_S = (60.0, 86400.0)


class Interrupted(Exception):
    """The turn is over before its end: the daemon stops, there are other orders, or another model answers."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a turn began with: the orders, and the model whose vectors are published."""

    orders: Orders
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Entities in the collection, of this host and of all; what has been there when they were counted last."""

    images: int = 0
    images_of_all: int = 0


class Upkeep:
    """Of one thread, but for the attributes.

    Args:
        store: what is known from turn to turn.
        catalogue: tells which images there are.
        use: what is published, and where.
        host: the name under which it is.
        unpublished: is told what was published.
        news: is set by every change of the catalogue.
        closing: ends a turn.
        went_on: is called after each page that was published.
        later: the waits before images without a vector are tried again.
        doubt: the waits before another audit, while the number of images stays other than it should be.
        many: after so many new entities the engine is told to put its collection in order.
        clock: seconds since the epoch.

    Attributes:
        position: how far the feed was followed; None where everything is to be published.
        waiting: images that have no vector yet.
        lacking: by how many the images that were counted differ from what they should be.
        counted: how many entities there are.
        is_counted: whether nothing was written since they were counted.
    """

    def __init__(
        self,
        *,
        store: ReplicaStore,
        catalogue: Catalogue,
        use: Use,
        host: str,
        unpublished: Unpublished,
        news: threading.Event,
        closing: threading.Event,
        went_on: Callable[[], None],
        later: Backoff | None = None,
        doubt: Backoff | None = None,
        many: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._use = use
        self._host = host
        self._unpublished = unpublished
        self._news = news
        self._closing = closing
        self._went_on = went_on
        self._later = later or Backoff(*_LATER_S)
        self._doubt = doubt or Backoff(*_DOUBT_S)
        self._many = many
        self._clock = clock
        self._delivery = Delivery(catalogue, host)
        self._settled_at = 0
        self.position: Position | None = store.position
        self.waiting = store.count_waiting()
        self.counted = Counted()
        self.is_counted = False
        self.lacking = 0

    @property
    def later_s(self) -> float | None:
        """Seconds after which images without a vector are to be tried again; None if there are none."""
        return self._later.left_s if self._later.failing else None

    def publish(self, orders: Orders, *, look: bool) -> None:
        """Publish what has changed.

        Args:
            orders: what is wanted; not to drop.
            look: whether to look at the collection as well, to see that it is what it should be.

        Raises:
            Interrupted: there may be more to do.
            ReplicaUnavailable, ReplicaRefused: the replica cannot be written to now.
            StoreError: the file, the catalogue or the index cannot be read or written.
        """
        with self._use() as source:
            turn = self._enter(source, orders)
        self._follow(turn)
        self._try_waiting(turn)
        if self._delivery.put - self._settled_at > self._many:
            with self._source(turn) as source:
                source.replica.settle()
            self._settled_at = self._delivery.put
        if look and self._is_doubtful(turn):
            self._audit(turn)

    def clear(self, orders: Orders) -> int:
        """Take everything of this host out of the collection, and give its name up. Returns how many images it was.

        Raises:
            ReplicaUnavailable, ReplicaRefused: it may be there still.
            StoreError: it is not known to have been done.
        """
        host = orders.host or self._host
        with self._use() as source:
            replica = source.replica
            replica.open()
            # Whoever has the name by now has all that is there under it.
            replica.claim(host, orders.owner)
            taken = replica.count(host)
            replica.clear(host)
            self.counted = Counted(0, replica.count())
        self._store.cleared(orders.number)
        self.position, self.waiting, self.lacking = None, 0, 0
        return taken

    def _enter(self, source: Source, orders: Orders) -> _Turn:
        replica = source.replica
        life = replica.open()
        if orders.host not in ("", self._host):
            self._leave(replica, orders)
        replica.claim(self._host, orders.owner, take_over=orders.anew)
        self._store.began(orders.number, self._host)
        self._store.begin(f"{SCHEMA_VERSION} {life} {source.fingerprint} {self._host}")
        self.position, self.waiting = self._store.position, self._store.count_waiting()
        return _Turn(orders, source.fingerprint)

    def _leave(self, replica: Replica, orders: Orders) -> None:
        """Take out what is there under the name that this host had before."""
        try:
            replica.claim(orders.host, orders.owner)
            replica.clear(orders.host)
        except ReplicaRefused as error:
            log.warning("what was published as %s is left in the replica: %s", orders.host, error)

    @contextmanager
    def _source(self, turn: _Turn) -> Iterator[Source]:
        """What is published, for one page."""
        self._go_on(turn)
        with self._use() as source:
            if source.fingerprint != turn.fingerprint:
                raise Interrupted
            yield source

    def _go_on(self, turn: _Turn) -> None:
        if self._closing.is_set() or self._store.orders.number != turn.orders.number:
            raise Interrupted

    def _follow(self, turn: _Turn, known: Known | None = None) -> bool:
        """Follow the feed to its end; whether it started over.

        Args:
            turn: the present one.
            known: what is there, where that is known.
        """
        started_over = complete = False
        while not complete:
            with self._source(turn) as source:
                self._unpublished.reading()
                page = self._catalogue.changes(self.position, _PAGE)
                if page.starts_over:
                    started_over = True
                    known = self._compared(turn, source)
                if page.changes or page.position != self.position:
                    self._keep(turn, page, self._deliver(source, page, None if turn.orders.anew else known))
                self.position, complete = page.position, page.complete
        if started_over:
            self._store.set_audited(self._clock())
            self.lacking = 0
        self._ended()
        return started_over

    def _keep(self, turn: _Turn, page: Changes, waiting: list[ImageId]) -> None:
        images = [change.image_id for change in page.changes]
        if not self._store.follow(turn.orders.number, page.position, images, waiting):
            raise Interrupted
        self.waiting = self._store.count_waiting()
        self._went_on()

    def _ended(self) -> None:
        """The feed was followed to its end, and what has a vector is published."""
        self.waiting = self._store.count_waiting()
        if self.waiting:
            self._unpublished.kept_waiting()
        else:
            self._unpublished.published()

    def _deliver(self, source: Source, page: Changes, known: Known | None) -> list[ImageId]:
        self.is_counted = self.is_counted and not page.changes
        return self._delivery.deliver(source, [change.image_id for change in page.changes], known)

    def _compared(self, turn: _Turn, source: Source) -> Known:
        """What is there, but for what the catalogue does not know: that is taken out."""
        self.is_counted = False
        known = Known(self._read(turn, source.replica))
        for _ in self._delivery.sweep(source, known):
            self._go_on(turn)
        return known

    def _read(self, turn: _Turn, replica: Replica) -> Iterator[tuple[ImageId, bytes]]:
        for image_id, version in replica.versions(self._host):
            self._go_on(turn)
            yield image_id, version

    def _audit(self, turn: _Turn) -> None:
        """Compare everything with what is there, and write what differs."""
        put, swept = self._delivery.put, self._delivery.swept
        with self._source(turn) as source:
            known = self._compared(turn, source)
        cursor, complete = None, False
        while not complete:
            if self._news.is_set():
                self._news.clear()
                if self._follow(turn, known):
                    return
            with self._source(turn) as source:
                page = self._catalogue.changes(cursor, _PAGE)
                images = [change.image_id for change in page.changes]
                self._store.keep_waiting(images, self._deliver(source, page, known))
                cursor, complete = page.position, page.complete
        self._ended()
        self.lacking = 0
        self._store.set_audited(self._clock())
        put, swept = self._delivery.put - put, self._delivery.swept - swept
        if put or swept:
            log.warning("the replica was compared with all images: %d were put there, %d taken out", put, swept)

    def _try_waiting(self, turn: _Turn) -> None:
        """Publish images that have a vector by now, if it is time."""
        if self.waiting and not self._later.left_s:
            for images in self._store.waiting():
                with self._source(turn) as source:
                    self._store.keep_waiting(images, self._delivery.deliver(source, images))
            self._ended()
            self.is_counted = False
            if self.waiting:
                self._later.failed()
        if not self.waiting:
            self._later.succeeded()

    def _is_doubtful(self, turn: _Turn) -> bool:
        """Count what is there; whether all of it is to be looked at."""
        with self._source(turn) as source:
            self.counted = Counted(source.replica.count(self._host), source.replica.count())
            self.is_counted = True
        expected = self._catalogue.counts().images - self.waiting
        if self._catalogue.position() != self.position:
            # What was published is older than what is expected.
            return False
        audited, now = self._store.audited, self._clock()
        if audited is None or not audited <= now < audited + _AUDIT_S:
            return True
        self.lacking = abs(expected - self.counted.images)
        if not self.lacking:
            self._doubt.succeeded()
            return False
        if self._doubt.left_s:
            return False
        wait_s = self._doubt.failed()
        log.warning(
            "the replica has %d images of %s instead of %d: all are compared with it, and again in %g s at the soonest",
            self.counted.images, self._host, expected, wait_s,
        )  # fmt: skip
        return True
