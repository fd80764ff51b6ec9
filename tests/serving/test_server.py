"""The server on a real socket: what every RPC answers, what fails how, who may connect, how it ends."""

from __future__ import annotations

import base64
import logging
import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from simd.errors import NotNow, Reason
from simd.serving.readiness import Readiness
from simd.serving.search.convert_search import result_to
from simd.serving.search.matcher import SearchResult
from simd.serving.server import Server
from simd.serving.transport.meter import Took
from simd.types import AddReport, Refused, RemoveReport, Root, RootStatus, ScanReport
from simd.v1 import index_service_pb2, index_service_pb2_grpc, search_service_pb2, search_service_pb2_grpc
from tests.serving.doubles import Bench, TextDecoder, prepared, serving, vector_of
from tests.serving.waiting import until

RED = b"picture 200 10 10"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


@pytest.fixture
def channel(bench: Bench) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(bench.listen) as channel:
        yield channel


def search(channel: grpc.Channel, timeout: float = 10, **request: Any) -> search_service_pb2.SearchResponse:
    stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
    response: search_service_pb2.SearchResponse = stub.Search(
        search_service_pb2.SearchRequest(**request), timeout=timeout
    )
    return response


def token(inside: bytes) -> str:
    return base64.urlsafe_b64encode(inside).decode()


def index(channel: grpc.Channel) -> Any:
    return index_service_pb2_grpc.IndexServiceStub(channel)  # type: ignore[no-untyped-call]


def failure(call: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_search_by_image_answers_with_all_that_is_known(bench: Bench, channel: grpc.Channel) -> None:
    image_id = bench.put("red.jpg", RED)
    bench.put("copy.jpg", RED)
    response = search(channel, image=RED)
    (match,) = response.matches
    assert match.image_id == image_id.hex()
    assert match.path == f"{bench.root}/copy.jpg"
    assert list(match.paths) == [f"{bench.root}/copy.jpg", f"{bench.root}/red.jpg"]
    assert match.path_count == 2 and not match.path_bytes and not match.paths_bytes
    assert (match.distance, match.similarity, match.width, match.height) == (0, 1, 640, 480)
    assert response.searched == 1 and response.took.total_ms > 0


def test_search_by_id_by_vector_and_by_path(bench: Bench, channel: grpc.Channel) -> None:
    image_id = bench.put("red.jpg", RED)
    path = f"{bench.root}/red.jpg"
    for request in (
        {"image_id": image_id.hex()},
        {"vector": search_service_pb2.Vector(values=vector_of(200, 10, 10))},
        {"path": path},
        {"path_bytes": path.encode()},
    ):
        assert [match.path for match in search(channel, **request).matches] == [path]


def test_exact_is_passed_on(bench: Bench, channel: grpc.Channel) -> None:
    bench.put("red.jpg", RED)
    for exact in (True, False):
        search(channel, image=RED, exact=exact)
    assert [scan.exact for scan in bench.scans] == [True, False]


@pytest.mark.parametrize("exact", [True, False])
def test_whether_something_nearer_may_have_been_missed_is_told(exact: bool) -> None:
    assert result_to(SearchResult((), 7, exact, Took())).exact is exact


def test_a_min_similarity_of_zero_is_not_the_same_as_none(bench: Bench, channel: grpc.Channel) -> None:
    bench.put("red.jpg", RED)
    opposite = search_service_pb2.Vector(values=-vector_of(200, 10, 10))
    assert len(search(channel, vector=opposite).matches) == 1
    assert len(search(channel, vector=opposite, min_similarity=0).matches) == 0


def test_a_name_that_is_not_utf8_survives_both_ways(bench: Bench, channel: grpc.Channel) -> None:
    bench.put(b"caf\xe9/red.jpg", RED)
    root = os.fsencode(bench.root)
    response = search(channel, path_bytes=root + b"/caf\xe9/red.jpg", path_prefix_bytes=root + b"/caf\xe9")
    (match,) = response.matches
    assert match.path == f"{bench.root}/caf\ufffd/red.jpg"
    assert match.path_bytes == root + b"/caf\xe9/red.jpg"
    assert list(match.paths_bytes) == [match.path_bytes]


def test_a_picture_in_very_many_places_does_not_make_the_answer_too_big(bench: Bench, channel: grpc.Channel) -> None:
    bench.put_all(*((f"{i:03}.jpg", RED) for i in range(150)))
    (match,) = search(channel, image=RED).matches
    assert (len(match.paths), match.path_count) == (100, 150)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({}, "query"),
        ({"image_id": "xyz"}, "image_id"),
        ({"image_id": "0 1" * 16}, "image_id"),
        ({"image": b"x", "limit": 1001}, "limit"),
        ({"path": "/etc/passwd"}, "path"),
        ({"path": "/" + "a/" * 100_000}, "path"),
        ({"path_bytes": b"/a\0b"}, "path"),
        ({"image": b"x", "path_prefix": "relative"}, "path_prefix"),
        ({"image": b"x", "path_prefix_bytes": b"/" + b"x" * 4095}, "path_prefix"),
        ({"image": b"x", "min_similarity": float("nan")}, "min_similarity"),
        ({"vector": search_service_pb2.Vector(values=[float("inf")] * 4)}, "vector"),
        ({"vector": search_service_pb2.Vector(values=[1.0])}, "vector"),
        ({"image": b"no image"}, "image"),
    ],
)
def test_a_bad_request_is_answered_with_the_field_at_fault(
    channel: grpc.Channel, request_: dict[str, Any], field: str
) -> None:
    error = failure(lambda: search(channel, **request_))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad = error_details_pb2.BadRequest()
    [fields] = [bad.field_violations for detail in rpc_status.from_call(error).details if detail.Unpack(bad)]
    assert [violation.field for violation in fields] == [field]


def test_an_unknown_image_is_not_found(channel: grpc.Channel) -> None:
    assert failure(lambda: search(channel, image_id="00" * 16)).code() is grpc.StatusCode.NOT_FOUND


def test_the_longest_path_still_gives_a_readable_error(channel: grpc.Channel) -> None:
    error = failure(lambda: search(channel, path_bytes=b"/" + b"\xe9\xff" * 2000))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().endswith("send the image's bytes instead")


def test_a_bug_is_logged_and_its_text_is_not_sent(channel: grpc.Channel, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        error = failure(lambda: search(channel, image=b"explode"))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in error.details()
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "the secret of the decoder" in str(record.exc_info)
    number = record.getMessage().rsplit("(", 1)[1].rstrip(")")
    assert number in error.details()


def test_where_the_daemons_files_are_is_logged_and_not_sent(
    channel: grpc.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    error = failure(lambda: search(channel, image=b"damaged"))
    assert error.code() is grpc.StatusCode.DATA_LOSS
    assert "/state" not in error.details() and "simd check" in error.details()
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "/state/index/log/1: damaged at byte 42" in record.getMessage()
    number = record.getMessage().split("(", 1)[1].split(")", 1)[0]
    assert number in error.details()


def test_a_request_over_the_limit_is_refused(bench: Bench, channel: grpc.Channel) -> None:
    error = failure(lambda: search(channel, image=bytes(2 << 20)))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_deadline_ends_the_work() -> None:
    hold = threading.Event()
    with serving(decoder=TextDecoder(hold)) as bench, grpc.insecure_channel(bench.listen) as channel:
        error = failure(lambda: search(channel, timeout=0.2, image=RED))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert bench.decoder.cancelled.wait(10)
        hold.set()


def test_a_cancelled_call_ends_the_work() -> None:
    hold = threading.Event()
    with serving(decoder=TextDecoder(hold)) as bench, grpc.insecure_channel(bench.listen) as channel:
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        call = stub.Search.future(search_service_pb2.SearchRequest(image=RED))
        assert bench.decoder.started.wait(10)
        call.cancel()
        assert bench.decoder.cancelled.wait(10)
        hold.set()


def test_calls_beyond_the_limit_are_refused() -> None:
    hold = threading.Event()
    with prepared(decoder=TextDecoder(hold)) as bench:
        server = Server(bench.listen, Readiness(), max_request_bytes=1000, max_searches=1, max_running_searches=1)
        server.start()
        server.open(bench.services)
        with grpc.insecure_channel(bench.listen) as channel:
            stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
            first = stub.Search.future(search_service_pb2.SearchRequest(image=RED))
            assert bench.decoder.started.wait(10)
            error = failure(lambda: search(channel, image=RED))
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            hold.set()
            assert len(first.result().matches) == 0
        server.stop(0.2)


def test_add_passes_paths_on_and_tells_what_was_rejected(bench: Bench, channel: grpc.Channel) -> None:
    rejected = (Refused(b"/r/\xff.jpg", Reason.TRUNCATED, "it ends at byte 17"),)
    bench.ingest.add_report = AddReport(2, 1, rejected, queued=40)
    response = index(channel).Add(index_service_pb2.AddRequest(paths=["/r/é.jpg"], paths_bytes=[b"/r/\xff.jpg"]))
    assert bench.ingest.calls == [("add", "/r/é.jpg".encode(), b"/r/\xff.jpg")]
    assert (response.added, response.unchanged, response.queued) == (2, 1, 40)
    (item,) = response.rejected
    assert (item.path, item.path_bytes, item.reason, item.detail) == (
        "/r/\ufffd.jpg",
        b"/r/\xff.jpg",
        "truncated",
        "it ends at byte 17",
    )


def test_remove_passes_paths_and_ids_on_and_tells_what_is_missing(bench: Bench, channel: grpc.Channel) -> None:
    image_id = bench.put("red.jpg", RED)
    bench.ingest.remove_report = RemoveReport(3, 2, (b"/r/x", image_id))
    response = index(channel).Remove(index_service_pb2.RemoveRequest(paths=["/r/x"], image_ids=[image_id.hex()]))
    assert bench.ingest.calls == [("remove", b"/r/x", image_id)]
    assert (response.files, response.images) == (3, 2)
    assert list(response.missing) == ["/r/x", image_id.hex()] and not response.missing_bytes


def test_scan_passes_paths_on_and_tells_what_is_offline(bench: Bench, channel: grpc.Channel) -> None:
    bench.ingest.scan_report = ScanReport(10, 2, 1, (b"/mnt/usb",))
    response = index(channel).Scan(index_service_pb2.ScanRequest(retry_rejected=True))
    assert bench.ingest.calls == [("scan", True, False)]
    assert (response.seen, response.changed, response.deleted, list(response.offline)) == (10, 2, 1, ["/mnt/usb"])


def test_scan_explains_paths_one_by_one(bench: Bench, channel: grpc.Channel) -> None:
    request = index_service_pb2.ScanRequest(paths=["/r/a"], paths_bytes=[b"/r/\xff"], explain=True)
    response = index(channel).Scan(request)
    assert bench.ingest.calls == [("explain", b"/r/a", b"/r/\xff")]
    first, second = response.explanations
    assert (first.path, first.path_bytes, first.indexed, first.reason) == ("/r/a", b"", False, "ignored")
    assert (second.path, second.path_bytes, second.detail) == ("/r/\ufffd", b"/r/\xff", "by a rule")


@pytest.mark.parametrize(
    "call",
    [
        lambda stub: stub.Scan(index_service_pb2.ScanRequest(explain=True)),
        lambda stub: stub.Add(index_service_pb2.AddRequest()),
        lambda stub: stub.Add(index_service_pb2.AddRequest(paths=["relative"])),
        lambda stub: stub.Remove(index_service_pb2.RemoveRequest()),
        lambda stub: stub.Remove(index_service_pb2.RemoveRequest(image_ids=["beef"])),
        lambda stub: stub.Scan(index_service_pb2.ScanRequest(paths=["."])),
        lambda stub: stub.ListErrors(index_service_pb2.ListErrorsRequest(page_token="made up")),
        lambda stub: stub.ListErrors(index_service_pb2.ListErrorsRequest(page_token="YWJj")),
        lambda stub: stub.ListErrors(index_service_pb2.ListErrorsRequest(page_token=token(b"%d:x" % (1 << 63)))),
        lambda stub: stub.ListErrors(index_service_pb2.ListErrorsRequest(page_token=token(b"-1:x"))),
        lambda stub: stub.ListErrors(index_service_pb2.ListErrorsRequest(page_token=token(b"1" * 9000 + b":x"))),
        lambda stub: stub.ListErrors(index_service_pb2.ListErrorsRequest(path_prefix="relative")),
        lambda stub: stub.ListErrors(index_service_pb2.ListErrorsRequest(path_prefix_bytes=b"/a\0b")),
        lambda stub: stub.Add(index_service_pb2.AddRequest(paths=["/" + "x" * 4095])),
        lambda stub: stub.Scan(index_service_pb2.ScanRequest(paths_bytes=[b"/a\0b"])),
        lambda stub: stub.Scan(index_service_pb2.ScanRequest(paths=["/"] * 100_001)),
        lambda stub: stub.Remove(index_service_pb2.RemoveRequest(image_ids=["x"] * 100_001)),
    ],
)
def test_index_requests_that_cannot_be_are_refused_and_nothing_is_done(
    bench: Bench, channel: grpc.Channel, call: Any
) -> None:
    assert failure(lambda: call(index(channel))).code() is grpc.StatusCode.INVALID_ARGUMENT
    assert bench.ingest.calls == []


def test_status_tells_everything(bench: Bench, channel: grpc.Channel) -> None:
    bench.put("red.jpg", RED)
    bench.reject("bad.jpg", reason=Reason.TRUNCATED)
    bench.ingest.pending = [7]
    bench.ingest.roots_ = [RootStatus(Root(1, b"/photos"), False, "polling", 3, None, "not mounted")]
    status = index(channel).Status(index_service_pb2.StatusRequest())
    assert status.ready and (status.images, status.files, status.pending, status.failed) == (1, 1, 7, 1)
    assert dict(status.failed_by_reason) == {"truncated": 1}
    assert not status.paused and status.images_per_s == 12.5
    (root,) = status.roots
    assert (root.path, root.online, root.watching, root.files, root.detail) == (
        "/photos",
        False,
        "polling",
        3,
        "not mounted",
    )
    assert not root.HasField("last_scan_time")
    assert (status.model.name, status.model.dimension, status.model.licence) == ("tiny", 4, "Apache-2.0")
    assert (status.device.device, status.device.engine) == ("cpu", "numpy")
    assert (status.index.kind, status.index.vectors, status.index.disk_bytes) == ("brute", 1, 4096)
    assert status.version and status.uptime_s > 0


def test_times_that_pass_are_durations_as_well_as_numbers(bench: Bench, channel: grpc.Channel) -> None:
    bench.ingest.pending = [50]
    status = index(channel).Status(index_service_pb2.StatusRequest())
    assert status.uptime.ToMicroseconds() == round(status.uptime_s * 1e6)
    assert (status.eta_s, status.time_left.ToMilliseconds()) == (4.0, 4000)
    bench.ingest.pending = [0]
    assert not index(channel).Status(index_service_pb2.StatusRequest()).HasField("time_left")
    bench.ingest.pending = [10**18]
    assert index(channel).Status(index_service_pb2.StatusRequest()).time_left.seconds == 315_576_000_000


def test_errors_are_listed_page_by_page(bench: Bench, channel: grpc.Channel) -> None:
    paths: list[bytes] = []
    for i in range(5):
        paths += bench.reject(b"%02d\xff.jpg" % i, reason=Reason.CORRUPT, detail=f"number {i}")
    found, token = [], ""
    for expected in (2, 2, 1):
        page = index(channel).ListErrors(index_service_pb2.ListErrorsRequest(page_size=2, page_token=token))
        assert (len(page.errors), page.total) == (expected, 5)
        found += page.errors
        token = page.next_page_token
    assert token == ""
    assert [error.path_bytes for error in found] == paths
    assert (found[0].reason, found[0].detail, found[0].size) == ("corrupt", "number 0", 17)
    assert found[0].modified_time.ToMilliseconds() == 1_700_000_000_500
    assert found[0].failed_time.ToMilliseconds() == 1_700_000_100_000


def test_errors_are_listed_under_a_prefix(bench: Bench, channel: grpc.Channel) -> None:
    bench.reject("a/1.jpg", "bc/1.jpg", reason=Reason.CORRUPT)
    bench.reject("b/2.jpg", reason=Reason.EMPTY)
    page = index(channel).ListErrors(index_service_pb2.ListErrorsRequest(path_prefix=f"{bench.root}/b"))
    assert [error.reason for error in page.errors] == ["empty"]


def health_of(channel: grpc.Channel, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    status: int = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status
    return status


def test_before_it_is_ready_only_status_and_health_answer() -> None:
    with serving(ready=False) as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.readiness.doing("loading the model")
        status = index(channel).Status(index_service_pb2.StatusRequest())
        assert (status.ready, status.detail) == (False, "loading the model")
        assert health_of(channel) == health_pb2.HealthCheckResponse.NOT_SERVING
        error = failure(lambda: search(channel, image=RED))
        assert error.code() is grpc.StatusCode.UNAVAILABLE, error
        assert "loading the model" in error.details()
        bench.server.open(bench.services)
        assert search(channel, image=RED).searched == 0


@pytest.mark.parametrize("service", ["", "simd.v1.SearchService", "simd.v1.IndexService"])
def test_health_is_told_for_the_server_and_for_each_service(channel: grpc.Channel, service: str) -> None:
    assert health_of(channel, service) == health_pb2.HealthCheckResponse.SERVING


def test_reflection_names_the_services(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (response,) = stub.ServerReflectionInfo(iter([request]))
    names = {service.name for service in response.list_services_response.service}
    assert {"simd.v1.SearchService", "simd.v1.IndexService", "grpc.health.v1.Health"} <= names


def test_the_socket_is_the_owners_alone_and_the_umask_is_as_before(bench: Bench) -> None:
    mode = stat.S_IMODE(os.stat(bench.listen.removeprefix("unix:")).st_mode)
    assert mode == 0o600
    before = os.umask(0o022)
    os.umask(before)
    assert before != 0o177


def test_a_second_server_does_not_take_the_socket_over(bench: Bench, channel: grpc.Channel) -> None:
    second = Server(bench.listen, Readiness(), max_request_bytes=1000)
    with pytest.raises(NotNow, match="another process answers"):
        second.start()
    second.stop(0)
    assert search(channel, image=RED).searched == 0


def test_loopback_works_and_tells_the_port_it_got() -> None:
    server = Server("localhost:0", Readiness(), max_request_bytes=1000)
    target = server.start()
    with grpc.insecure_channel(target) as channel:
        assert not index(channel).Status(index_service_pb2.StatusRequest()).ready
    second = Server(target, Readiness(), max_request_bytes=1000)
    with pytest.raises(NotNow, match=r"cannot listen on 127\.0\.0\.1"):
        second.start()
    second.stop(0)
    server.stop(0)


def test_stopping_lets_the_call_under_way_finish_refuses_new_ones_and_takes_the_socket_away() -> None:
    hold = threading.Event()
    with serving(decoder=TextDecoder(hold)) as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.put("green.jpg", b"picture 10 200 10")
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        call = stub.Search.future(search_service_pb2.SearchRequest(image=RED))
        assert bench.decoder.started.wait(10)
        stopping = threading.Thread(target=bench.server.stop, args=(10,))
        stopping.start()
        until(lambda: not is_let_in(channel), "new calls to be refused")
        assert not call.done()
        hold.set()
        assert len(call.result(timeout=10).matches) == 1
        stopping.join(10)
        assert not stopping.is_alive()
        assert not os.path.exists(bench.listen.removeprefix("unix:"))
        bench.server.stop(0)


def test_a_server_that_has_ended_leaves_no_thread() -> None:
    before, hold = set(threading.enumerate()), threading.Event()
    with (
        serving(max_searches=1, decoder=TextDecoder(hold)) as bench,
        grpc.insecure_channel(bench.listen) as channel,
        ThreadPoolExecutor(1) as callers,
    ):
        first = callers.submit(search, channel, image=RED)
        assert bench.decoder.started.wait(10)
        failure(lambda: search(channel, image=RED))
        hold.set()
        first.result(10)
        stub = index(channel)
        assert stub.Status(index_service_pb2.StatusRequest(), timeout=10).ready
        stub.Scan(index_service_pb2.ScanRequest(), timeout=10)
        assert len(list(stub.Export(index_service_pb2.ExportRequest(), timeout=10))) == 1
        assert next(stub.WatchStatus(index_service_pb2.WatchStatusRequest(), timeout=10)).status.ready
        lanes = {thread.name.rpartition("_")[0] for thread in set(threading.enumerate()) - before}
        assert lanes >= {f"rpc{name}" for name in ("", "-refused")}
    until(lambda: set(threading.enumerate()) <= before, "every thread to end")


def is_let_in(channel: grpc.Channel) -> bool:
    try:
        index(channel).Status(index_service_pb2.StatusRequest(), timeout=10)
    except grpc.RpcError as error:
        # gRPC cancels what arrives at the moment it stops.
        assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED), error
        return False
    return True
