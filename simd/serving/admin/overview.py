"""How the daemon is, in one value: what `Status` answers, `WatchStatus` streams and metrics are made of.

It is needed most when something is wrong, so it is read in parts: one that fails is left out, and named among the
problems. No gRPC here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from simd import __version__
from simd.catalogue.rows import Counts
from simd.errors import Reason, SimdError
from simd.featurize.engines.base import DeviceChoice
from simd.index.base import IndexStats
from simd.jobs.jobs import JobStatus
from simd.replica.state import ReplicaState
from simd.serving.readiness import Readiness, Services
from simd.serving.search.served import ModelInfo
from simd.types import Progress, RootStatus, SwitchStatus

log = logging.getLogger(__name__)

T = TypeVar("T")

_UNREAD = "the catalogue cannot be read now: numbers of files are from before; the log has more"


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The daemon at one moment. Two readings are equal if nothing but the time has passed between them.

    A part is None if it could not be read, and while the daemon starts or stops.

    Attributes:
        ready: whether searches are answered.
        detail: what the daemon is doing while it is not ready, or what is damaged.
        version: the daemon's.
        uptime_s: seconds since the start.
        problems: what is wrong with the daemon and what helps, a sentence each, for callers; damage comes first.
        damage: what searches need and is damaged, "index" or "catalogue", each with a sentence; empty if nothing is.
        progress: how far indexing is.
        counts: how much the catalogue holds.
        index: the size of the index that answers.
        roots: the watched directories.
        model: what makes the embeddings.
        device: what indexing computes on.
        switch: the switch to another model; also None if there is none.
        jobs: long work under way, the oldest first.
        thread_failures: how often each of the daemon's threads failed and went on.
        replica: the replica that the daemon publishes in; also None if there is none.
    """

    ready: bool
    detail: str
    version: str
    uptime_s: float = field(compare=False)
    problems: tuple[str, ...] = ()
    damage: Mapping[str, str] | None = None
    progress: Progress | None = None
    counts: Counts | None = None
    index: IndexStats | None = None
    roots: tuple[RootStatus, ...] | None = None
    model: ModelInfo | None = None
    device: DeviceChoice | None = None
    switch: SwitchStatus | None = None
    jobs: tuple[JobStatus, ...] | None = None
    thread_failures: Mapping[str, int] | None = None
    replica: ReplicaState | None = None

    @property
    def failed(self) -> int:
        """Files that cannot be indexed; those that were taken out on request are not among them."""
        if self.counts is None:
            return 0
        return sum(count for reason, count in self.counts.failed_by_reason.items() if reason != Reason.REMOVED)


class Overview:
    """Reads the status; `read` may be called from any thread.

    Args:
        readiness: where the services are.
        clock: seconds that only go forward, for the uptime.
    """

    def __init__(self, readiness: Readiness, clock: Callable[[], float] = time.monotonic) -> None:
        self._readiness = readiness
        self._clock = clock
        self._started = clock()
        self._logged: dict[str, str] = {}

    def read(self) -> DaemonStatus:
        """The status now, also while the daemon is not ready, and whatever fails."""
        services, detail = self._readiness.current
        uptime_s = self._clock() - self._started
        if services is None:
            return DaemonStatus(ready=False, detail=detail, version=__version__, uptime_s=uptime_s)
        return self._read_parts(services, uptime_s)

    def _read_parts(self, services: Services, uptime_s: float) -> DaemonStatus:
        problems: list[str] = []
        # The order matters: what is no longer pending when it is read is in what is read after it.
        progress = self._part("how far indexing is", services.ingest.progress, problems)
        problems += _delays(progress)
        counts = self._part("the number of files", services.catalogue.last_counts, problems)
        if counts is not None and not counts.current and services.catalogue.damage is None:
            problems.append(_UNREAD)
        index = self._part("the index", lambda: _index(services), problems)
        roots = self._part("the watched folders", lambda: tuple(services.ingest.roots()), problems)
        model = self._part("the model", lambda: _model(services), problems)
        switch = self._part("the switch to another model", services.switch, problems)
        jobs = self._part("the jobs under way", lambda: tuple(services.jobs.running()), problems)
        replica = self._part("the replica", lambda: _replica(services), problems)
        problems += self._part("what else is wrong", services.problems, problems) or ()
        thread_failures = self._part("what failed", lambda: dict(services.thread_failures()), problems)
        # Last, because reading the others may have found damage; and first among the problems.
        unknown: list[str] = []
        damage = self._part("whether searches are answered", services.damage, unknown)
        damaged = [] if damage is None else list(damage.values())
        return DaemonStatus(
            ready=damage is not None and not damage,
            detail="; ".join(damaged),
            version=__version__,
            uptime_s=uptime_s,
            problems=(*unknown, *damaged, *problems),
            damage=damage,
            progress=progress,
            counts=counts,
            index=index,
            roots=roots,
            model=model[0] if model else None,
            device=model[1] if model else None,
            switch=switch,
            jobs=jobs,
            thread_failures=thread_failures,
            replica=replica,
        )

    def _part(self, name: str, read: Callable[[], T], problems: list[str]) -> T | None:
        """What `read` returns; if it fails, None and one problem more."""
        try:
            found = read()
        except Exception as error:  # noqa: BLE001 - it is logged, and the other parts are read all the same
            problems.append(self._failure(name, error))
            return None
        self._logged.pop(name, None)
        return found

    def _failure(self, name: str, error: Exception) -> str:
        """For callers: what cannot be read and why. It is logged once, as readings come several times a second."""
        if self._logged.get(name) != repr(error):
            self._logged[name] = repr(error)
            log.error("%s cannot be told: %s", name, error, exc_info=None if isinstance(error, SimdError) else error)
        why = error.told or str(error) if isinstance(error, SimdError) else "the daemon failed unexpectedly"
        return f"{name} cannot be told: {why}; the log has more"


def _delays(progress: Progress | None) -> list[str]:
    """Why indexing waits or hardly moves."""
    if progress is None:
        return []
    waits = [f"indexing waits and is tried again: {progress.trouble}"] if progress.trouble else []
    return waits + ([progress.starved] if progress.starved else [])


def _index(services: Services) -> IndexStats:
    with services.serving.use() as served:
        return served.index.stats()


def _replica(services: Services) -> ReplicaState | None:
    return None if services.replica is None else services.replica.state()


def _model(services: Services) -> tuple[ModelInfo, DeviceChoice]:
    with services.serving.use() as served:
        return served.model, served.device
