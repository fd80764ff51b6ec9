"""`WatchStatus`: readings of the status, shared by however many watch.

A reading is taken when somebody watches and the last one is old enough, so watchers cost one reading an interval
together, and nothing when there are none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc

from simd.errors import NotReady, Overloaded
from simd.serving.admin import convert
from simd.v1 import index_service_pb2

INTERVAL_S = 0.25
"""The least time between two readings."""

MAX_WATCHERS = 16
"""More are refused: each stream counts as one of the requests that the server takes at once."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One state of the daemon; `number` is another one for every state."""

    number: int
    status: index_service_pb2.StatusResponse


class StatusFeed:
    """Readings one after the other. Every method may be called from any thread.

    Args:
        read: how the daemon is now.
        interval_s: the least time between two readings.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        read: Callable[[], index_service_pb2.StatusResponse],
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._interval_s = interval_s
        self._clock = clock
        self._reading = threading.Lock()
        self._changed = threading.Condition()
        self._last: Reading | None = None
        self._read_at = float("-inf")
        self._closed = False

    def next(self, after: Reading | None, not_before: float, wanted: Callable[[], bool]) -> Reading | None:
        """The first state that is another one than `after`.

        Args:
            after: the last one had.
            not_before: in seconds of the clock.
            wanted: whether somebody still waits; asked again after `wake`.

        Returns:
            None: nobody waits any more, or the feed was closed.
        """
        while wanted() and not self._closed:
            early = not_before - self._clock()
            if early <= 0:
                reading = self._refreshed()
                if after is None or reading.number != after.number:
                    return reading
            with self._changed:
                if wanted() and not self._closed:
                    self._changed.wait(early if early > 0 else self._interval_s)
        return None

    def wake(self) -> None:
        """Have everybody ask whether it is still wanted. gRPC's polling thread calls it: no reading is waited for."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """There is nothing to come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def _refreshed(self) -> Reading:
        """The last reading, taken anew if it is old."""
        with self._reading:
            now = self._clock()
            if self._last is None or now - self._read_at >= self._interval_s:
                status = self._read()
                if self._last is None or not _alike(status, self._last.status):
                    self._last = Reading(self._last.number + 1 if self._last else 0, status)
                self._read_at = now
            return self._last


class StatusWatch:
    """The RPC, as something to call.

    Args:
        feed: where the readings come from; closed by `close`.
        most: how many may watch at once.
        clock: the feed's.
    """

    def __init__(self, feed: StatusFeed, most: int = MAX_WATCHERS, clock: Callable[[], float] = time.monotonic) -> None:
        self._feed = feed
        self._most = most
        self._clock = clock
        self._free = threading.Semaphore(most)

    def __call__(
        self, request: index_service_pb2.WatchStatusRequest, context: grpc.ServicerContext
    ) -> Iterator[index_service_pb2.WatchStatusResponse]:
        """Readings until the caller leaves.

        Raises:
            InvalidRequest: an interval that is negative, or more than a day.
            Overloaded: too many watch already.
            NotReady: the daemon stops.
        """
        interval_s = convert.interval_of(request.min_interval)
        if not self._free.acquire(blocking=False):
            raise Overloaded(
                f"{self._most} watch the status already, and no more can", remedy="ask for it from time to time instead"
            )
        try:
            context.add_callback(self._feed.wake)
            yield from self._readings(max(interval_s, INTERVAL_S), context.is_active)
        finally:
            self._free.release()

    def close(self) -> None:
        """End the streams that are left."""
        self._feed.close()

    def _readings(
        self, interval_s: float, wanted: Callable[[], bool]
    ) -> Iterator[index_service_pb2.WatchStatusResponse]:
        reading, not_before = None, float("-inf")
        while (reading := self._feed.next(reading, not_before, wanted)) is not None:
            not_before = self._clock() + interval_s
            yield index_service_pb2.WatchStatusResponse(status=reading.status)
        if self._feed.closed:
            raise NotReady("the daemon is stopping")


def _alike(one: index_service_pb2.StatusResponse, other: index_service_pb2.StatusResponse) -> bool:
    """Whether two readings tell the same but for the time that has passed."""
    copy = index_service_pb2.StatusResponse()
    copy.CopyFrom(one)
    copy.uptime_s = other.uptime_s
    copy.uptime.CopyFrom(other.uptime)
    return copy == other
