"""How the daemon is, in one message: what `Status` answers and `WatchStatus` tells again and again.

It is needed most when something is wrong, so it is read in parts: one that fails is left out, and the message says so
among its problems.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from simd import __version__
from simd.errors import Reason, SimdError
from simd.serving.admin import convert
from simd.serving.readiness import Readiness, Services
from simd.serving.transport.status import clean
from simd.v1.index_service_pb2 import StatusResponse

log = logging.getLogger(__name__)

_UNREAD = "the catalogue cannot be read now: numbers of files are from before; the log has more"


class Overview:
    """Reads it; `read` may be called from any thread.

    Args:
        readiness: where the services are.
        clock: seconds that only go forward, for the uptime.
    """

    def __init__(self, readiness: Readiness, clock: Callable[[], float] = time.monotonic) -> None:
        self._readiness = readiness
        self._clock = clock
        self._started = clock()
        self._logged: dict[str, str] = {}

    def read(self) -> StatusResponse:
        """How it is now, also while it is not ready, and whatever fails."""
        services, detail = self._readiness.current
        uptime_s = self._clock() - self._started
        uptime = convert.duration_to(uptime_s)
        response = StatusResponse(detail=detail, version=__version__, uptime_s=uptime_s, uptime=uptime)
        if services is not None:
            parts = [self._read(name, part, services) for name, part in _PARTS.items()]
            # Damage is what people have to know first.
            for found in (parts[-1], *parts[:-1]):
                response.MergeFrom(found)
        return response

    def _read(self, name: str, part: Callable[[Services], StatusResponse], services: Services) -> StatusResponse:
        try:
            found = part(services)
        except Exception as error:  # noqa: BLE001 - it is logged, and the rest is told all the same
            return StatusResponse(problems=[self._said(name, error)])
        self._logged.pop(name, None)
        return found

    def _said(self, name: str, error: Exception) -> str:
        """For callers: what cannot be told and why. The log has it once, as readings come several times a second."""
        if self._logged.get(name) != repr(error):
            self._logged[name] = repr(error)
            log.error("%s cannot be told: %s", name, error, exc_info=None if isinstance(error, SimdError) else error)
        why = error.told or str(error) if isinstance(error, SimdError) else "the daemon failed unexpectedly"
        return clean(f"{name} cannot be told: {why}; the log has more")


def _searchable(services: Services) -> StatusResponse:
    damage = services.damage().values()
    return StatusResponse(ready=not damage, detail="; ".join(damage), problems=damage)


def _progress(services: Services) -> StatusResponse:
    progress = services.ingest.progress()
    return StatusResponse(
        problems=[
            *([f"indexing waits and is tried again: {progress.trouble}"] if progress.trouble else []),
            *([progress.starved] if progress.starved else []),
        ],
        pending=progress.pending,
        paused=progress.pause.paused,
        paused_until_time=convert.until_to(progress.pause),
        scanning=progress.scanning,
        images_per_s=progress.images_per_s,
        eta_s=progress.eta_s,
        time_left=convert.duration_to(progress.eta_s) if progress.eta_s else None,
        files_decided=progress.decided,
    )


def _files(services: Services) -> StatusResponse:
    counts = services.catalogue.last_counts()
    is_unread = not counts.current and services.catalogue.damage is None
    return StatusResponse(
        files=counts.files,
        failed=sum(n for reason, n in counts.failed_by_reason.items() if reason != Reason.REMOVED),
        failed_by_reason=counts.failed_by_reason,
        problems=[_UNREAD] if is_unread else [],
    )


def _roots(services: Services) -> StatusResponse:
    return StatusResponse(roots=[convert.root_to(root) for root in services.ingest.roots()])


def _model(services: Services) -> StatusResponse:
    with services.serving.use() as served:
        return StatusResponse(model=convert.model_to(served.model), device=convert.device_to(served.device))


def _index(services: Services) -> StatusResponse:
    with services.serving.use() as served:
        stats = served.index.stats()
    return StatusResponse(images=stats.vectors, index=convert.index_to(stats))


def _threads(services: Services) -> StatusResponse:
    return StatusResponse(thread_failures=services.thread_failures())


def _jobs(services: Services) -> StatusResponse:
    return StatusResponse(jobs=[convert.job_to(job) for job in services.jobs.running()])


def _switch(services: Services) -> StatusResponse:
    switch = services.switch()
    return StatusResponse(model_switch=None if switch is None else convert.switch_to(switch))


_PARTS: dict[str, Callable[[Services], StatusResponse]] = {
    # What is no longer pending when it is read is in what is read after it.
    "how far indexing is": _progress,
    "the number of files": _files,
    "the index": _index,
    "the watched folders": _roots,
    "the model": _model,
    "the switch to another model": _switch,
    "the jobs under way": _jobs,
    "what failed": _threads,
    # Last, because reading the others may have found damage.
    "whether searches are answered": _searchable,
}
