"""From the daemon's status and its parts to the wire's messages.

A status is asked for when something is wrong, so nothing that can be in one makes a conversion fail.
"""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from simd.featurize.engines.base import DeviceChoice
from simd.index.base import IndexStats
from simd.jobs.jobs import JobStatus
from simd.replica.state import ReplicaState
from simd.serving.admin.convert import exact_of, text_of
from simd.serving.admin.overview import DaemonStatus
from simd.serving.search.convert_search import levels_to
from simd.serving.search.served import ModelInfo
from simd.serving.transport.status import clean
from simd.types import PauseState, Progress, RootStatus, SwitchStatus
from simd.v1 import index_service_pb2

_LONGEST_S = 315_576_000_000.0
"""The longest Duration."""

_FIRST_S, _LAST_S = -62_135_596_800.0, 253_402_300_799.0
"""The first and the last Timestamp: the years 1 and 9999."""

_NO_PROGRESS = Progress(pending=0, pause=PauseState(), scanning=False, images_per_s=0.0)


def status_to(status: DaemonStatus) -> index_service_pb2.StatusResponse:
    """The daemon at one moment; what is not known of it is left unset."""
    progress, counts = status.progress or _NO_PROGRESS, status.counts
    return index_service_pb2.StatusResponse(
        ready=status.ready,
        detail=clean(status.detail),
        version=status.version,
        uptime_s=status.uptime_s,
        uptime=_duration_to(status.uptime_s),
        problems=[clean(problem) for problem in status.problems],
        pending=progress.pending,
        paused=progress.pause.paused,
        paused_until_time=until_to(progress.pause),
        scanning=progress.scanning,
        images_per_s=progress.images_per_s,
        eta_s=progress.eta_s,
        time_left=_duration_to(progress.eta_s) if progress.eta_s else None,
        files_decided=progress.decided,
        files=counts.files if counts else 0,
        failed=status.failed,
        failed_by_reason=counts.failed_by_reason if counts else {},
        images=status.index.vectors if status.index else 0,
        index=index_to(status.index) if status.index else None,
        roots=[root_to(root) for root in status.roots or ()],
        model=model_to(status.model) if status.model else None,
        device=device_to(status.device) if status.device else None,
        model_switch=switch_to(status.switch) if status.switch else None,
        jobs=[job_to(job) for job in status.jobs or ()],
        thread_failures=status.thread_failures or {},
        replica=replica_to(status.replica) if status.replica else None,
    )


def root_to(status: RootStatus) -> index_service_pb2.RootStatus:
    """A watched directory."""
    text = text_of(status.root.path)
    return index_service_pb2.RootStatus(
        path=text,
        path_bytes=exact_of(status.root.path, text),
        online=status.online,
        watching=status.watching,
        files=status.files,
        last_scan_time=None if status.last_scan is None else _time_to(status.last_scan),
        detail=clean(status.detail),
    )


def model_to(model: ModelInfo) -> index_service_pb2.ModelStatus:
    """The model in use."""
    return index_service_pb2.ModelStatus(
        name=clean(model.name),
        dimension=model.dimension,
        fingerprint=model.fingerprint,
        licence=clean(model.licence),
        levels=levels_to(model.levels),
    )


def switch_to(switch: SwitchStatus) -> index_service_pb2.ModelSwitch:
    """A model switch under way."""
    return index_service_pb2.ModelSwitch(
        from_model=clean(switch.serving),
        to_model=clean(switch.successor),
        done=switch.done,
        total=switch.total,
        unreachable=switch.unreachable,
        detail=clean(switch.detail),
    )


def device_to(device: DeviceChoice) -> index_service_pb2.DeviceStatus:
    """The device in use."""
    return index_service_pb2.DeviceStatus(device=device.device, engine=device.engine, reason=clean(device.reason))


def index_to(stats: IndexStats) -> index_service_pb2.IndexStatus:
    """The index in use."""
    return index_service_pb2.IndexStatus(
        kind=stats.kind, vectors=stats.vectors, dead=stats.dead, disk_bytes=stats.disk_bytes, details=stats.details
    )


def job_to(job: JobStatus) -> index_service_pb2.JobStatus:
    """A job under way."""
    return index_service_pb2.JobStatus(
        name=job.name, done=job.done, total=job.total, unit=job.unit, start_time=_time_to(job.started)
    )


def replica_to(replica: ReplicaState) -> index_service_pb2.ReplicaStatus:
    """The replica that is published in."""
    return index_service_pb2.ReplicaStatus(
        address=clean(replica.address),
        host=clean(replica.host),
        state=replica.phase,
        detail=clean(replica.detail),
        outbox=replica.outbox,
        outbox_age=_duration_to(replica.outbox_age_s) if replica.outbox else None,
        images=replica.images,
        images_of_all=replica.images_of_all,
        searched=replica.searched,
    )


def until_to(pause: PauseState) -> Timestamp | None:
    """When a pause ends by itself; None if it does not."""
    return None if pause.until is None else _time_to(pause.until)


def _duration_to(seconds: float) -> Duration:
    """To the microsecond; the longest there is, if it is longer."""
    duration = Duration()
    duration.FromMicroseconds(round(min(_LONGEST_S, seconds) * 1e6))
    return duration


def _time_to(seconds: float) -> Timestamp:
    """Seconds since the epoch; the nearest there is, if it is out of range."""
    whole, nanos = divmod(round(max(_FIRST_S, min(seconds, _LAST_S)) * 1e9), 1_000_000_000)
    return Timestamp(seconds=whole, nanos=nanos)
