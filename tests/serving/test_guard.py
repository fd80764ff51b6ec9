"""Before every call: whose it is, and whether there is room for it. On a real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from simd.cancelled import Cancelled
from simd.serving.transport.auth import Role, Tokens
from simd.serving.transport.guard import headers_of
from simd.serving.transport.lanes import LaneName
from simd.serving.transport.rules import RULES, rule_of
from simd.types import ScanReport
from simd.v1 import image_service_pb2, index_service_pb2, insight_service_pb2, search_service_pb2
from tests.serving.doubles import Bench, MemoryIngest, TextDecoder, serving
from tests.serving.waiting import until

ADMIN, READER = "a" * 32, "r" * 32
CONTRACT = [
    (f"/{service.full_name}/{method.name}", method)
    for file in (search_service_pb2, index_service_pb2, image_service_pb2, insight_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Bench]:
    with serving(tokens=Tokens([ADMIN], [READER])) as bench:
        yield bench


def call(
    bench: Bench, method: str, request: bytes = b"", token: str | None = None, timeout: float = 10
) -> grpc.StatusCode:
    """Call whatever method with whatever bytes; how it ended, at the first message or without one."""
    with grpc.insecure_channel(bench.listen) as channel:
        metadata = [] if token is None else [("authorization", f"Bearer {token}")]
        open_stream: Any = channel.stream_stream(method)
        answers = open_stream(iter([request]), timeout=timeout, metadata=metadata)
        try:
            next(answers, None)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        answers.cancel()
        return grpc.StatusCode.OK


def raw(channel: grpc.Channel, method: str) -> Any:
    """A method that takes and gives bytes."""
    return channel.unary_unary(method)


def details_of(error: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for detail in rpc_status.from_call(error).details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, error_details_pb2.BadRequest):
            message: Message = kind()
            if detail.Unpack(message):
                found[kind.__name__] = message
    return found


def failure(run: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        run()
    return caught.value


@pytest.mark.parametrize("method", [name for name, _ in CONTRACT])
def test_every_call_of_the_contract_has_a_rule(method: str) -> None:
    assert method in RULES
    assert rule_of(method).role is not Role.ANYONE


def test_no_rule_is_of_a_call_that_is_not_there() -> None:
    assert {name for name in RULES if name.startswith("/simd.")} == {name for name, _ in CONTRACT}


def test_readers_may_do_nothing_that_changes_what_is_searched() -> None:
    changing = {
        "Add", "Remove", "Scan", "Compact", "Pause", "Resume", "DecideDuplicates", "ImportLabels", "ClearLabels"
    }  # fmt: skip
    assert {
        name for name, rule in RULES.items() if rule.role <= Role.READ and name.rsplit("/", 1)[1] in changing
    } == set()


def test_a_call_that_is_in_no_table_needs_the_highest_role() -> None:
    assert rule_of("/simd.v1.IndexService/Forgotten").role is Role.ADMIN


@pytest.mark.parametrize("method", [name for name, _ in CONTRACT])
def test_every_call_is_refused_without_a_token_and_with_a_wrong_one(guarded: Bench, method: str) -> None:
    assert call(guarded, method) is grpc.StatusCode.UNAUTHENTICATED
    assert call(guarded, method, token="x" * 32) is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("method", [name for name, _ in CONTRACT])
def test_a_readers_token_opens_what_readers_may_and_an_administrators_everything(guarded: Bench, method: str) -> None:
    refused = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
    assert call(guarded, method, token=ADMIN) not in refused
    expected = rule_of(method).role is Role.ADMIN
    assert (call(guarded, method, token=READER) is grpc.StatusCode.PERMISSION_DENIED) == expected


def test_headers_of_one_name_are_joined_and_binary_ones_left_out() -> None:
    sent: list[tuple[str, str | bytes]] = [("a", "1"), ("x", "2"), ("b-bin", b"3"), ("x", "4")]
    assert headers_of(sent) == {"a": "1", "x": "2, 4"}
    assert headers_of(None) == {}


def test_two_tokens_in_one_call_are_refused(guarded: Bench) -> None:
    with grpc.insecure_channel(guarded.listen) as channel:
        metadata = [("authorization", f"Bearer {ADMIN}"), ("authorization", f"Bearer {READER}")]
        status = raw(channel, "/simd.v1.IndexService/Status")
        assert failure(lambda: status(b"", metadata=metadata)).code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_refusal_says_why_for_programs_and_does_nothing(guarded: Bench) -> None:
    before = len(guarded.ingest.calls)
    with grpc.insecure_channel(guarded.listen) as channel:
        add = raw(channel, "/simd.v1.IndexService/Add")
        denied = failure(lambda: add(b"", metadata=[("authorization", f"Bearer {READER}")]))
        unknown = failure(lambda: add(b"", metadata=[("authorization", "Bearer nonsense")]))
    assert details_of(denied)["ErrorInfo"].reason == "PERMISSION_DENIED"
    assert details_of(unknown)["ErrorInfo"].reason == "UNAUTHENTICATED"
    assert "nonsense" not in unknown.details()
    assert len(guarded.ingest.calls) == before


def test_health_is_told_without_a_token_but_cannot_be_watched(guarded: Bench) -> None:
    with grpc.insecure_channel(guarded.listen) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert call(guarded, "/grpc.health.v1.Health/Watch") is grpc.StatusCode.UNAUTHENTICATED
    assert call(guarded, "/grpc.health.v1.Health/Watch", token=READER) is grpc.StatusCode.OK


def test_reflection_is_for_those_who_may_read(guarded: Bench) -> None:
    with grpc.insecure_channel(guarded.listen) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        error = failure(lambda: list(stub.ServerReflectionInfo(iter([request]), timeout=10)))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        metadata = [("authorization", f"Bearer {READER}")]
        assert list(stub.ServerReflectionInfo(iter([request]), timeout=10, metadata=metadata))


def test_a_stranger_is_refused_before_the_request_has_come(guarded: Bench) -> None:
    """Requests that never come, from whoever has no token, hold no thread."""
    never = threading.Event()
    with grpc.insecure_channel(guarded.listen) as channel:

        def requests() -> Iterator[bytes]:
            never.wait(30)
            yield b""

        search: Any = channel.stream_unary("/simd.v1.SearchService/Search")
        for call in [search.future(requests(), timeout=30) for _ in range(50)]:
            assert call.exception(timeout=20).code() is grpc.StatusCode.UNAUTHENTICATED
        never.set()


def test_the_server_still_answers_itself(guarded: Bench) -> None:
    assert guarded.server.answers(10)


@contextmanager
def full_of_searches(searches: int) -> Iterator[tuple[Bench, grpc.Channel]]:
    """A server that holds as many searches as it takes, each of them being decoded or waiting."""
    hold = threading.Event()
    with (
        serving(decoder=TextDecoder(hold), max_searches=searches) as bench,
        grpc.insecure_channel(bench.listen) as channel,
    ):
        calls: list[Any] = []
        while not calls or not was_refused(calls[-1], wait_s=1.0 if len(calls) > searches else 0.0):
            request = search_service_pb2.SearchRequest(image=b"picture %d 0 0" % len(calls))
            calls.append(raw(channel, "/simd.v1.SearchService/Search").future(request.SerializeToString()))
        try:
            yield bench, channel
        finally:
            hold.set()
        for call in calls:
            call.exception(timeout=30)


def was_refused(call: Any, wait_s: float) -> bool:
    try:
        return call.exception(timeout=wait_s) is not None
    except grpc.FutureTimeoutError:
        return False


def test_a_search_too_many_is_told_when_to_try_again() -> None:
    with full_of_searches(4) as (_, channel):
        search = raw(channel, "/simd.v1.SearchService/Search")
        error = failure(lambda: search(b"", timeout=10))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        details = details_of(error)
        assert details["ErrorInfo"].reason == "OVERLOADED"
        assert details["RetryInfo"].retry_delay.seconds == 1
        assert "4 calls" in error.details() and "max_concurrent_requests" in error.details()


def test_status_health_and_requests_to_index_are_answered_while_searches_are_refused() -> None:
    with full_of_searches(8) as (bench, channel):
        status = index_service_pb2.StatusResponse.FromString(
            raw(channel, "/simd.v1.IndexService/Status")(b"", timeout=10)
        )
        assert status.ready
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        raw(channel, "/simd.v1.IndexService/Scan")(b"", timeout=10)
        assert bench.server.answers(10)


def test_once_there_is_room_again_searches_are_answered() -> None:
    with full_of_searches(2) as (bench, channel):
        assert bench.decoder.hold is not None
        bench.decoder.hold.set()
        deadline = threading.Event()
        search = raw(channel, "/simd.v1.SearchService/Search")
        request = search_service_pb2.SearchRequest(image=b"picture 1 2 3").SerializeToString()
        while True:
            try:
                assert search(request, timeout=10) is not None
                break
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                deadline.wait(0.01)


OF_EACH_LANE = {
    LaneName.SEARCH: "/simd.v1.SearchService/Search",
    LaneName.LOOK: "/simd.v1.IndexService/Status",
    LaneName.IMAGE: "/simd.v1.ImageService/GetThumbnail",
    LaneName.ORIGINAL: "/simd.v1.ImageService/GetImage",
    LaneName.GROUP: "/simd.v1.InsightService/GetGroup",
    LaneName.CHANGE: "/simd.v1.IndexService/Scan",
    LaneName.STREAM: "/simd.v1.SearchService/BatchSearch",
    LaneName.HEALTH: "/grpc.health.v1.Health/Check",
}


@contextmanager
def silent_callers(bench: Bench, lane: LaneName, count: int, timeout: float) -> Iterator[list[Any]]:
    """So many calls that were opened and of which no request ever comes."""
    never = threading.Event()

    def nothing() -> Iterator[bytes]:
        never.wait(60)
        yield from ()

    with grpc.insecure_channel(bench.listen) as channel:
        open_stream: Any = channel.stream_stream(OF_EACH_LANE[lane])
        try:
            yield [open_stream(nothing(), timeout=timeout) for _ in range(count)]
        finally:
            never.set()


def answers(bench: Bench, lane: LaneName) -> bool:
    refused = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED)
    return call(bench, OF_EACH_LANE[lane]) not in refused


@pytest.mark.parametrize("lane", LaneName)
def test_silent_callers_hold_up_their_own_lane_alone_and_make_room_when_they_leave(lane: LaneName) -> None:
    with serving() as bench, silent_callers(bench, lane, 10, timeout=60) as silent:
        until(lambda: any(one.done() for one in silent), "one to be too many")
        assert {one.code() for one in silent if one.done()} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert all(answers(bench, other) for other in LaneName if other is not lane)
        assert bench.server.answers(10)
        for one in silent:
            one.cancel()
        until(lambda: answers(bench, lane), "their places to be free")


def test_a_silent_caller_whose_deadline_passes_makes_room() -> None:
    with serving() as bench, silent_callers(bench, LaneName.SEARCH, 4, timeout=0.5) as silent:
        for one in silent:
            with pytest.raises(grpc.RpcError) as caught:
                next(one)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        until(lambda: answers(bench, LaneName.SEARCH), "its place to be free")


@pytest.mark.parametrize("method", [name for name, _ in CONTRACT])
def test_bytes_that_are_no_message_are_the_callers_mistake_and_no_traceback(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as bench:
        assert call(bench, method, b"\xff\xff\xff") is grpc.StatusCode.INVALID_ARGUMENT
    assert [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"] == []


def test_bytes_that_are_no_message_are_the_callers_mistake_for_health_and_reflection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving() as bench:
        for method in RULES:
            if method.startswith("/grpc.") and not method.endswith("v1.ServerReflection/ServerReflectionInfo"):
                assert call(bench, method, b"\xff\xff\xff") is grpc.StatusCode.INVALID_ARGUMENT
    assert [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"] == []


class PatientIngest(MemoryIngest):
    """Scans until nobody waits any more."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.left = threading.Event()

    def scan(
        self, paths: Sequence[bytes], *, retry_rejected: bool, confirm_deletes: bool, cancelled: Cancelled
    ) -> ScanReport:
        self.begun.set()
        with cancelled.calling(self.left.set):
            self.left.wait()
        cancelled.check()
        raise AssertionError("it waits until it is cancelled")


@pytest.mark.parametrize("timeout", [0.2, None])
def test_a_deadline_and_a_caller_who_leaves_end_the_wait_for_a_scan_of_a_folder(timeout: float | None) -> None:
    ingest = PatientIngest()
    with serving(ready=False) as bench, grpc.insecure_channel(bench.listen) as channel:
        bench.ingest = ingest
        bench.server.open(bench.services)
        scan = raw(channel, "/simd.v1.IndexService/Scan").future(b"", timeout=timeout)
        assert ingest.begun.wait(10)
        if timeout is None:
            scan.cancel()
        assert ingest.left.wait(10)
