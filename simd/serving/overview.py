"""How the daemon is, in one message: what `Status` answers and `WatchStatus` tells again and again."""

from __future__ import annotations

import time
from collections.abc import Callable

from simd import __version__
from simd.errors import Reason
from simd.serving import convert
from simd.serving.readiness import Readiness, Services
from simd.v1 import index_service_pb2


class Overview:
    """Reads it; `read` may be called from any thread.

    Args:
        readiness: where the services are.
        clock: seconds that only go forward, for `uptime_s`.
    """

    def __init__(self, readiness: Readiness, clock: Callable[[], float] = time.monotonic) -> None:
        self._readiness = readiness
        self._clock = clock
        self._started = clock()

    def read(self) -> index_service_pb2.StatusResponse:
        """How it is now, also while it is not ready."""
        services, detail = self._readiness.current
        response = index_service_pb2.StatusResponse(detail=detail) if services is None else _of(services)
        response.version = __version__
        response.uptime_s = self._clock() - self._started
        return response


def _of(services: Services) -> index_service_pb2.StatusResponse:
    # Progress first: what is no longer pending then is in the counts.
    progress = services.ingest.progress()
    counts = services.ledger.counts()
    with services.serving.use() as served:
        stats = served.index.stats()
    switch = services.switch()
    return index_service_pb2.StatusResponse(
        ready=True,
        images=stats.vectors,
        files=counts.files,
        pending=progress.pending,
        failed=sum(n for reason, n in counts.failed_by_reason.items() if reason != Reason.REMOVED),
        failed_by_reason=counts.failed_by_reason,
        paused=progress.pause.paused,
        paused_until_time=convert.until_to(progress.pause),
        scanning=progress.scanning,
        images_per_s=progress.images_per_s,
        eta_s=progress.eta_s,
        files_decided=progress.decided,
        roots=[convert.root_to(root) for root in services.ingest.roots()],
        model=convert.model_to(served.model),
        device=convert.device_to(served.device),
        index=convert.index_to(stats),
        model_switch=None if switch is None else convert.switch_to(switch),
    )
