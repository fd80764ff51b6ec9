"""Metrics for Prometheus: calls and searches are counted as they happen, everything else is read by each scrape.

One registry, owned by `Metrics`; nothing is global. A scrape reads the status (`overview.py`): it takes no lock that
indexing holds for long, and what cannot be read now is left out. Labels have few values: methods that exist, status
codes, reasons, roots. Seconds, bytes and counts are the units. `prometheus_client` is imported here only,
and this module only when metrics are asked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from simd.catalogue.rows import Counts
from simd.errors import NotNow, SimdError
from simd.featurize.engines.base import DeviceChoice
from simd.index.base import IndexStats
from simd.replica.state import Phase, ReplicaState
from simd.serving.admin.convert import text_of
from simd.serving.admin.overview import DaemonStatus, Overview
from simd.serving.readiness import Readiness, Services
from simd.serving.search.served import ModelInfo
from simd.serving.transport.address import TcpAddress
from simd.serving.transport.meter import Took
from simd.types import Progress, RootStatus, SwitchStatus

log = logging.getLogger(__name__)

_CALLS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_SEARCH_S = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0, 5.0)

Gauge = tuple[str, str, float]
"""Name, help, value."""


class Metrics:
    """Counts calls and searches, and has Prometheus read the rest.

    Args:
        readiness: where the services are.
        clock: seconds that only go forward.
    """

    def __init__(self, readiness: Readiness, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter("simd_requests", "Calls answered.", ("method", "code"), registry=self.registry)
        self._seconds = Histogram(
            "simd_request_seconds", "How long calls took.", ("method",), buckets=_CALLS_S, registry=self.registry
        )
        self._stages = Histogram(
            "simd_search_seconds",
            "How long the stages of searches took; a stage that was not needed is not counted.",
            ("stage",),
            buckets=_SEARCH_S,
            registry=self.registry,
        )
        self.registry.register(_StatusCollector(readiness, clock))
        ProcessCollector(registry=self.registry)

    def answered(self, method: str, code: str, seconds: float) -> None:
        """See `Meter`."""
        self._calls.labels(method, code).inc()
        self._seconds.labels(method).observe(seconds)

    def searched(self, took: Took) -> None:
        """See `Meter`."""
        for stage, ms in (
            ("decode", took.decode_ms), ("featurize", took.featurize_ms), ("search", took.search_ms),
            ("total", took.total_ms),
        ):  # fmt: skip
            if ms > 0:
                self._stages.labels(stage).observe(ms / 1000)


class MetricsServer:
    """Answers `GET /metrics` on a loopback address, from the constructor to `close`.

    Raises:
        NotNow: the address cannot be bound.
    """

    def __init__(self, metrics: Metrics, address: TcpAddress) -> None:
        try:
            self._server, self._thread = start_http_server(address.port, address.host, metrics.registry)
        except OSError as error:
            raise NotNow(
                f"cannot serve metrics on {address.target}: {error.strerror}",
                field="metrics_listen",
                remedy="choose a port that is free",
            ) from error
        self.address = TcpAddress(address.host, self._server.server_port)
        log.info("metrics on http://%s/metrics", self.address.target)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _StatusCollector(Collector):
    """Reads the status whenever it is asked."""

    def __init__(self, readiness: Readiness, clock: Callable[[], float]) -> None:
        self._readiness = readiness
        self._overview = Overview(readiness, clock)

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering reads nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All that can be read now."""
        status = self._overview.read()
        yield InfoMetricFamily("simd_build", "The version that runs.", {"version": status.version})
        yield from _gauges(
            ("ready", "Whether searches are answered.", float(status.ready)),
            ("uptime_seconds", "Since the start.", status.uptime_s),
        )
        yield from _status(status)
        services, _ = self._readiness.current
        if services is None:
            return
        for read in (_queues, _decoders):
            try:
                yield read(services)
            except SimdError as error:
                log.warning("metrics are incomplete: %s", error)
            except Exception:
                log.exception("metrics are incomplete")


def _gauges(*values: Gauge) -> Iterator[Metric]:
    for name, text, value in values:
        yield GaugeMetricFamily(f"simd_{name}", text, value)


def _by(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"simd_{name}", text, labels=[label])
    for of, value in values:
        family.add_metric([of], value)
    return family


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"simd_{name}", text, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def _status(status: DaemonStatus) -> Iterator[Metric]:
    """The parts of it that are known."""
    if status.progress is not None:
        yield from _progress(status.progress)
    if status.counts is not None:
        yield from _files(status.counts)
    if status.roots is not None:
        yield from _roots(status.roots)
    if status.model is not None:
        yield from _model(status.model)
    if status.device is not None:
        yield from _device(status.device)
    if status.index is not None:
        yield from _index(status.index)
    if status.switch is not None:
        yield from _switch(status.switch)
    if status.replica is not None:
        yield from _replica(status.replica)
    yield from _faults(status)


def _progress(progress: Progress) -> Iterator[Metric]:
    yield from _gauges(
        ("pending", "Files not yet decided, and scans not yet ended.", progress.pending),
        ("paused", "Whether indexing is paused.", progress.pause.paused),
        ("scanning", "Whether a root is being scanned.", progress.scanning),
        ("images_per_second", "How fast files are decided now.", progress.images_per_s),
        ("eta_seconds", "Until nothing is pending; 0 if that is unknown.", progress.eta_s),
    )
    yield CounterMetricFamily("simd_files_decided", "Files indexed, refused, or found to be gone.", progress.decided)


def _files(counts: Counts) -> Iterator[Metric]:
    yield from _gauges(
        ("images", "Images that have a file.", counts.images), ("files", "Files whose image is indexed.", counts.files)
    )
    yield _by("rejected_files", "Files not indexed, by reason.", "reason", counts.failed_by_reason.items())


def _roots(statuses: Iterable[RootStatus]) -> Iterator[Metric]:
    roots = [(text_of(status.root.path), status) for status in statuses]
    yield _by("root_online", "Whether a root can be read.", "root", ((path, s.online) for path, s in roots))
    yield _by("root_files", "Indexed files of a root.", "root", ((path, s.files) for path, s in roots))
    yield _by(
        "root_polled", "Whether a root is scanned at a short period.", "root",
        ((path, s.watching == "polling") for path, s in roots),
    )  # fmt: skip
    yield _by(
        "root_last_scan_timestamp_seconds", "When a root was last scanned to the end.", "root",
        ((path, s.last_scan) for path, s in roots if s.last_scan is not None),
    )  # fmt: skip


def _model(model: ModelInfo) -> Iterator[Metric]:
    yield InfoMetricFamily("simd_model", "What answers.", {"name": model.name, "fingerprint": model.fingerprint[:16]})


def _device(device: DeviceChoice) -> Iterator[Metric]:
    yield InfoMetricFamily(
        "simd_device", "What indexing computes on.", {"device": device.device, "engine": device.engine}
    )


def _index(stats: IndexStats) -> Iterator[Metric]:
    rows = stats.vectors + stats.dead
    yield from _gauges(
        ("index_vectors", "Vectors in the answers.", stats.vectors),
        ("index_dead", "Vectors kept that are in no answer.", stats.dead),
        ("index_dead_ratio", "Of all vectors, those in no answer.", stats.dead / rows if rows else 0.0),
        ("index_disk_bytes", "What the index takes on the disk.", stats.disk_bytes),
    )
    yield _by("index_detail", "More of the index.", "of", stats.details.items())


def _switch(switch: SwitchStatus) -> Iterator[Metric]:
    yield from _gauges(
        ("model_switch_done", "Images in the new model's index.", switch.done),
        ("model_switch_total", "Images that it will hold.", switch.total),
        ("model_switch_unreachable", "Images that cannot be read now.", switch.unreachable),
    )


def _replica(replica: ReplicaState) -> Iterator[Metric]:
    yield from _gauges(
        ("replica_up", "Whether it can be published in.", replica.phase in (Phase.CURRENT, Phase.BEHIND)),
        ("replica_outbox", "Images still to be published or taken out.", replica.outbox),
        ("replica_outbox_age_seconds", "How long some have been; 0 if there are none.", replica.outbox_age_s),
        ("replica_images", "Images of this host in the replica.", replica.images),
        ("replica_images_of_all", "Images of all hosts in the replica.", replica.images_of_all),
        ("replica_searched", "Whether searches are put to it.", replica.searched),
    )


def _faults(status: DaemonStatus) -> Iterator[Metric]:
    if status.thread_failures is not None:
        text = "How often a thread of the daemon failed and went on."
        yield _counters("thread_failures", text, "thread", status.thread_failures)
    damage = status.damage
    if damage is not None:
        yield _by(
            "damaged", "Whether what searches need is known to be damaged.", "what",
            ((what, what in damage) for what in ("index", "catalogue")),
        )  # fmt: skip


def _queues(services: Services) -> Metric:
    return _by("queue", "Files that wait, by what for.", "kind", services.ingest.queues().items())


def _decoders(services: Services) -> Metric:
    text = "Decode workers that crashed or were killed for a limit."
    return _counters("decode_workers_lost", text, "pool", services.workers_lost())
