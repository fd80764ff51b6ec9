"""What the daemon says that it did, and how it is, as plain Python values.

Paths are as in `answers`; times are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simctl.answers import Levels, levels, path_of, paths_of, seconds
from simctl.replica.replicated import ReplicaStatus, replica_status

if TYPE_CHECKING:
    from simd.v1 import index_service_pb2


_NAMES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_FIELD_1_VARINT = 0x08
"""Of the response of `grpc.health.v1`, which is one enum in field 1: read by hand, as it is not worth a dependency."""


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A file that `add` could not index."""

    path: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AddResult:
    """What `add` did; `queued` files were found in folders and will be indexed in the background."""

    added: int
    unchanged: int
    queued: int
    rejected: tuple[RejectedFile, ...]


@dataclass(frozen=True, slots=True)
class RemoveResult:
    """What `remove` did; `missing` are paths and image ids that are not known."""

    files: int
    images: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan found; `offline` are roots that cannot be read now."""

    seen: int
    changed: int
    deleted: int
    offline: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a path is in the answers; `reason` is a word for programs, `detail` a sentence for people."""

    path: str
    indexed: bool
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class RootStatus:
    """A watched directory; `last_scan_time` is None if there was none yet."""

    path: str
    online: bool
    watching: str
    files: int
    last_scan_time: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class ModelSwitch:
    """A switch to another model: of `total` images, `done` are in its index, `unreachable` cannot be read now."""

    from_model: str
    to_model: str
    done: int
    total: int
    unreachable: int
    detail: str


@dataclass(frozen=True, slots=True)
class Job:
    """Long work in the background: `done` of about `total` of `unit`, such as bytes, since `start_time`."""

    name: str
    done: int
    total: int
    unit: str
    start_time: float


@dataclass(frozen=True, slots=True)
class Status:
    """How the daemon is. While it starts, only `detail`, `version` and `uptime_s` say something.

    `problems` are what is wrong with the daemon itself and what helps, a sentence each: with damage it is not `ready`,
    but the rest is there as far as it can be read. `paused_until` is None if that has no end. `eta_s` is None if it is
    unknown; while `scanning` it is the least that is left. `files_decided` counts since the daemon started, and so does
    `thread_failures`: how often each of its threads failed by a bug and went on. `jobs`: long work under way.
    `levels`: what the similarities of the model mean, None if it is not calibrated. `replica` is None if there is none.
    """

    ready: bool
    detail: str
    images: int
    files: int
    pending: int
    failed: int
    failed_by_reason: dict[str, int]
    paused: bool
    scanning: bool
    images_per_s: float
    roots: tuple[RootStatus, ...]
    model: dict[str, str | int]
    device: dict[str, str]
    index: dict[str, object] = field(hash=False)
    version: str
    uptime_s: float
    model_switch: ModelSwitch | None = None
    paused_until: float | None = None
    eta_s: float | None = None
    files_decided: int = 0
    problems: tuple[str, ...] = ()
    thread_failures: dict[str, int] = field(default_factory=dict, hash=False)
    jobs: tuple[Job, ...] = ()
    levels: Levels | None = None
    replica: ReplicaStatus | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is pending because there is no watched folder, or none that can be read now."""
        return self.ready and self.pending == 0 and not any(root.online for root in self.roots)

    @property
    def settled(self) -> bool:
        """Whether the daemon is ready and has nothing left to do with the folders that it can read."""
        return self.ready and self.pending == 0 and not self.idle

    @property
    def needs_intervention(self) -> bool:
        """Whether it will not settle by itself: it is paused without an end, damaged or idle."""
        paused = self.paused and self.paused_until is None and self.pending > 0
        return paused or self.idle or (not self.ready and bool(self.problems))


def add_result(response: index_service_pb2.AddResponse) -> AddResult:
    """From the wire."""
    rejected = tuple(RejectedFile(path_of(item), item.reason, item.detail) for item in response.rejected)
    return AddResult(response.added, response.unchanged, response.queued, rejected)


def remove_result(response: index_service_pb2.RemoveResponse) -> RemoveResult:
    """From the wire."""
    return RemoveResult(response.files, response.images, paths_of(response.missing, response.missing_bytes))


def scan_result(response: index_service_pb2.ScanResponse) -> ScanResult:
    """From the wire."""
    offline = paths_of(response.offline, response.offline_bytes)
    return ScanResult(response.seen, response.changed, response.deleted, offline)


def explanations(response: index_service_pb2.ScanResponse) -> tuple[Explanation, ...]:
    """From the wire."""
    return tuple(Explanation(path_of(e), e.indexed, e.reason, e.detail) for e in response.explanations)


def status(response: index_service_pb2.StatusResponse) -> Status:
    """From the wire."""
    model, device, index = response.model, response.device, response.index
    return Status(
        ready=response.ready,
        detail=response.detail,
        images=response.images,
        files=response.files,
        pending=response.pending,
        failed=response.failed,
        failed_by_reason=dict(sorted(response.failed_by_reason.items())),
        paused=response.paused,
        scanning=response.scanning,
        images_per_s=response.images_per_s,
        roots=tuple(_root(root) for root in response.roots),
        model={
            "name": model.name,
            "dimension": model.dimension,
            "fingerprint": model.fingerprint,
            "licence": model.licence,
        },
        device={"device": device.device, "engine": device.engine, "reason": device.reason},
        index={
            "kind": index.kind,
            "vectors": index.vectors,
            "dead": index.dead,
            "disk_bytes": index.disk_bytes,
            "details": dict(sorted(index.details.items())),
        },
        version=response.version,
        uptime_s=response.uptime_s,
        model_switch=_switch(response.model_switch) if response.HasField("model_switch") else None,
        paused_until=seconds(response.paused_until_time) if response.HasField("paused_until_time") else None,
        eta_s=response.eta_s or None,
        files_decided=response.files_decided,
        problems=tuple(response.problems),
        thread_failures=dict(sorted(response.thread_failures.items())),
        jobs=tuple(Job(job.name, job.done, job.total, job.unit, seconds(job.start_time)) for job in response.jobs),
        levels=levels(model),
        replica=replica_status(response),
    )


def paused_until(response: index_service_pb2.PauseResponse) -> float | None:
    """From the wire."""
    return seconds(response.until_time) if response.HasField("until_time") else None


def serving_status(response: bytes) -> str:
    """The name of the status in a HealthCheckResponse."""
    if len(response) == 2 and response[0] == _FIELD_1_VARINT and response[1] < len(_NAMES):
        return _NAMES[response[1]]
    return "UNKNOWN"


def _switch(switch: index_service_pb2.ModelSwitch) -> ModelSwitch:
    return ModelSwitch(switch.from_model, switch.to_model, switch.done, switch.total, switch.unreachable, switch.detail)


def _root(root: index_service_pb2.RootStatus) -> RootStatus:
    return RootStatus(
        path=path_of(root),
        online=root.online,
        watching=root.watching,
        files=root.files,
        last_scan_time=seconds(root.last_scan_time) if root.HasField("last_scan_time") else None,
        detail=root.detail,
    )
