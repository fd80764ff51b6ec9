"""Metrics: what Prometheus is told of calls, searches and the state of the daemon."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from simd.errors import ConfigError, IndexUnavailable, Reason
from simd.index.base import IndexStats
from simd.serving.admin.metrics import MetricsServer
from simd.serving.transport.address import TcpAddress, parse_local
from simd.types import SwitchStatus
from simd.v1 import search_service_pb2, search_service_pb2_grpc
from tests.serving.doubles import DAMAGE, Bench, BenchIndex, serving
from tests.serving.givenreplica import BEHIND, DOWN, GivenReplica

SEARCH = "/simd.v1.SearchService/Search"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


def read(bench: Bench) -> dict[tuple[str, ...], float]:
    """Every sample a scrape gives, by its name and the values of its labels, in the order of the labels' names."""
    server = MetricsServer(bench.metrics, TcpAddress("127.0.0.1", 0))
    try:
        with urllib.request.urlopen(f"http://{server.address.target}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        server.close()
    families = text_string_to_metric_families(text)
    return {
        (s.name, *(value for _, value in sorted(s.labels.items()))): s.value
        for family in families
        for s in family.samples
    }


def test_threads_that_failed_are_counted(bench: Bench) -> None:
    bench.thread_failures = {"scans": 2}
    assert read(bench)["simd_thread_failures_total", "scans"] == 2


def search(bench: Bench, image: bytes) -> None:
    with grpc.insecure_channel(bench.listen) as channel:
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        stub.Search(search_service_pb2.SearchRequest(image=image), timeout=10)


def test_calls_are_counted_by_method_and_status_and_searches_timed_by_stage(bench: Bench) -> None:
    bench.put("a", b"picture 1 2 3")
    search(bench, b"picture 1 2 3")
    search(bench, b"picture 3 2 1")
    with pytest.raises(grpc.RpcError):
        search(bench, b"no image")
    found = read(bench)
    assert found["simd_requests_total", "OK", SEARCH] == 2
    assert found["simd_requests_total", "INVALID_ARGUMENT", SEARCH] == 1
    assert found["simd_request_seconds_count", SEARCH] == 3
    assert found["simd_search_seconds_count", "total"] == 2
    assert found["simd_search_seconds_count", "search"] == 2
    assert found["simd_search_seconds_count", "decode"] == 1, "a picture that is indexed needs no decoding"
    assert found["simd_search_seconds_count", "featurize"] == 1


def test_calls_that_are_refused_are_counted() -> None:
    with serving(ready=False) as bench:
        with pytest.raises(grpc.RpcError):
            search(bench, b"picture 1 2 3")
        assert read(bench)["simd_requests_total", "UNAVAILABLE", SEARCH] == 1


def test_a_scrape_tells_the_state(bench: Bench) -> None:
    bench.put("a", b"picture 1 2 3")
    gone = bench.put("b", b"picture 3 2 1")
    bench.index.delete([gone])
    bench.reject("c", reason=Reason.EMPTY)
    bench.ingest.pending[:] = [7]
    bench.switch = SwitchStatus("old", "new", 5, 9, 1)
    found = read(bench)
    expected = {
        ("simd_ready",): 1,
        ("simd_pending",): 7,
        ("simd_queue", "backlog"): 3,
        ("simd_paused",): 0,
        ("simd_images_per_second",): 12.5,
        ("simd_rejected_files", "empty"): 1,
        ("simd_root_online", str(bench.root)): 1,
        ("simd_root_last_scan_timestamp_seconds", str(bench.root)): 1.7e9,
        ("simd_index_vectors",): 1,
        ("simd_index_dead",): 1,
        ("simd_index_dead_ratio",): 0.5,
        ("simd_index_disk_bytes",): 4096,
        ("simd_index_detail", "segments"): 1,
        ("simd_device_info", "cpu", "numpy"): 1,
        ("simd_model_switch_done",): 5,
        ("simd_model_switch_total",): 9,
    }
    assert {key: found.get(key) for key in expected} == expected


def test_a_replica_is_told_of_where_there_is_one(bench: Bench) -> None:
    assert ("simd_replica_up",) not in read(bench)
    replica = GivenReplica()
    with serving(replica=replica) as publishing:
        for state, up in ((BEHIND, 1), (DOWN, 0)):
            replica.states = [state]
            found = read(publishing)
            expected = {"up": up, "outbox": 3, "outbox_age_seconds": 90, "images": 2, "images_of_all": 5, "searched": 1}
            assert {key: found[f"simd_replica_{key}",] for key in expected} == expected


def test_before_the_daemon_is_ready_a_scrape_says_so() -> None:
    with serving(ready=False) as bench:
        found = read(bench)
        assert found["simd_ready",] == 0
        assert ("simd_pending",) not in found


@pytest.mark.parametrize("what", ["index", "catalogue"])
def test_damage_is_told_and_everything_that_can_be(bench: Bench, what: str) -> None:
    bench.put("a", b"picture 1 2 3")
    whole = read(bench)
    assert (whole["simd_ready",], whole["simd_damaged", "index"], whole["simd_damaged", "catalogue"]) == (1, 0, 0)
    getattr(bench, what).damage = DAMAGE
    found = read(bench)
    assert found["simd_ready",] == 0
    assert {of: found["simd_damaged", of] for of in ("index", "catalogue")} == {"index": 0, "catalogue": 0, what: 1}
    assert found.keys() == whole.keys()
    assert (found["simd_images",], found["simd_index_vectors",], found["simd_pending",]) == (1, 1, 0)


class BrokenIndex(BenchIndex):
    """Its counts cannot be read."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self._failure = failure

    def stats(self) -> IndexStats:
        raise self._failure


@pytest.mark.parametrize("failure", [IndexUnavailable("away"), RuntimeError("a bug")])
def test_what_cannot_be_read_is_left_out_and_the_rest_is_told(bench: Bench, failure: Exception) -> None:
    bench.serving.replace(bench.served(index=BrokenIndex(failure)))
    found = read(bench)
    assert found["simd_pending",] == 0
    assert ("simd_index_vectors",) not in found


def test_two_registries_know_nothing_of_each_other(bench: Bench) -> None:
    with serving() as other:
        search(other, b"picture 1 2 3")
        assert ("simd_requests_total", "OK", SEARCH) not in read(bench)


@pytest.mark.parametrize("text", ["0.0.0.0:9464", "192.168.1.2:9464", "host:9464", "127.0.0.1", "127.0.0.1:x", ":9464"])
def test_metrics_are_for_this_machine_only(text: str) -> None:
    with pytest.raises(ConfigError, match="loopback") as caught:
        parse_local(text, field="metrics_listen")
    assert caught.value.field == "metrics_listen"


@pytest.mark.parametrize(
    ("text", "host"), [("127.0.0.1:9464", "127.0.0.1"), ("localhost:9464", "127.0.0.1"), ("[::1]:9464", "::1")]
)
def test_loopback_addresses_will_do(text: str, host: str) -> None:
    assert parse_local(text, field="metrics_listen") == TcpAddress(host, 9464)


def test_a_port_that_is_taken_is_said(bench: Bench) -> None:
    server = MetricsServer(bench.metrics, TcpAddress("127.0.0.1", 0))
    try:
        with pytest.raises(ConfigError, match="cannot serve metrics"):
            MetricsServer(bench.metrics, server.address)
    finally:
        server.close()
