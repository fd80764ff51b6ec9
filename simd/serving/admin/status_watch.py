"""`WatchStatus`: streams the status, now and after every change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import grpc

from simd.errors import NotReady, Overloaded
from simd.serving.admin.convert import interval_of
from simd.serving.admin.convert_status import status_to
from simd.serving.admin.status_feed import INTERVAL_S, StatusFeed
from simd.v1 import index_service_pb2

MAX_WATCHERS = 16
"""More are refused: each stream counts as one of the requests that the server takes at once."""


class StatusWatch:
    """The RPC, as something to call.

    Args:
        feed: where the readings come from; closed by `close`.
        max_watchers: how many may watch at once.
        clock: the feed's.
    """

    def __init__(
        self, feed: StatusFeed, max_watchers: int = MAX_WATCHERS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._feed = feed
        self._max_watchers = max_watchers
        self._clock = clock
        self._free = threading.Semaphore(max_watchers)

    def __call__(
        self, request: index_service_pb2.WatchStatusRequest, context: grpc.ServicerContext
    ) -> Iterator[index_service_pb2.WatchStatusResponse]:
        """Readings until the caller leaves.

        Raises:
            InvalidRequest: an interval that is negative, or more than a day.
            Overloaded: too many watch already.
            NotReady: the daemon stops.
        """
        interval_s = interval_of(request.min_interval)
        if not self._free.acquire(blocking=False):
            raise Overloaded(
                f"{self._max_watchers} watch the status already, and no more can",
                remedy="ask for it from time to time instead",
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
            yield index_service_pb2.WatchStatusResponse(status=status_to(reading.status))
        if self._feed.closed:
            raise NotReady("the daemon is stopping")
