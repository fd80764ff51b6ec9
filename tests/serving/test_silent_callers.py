"""Callers who send headers and no request, too many, or too much: they hold up nobody else. On a real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from simd.serving.transport.auth import Tokens
from simd.v1 import index_service_pb2, search_service_pb2
from tests.serving.doubles import Bench, TextDecoder, serving
from tests.serving.waiting import until

ADMIN, READER = "a" * 32, "r" * 32
SEARCH, STATUS = "/simd.v1.SearchService/Search", "/simd.v1.IndexService/Status"
FILES = "/simd.v1.IndexService/ListFiles"
CHECK = "/grpc.health.v1.Health/Check"
OWNER_WITHIN_S = 1.0


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Bench]:
    """A server on a unix socket and on TCP, with tokens."""
    with serving(listen=f"unix:{tmp_path}/s, 127.0.0.1:0", tokens=Tokens([ADMIN], [READER])) as bench:
        bench.put("red.jpg", b"picture 200 10 10")
        yield bench


def addresses(bench: Bench) -> list[str]:
    return bench.listen.split(", ")


@contextmanager
def silent(address: str, method: str, count: int, token: str | None) -> Iterator[list[Any]]:
    """So many calls of which no request ever comes."""
    never = threading.Event()

    def nothing() -> Iterator[bytes]:
        never.wait(60)
        yield from ()

    metadata = [] if token is None else [("authorization", f"Bearer {token}")]
    with grpc.insecure_channel(address) as channel:
        opened: Any = channel.stream_stream(method)
        try:
            yield [opened(nothing(), timeout=60, metadata=metadata) for _ in range(count)]
        finally:
            never.set()


def owner(address: str, method: str, request: bytes = b"", token: str = ADMIN) -> bytes:
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(method)
        answer: bytes = call(
            request, timeout=OWNER_WITHIN_S, metadata=[("authorization", f"Bearer {token}")], wait_for_ready=True
        )
        return answer


def everything_is_answered(address: str, token: str = ADMIN) -> None:
    search = search_service_pb2.SearchRequest(image=b"picture 200 10 10").SerializeToString()
    assert len(search_service_pb2.SearchResponse.FromString(owner(address, SEARCH, search, token)).matches) == 1
    assert index_service_pb2.StatusResponse.FromString(owner(address, STATUS, token=token)).ready
    owner(address, FILES, token=token)
    owner(address, CHECK, token=token)


@pytest.mark.parametrize("method", [SEARCH, STATUS, CHECK, "/simd.v1.SearchService/BatchSearch"])
def test_calls_without_a_request_hold_up_no_other_caller(both: Bench, method: str) -> None:
    unix, tcp = addresses(both)
    with silent(tcp, method, 200, READER) as calls:
        until(lambda: sum(call.done() for call in calls) > 50, "those that are too many to be refused")
        for address in (unix, tcp):
            everything_is_answered(address)
        codes = {call.code() for call in calls if call.done()}
        assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_strangers_are_told_whether_there_is_a_daemon_without_sending_a_request(both: Bench) -> None:
    unix, tcp = addresses(both)
    with silent(tcp, CHECK, 200, None) as calls:
        for call in calls:
            status = health_pb2.HealthCheckResponse.FromString(next(call)).status
            assert status == health_pb2.HealthCheckResponse.SERVING
        everything_is_answered(unix)
        everything_is_answered(tcp)


def test_what_a_stranger_sends_with_a_health_check_is_not_read(both: Bench) -> None:
    _, tcp = addresses(both)
    with grpc.insecure_channel(tcp) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        large = health_pb2.HealthCheckRequest(service="x" * 500_000)
        assert stub.Check(large, timeout=10).status == health_pb2.HealthCheckResponse.SERVING


def test_who_has_a_token_may_ask_for_one_service(both: Bench) -> None:
    _, tcp = addresses(both)
    with grpc.insecure_channel(tcp) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(
                health_pb2.HealthCheckRequest(service="x"),
                timeout=10,
                metadata=[("authorization", f"Bearer {READER}")],
            )
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_searches_of_one_caller_leave_turns_to_another(tmp_path: Path) -> None:
    hold = threading.Event()
    listen = f"unix:{tmp_path}/s, 127.0.0.1:0"
    with serving(listen=listen, decoder=TextDecoder(hold), tokens=Tokens([ADMIN], [READER])) as bench:
        image_id = bench.put("red.jpg", b"picture 200 10 10")
        unix, tcp = addresses(bench)
        with grpc.insecure_channel(tcp) as channel:
            search: Any = channel.unary_unary(SEARCH)
            calls = [
                search.future(
                    search_service_pb2.SearchRequest(image=b"picture %d 0 0" % number).SerializeToString(),
                    timeout=60,
                    metadata=[("authorization", f"Bearer {READER}")],
                )
                for number in range(100)
            ]
            until(lambda: sum(call.done() for call in calls) >= 44, "those that are too many to be refused")
            request = search_service_pb2.SearchRequest(image_id=image_id.hex()).SerializeToString()
            for address in (unix, tcp):
                owner(address, SEARCH, request)
            hold.set()
            assert {call.code() for call in calls} == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
