"""`grpc.health.v1` on a real server: what is told, to how many, and that those who come and go are in nobody's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.serving.doubles import DAMAGE, Bench, serving

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
NAMES = ["", "simd.v1.SearchService", "simd.v1.IndexService", "simd.v1.ImageService", "simd.v1.InsightService"]


@pytest.fixture
def starting() -> Iterator[Bench]:
    with serving(ready=False) as bench:
        yield bench


@pytest.fixture
def stub(starting: Bench) -> Iterator[Any]:
    with grpc.insecure_channel(starting.listen) as channel:
        yield health_pb2_grpc.HealthStub(channel)


def request(service: str = "") -> Any:
    return health_pb2.HealthCheckRequest(service=service)


@pytest.mark.parametrize("service", NAMES)
def test_a_check_tells_whether_it_serves(starting: Bench, stub: Any, service: str) -> None:
    assert stub.Check(request(service), timeout=10).status == NOT_SERVING
    starting.server.open(starting.services)
    assert stub.Check(request(service), timeout=10).status == SERVING


def test_a_service_that_is_not_here_is_not_found_by_a_check_and_unknown_to_who_watches(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(request("simd.v9.Nothing"), timeout=10)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    watching = stub.Watch(request("simd.v9.Nothing"), timeout=10)
    assert next(watching).status == UNKNOWN
    watching.cancel()


def test_the_list_tells_all_at_once(starting: Bench, stub: Any) -> None:
    starting.server.open(starting.services)
    statuses = stub.List(health_pb2.HealthListRequest(), timeout=10).statuses
    assert {name: status.status for name, status in statuses.items()} == dict.fromkeys(NAMES, SERVING)


@pytest.mark.parametrize("service", NAMES)
def test_who_watches_is_told_of_every_change_until_the_end(starting: Bench, service: str) -> None:
    with grpc.insecure_channel(starting.listen) as channel:
        watching = health_pb2_grpc.HealthStub(channel).Watch(request(service), timeout=20)
        assert next(watching).status == NOT_SERVING
        starting.server.open(starting.services)
        assert next(watching).status == SERVING
        stopping = threading.Thread(target=starting.server.stop, args=(5,))
        stopping.start()
        assert next(watching).status == NOT_SERVING
        assert next(watching, None) is None
        stopping.join(20)
        assert not stopping.is_alive()


@pytest.mark.parametrize("what", ["index", "catalogue"])
def test_what_searches_need_is_damaged_searches_are_not_served_and_the_rest_is(
    starting: Bench, stub: Any, what: str
) -> None:
    starting.server.open(starting.services)
    watching = {name: stub.Watch(request(name), timeout=20) for name in NAMES}
    assert {name: next(one).status for name, one in watching.items()} == dict.fromkeys(NAMES, SERVING)
    getattr(starting, what).damage = DAMAGE
    goes_on = dict.fromkeys(("simd.v1.IndexService", "simd.v1.ImageService", "simd.v1.InsightService"), SERVING)
    expected = {"": NOT_SERVING, "simd.v1.SearchService": NOT_SERVING, **goes_on}
    assert {name: stub.Check(request(name), timeout=10).status for name in NAMES} == expected
    statuses = stub.List(health_pb2.HealthListRequest(), timeout=10).statuses
    assert {name: status.status for name, status in statuses.items()} == expected
    began = time.monotonic()
    assert next(watching[""]).status == next(watching["simd.v1.SearchService"]).status == NOT_SERVING
    assert time.monotonic() - began < 2
    getattr(starting, what).damage = None
    assert next(watching[""]).status == next(watching["simd.v1.SearchService"]).status == SERVING
    for one in watching.values():
        one.cancel()


def test_those_who_come_and_go_while_others_come_do_not_stop_the_server(starting: Bench) -> None:
    done = threading.Event()

    def come_and_go() -> None:
        with grpc.insecure_channel(starting.listen, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for _ in range(200):
                watching = stub.Watch(request(), timeout=20)
                assert next(watching).status == NOT_SERVING
                watching.cancel()
        done.set()

    threads = [threading.Thread(target=come_and_go, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert done.is_set() and starting.server.answers(10)


def test_too_many_who_watch_are_refused_and_who_leaves_makes_room(starting: Bench, stub: Any) -> None:
    watching: list[Any] = []
    with pytest.raises(grpc.RpcError) as caught:
        while len(watching) < 100:
            watching.append(stub.Watch(request(), timeout=20))
            next(watching[-1])
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.Check(request(), timeout=10).status == NOT_SERVING
    for one in watching:
        one.cancel()
    pause = threading.Event()
    while True:
        late = stub.Watch(request(), timeout=20)
        try:
            assert next(late).status == NOT_SERVING
            break
        except grpc.RpcError:
            pause.wait(0.01)
    late.cancel()
