"""The server's own sign of life: it answers itself while it turns, however busy, and not once its socket is gone."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import grpc

from simd.serving.readiness import Readiness
from simd.serving.server import Server
from simd.types import Size
from simd.v1 import search_service_pb2, search_service_pb2_grpc
from tests.serving.doubles import Picture, TextDecoder, serving, short_directory


class CountingDecoder(TextDecoder):
    """Counts the requests that have come so far."""

    def __init__(self, hold: threading.Event) -> None:
        super().__init__(hold)
        self.waiting = threading.Semaphore(0)

    def submit_bytes(self, data: bytes, size: Size) -> Future[Picture]:
        self.waiting.release()
        return super().submit_bytes(data, size)


def test_it_answers_before_it_is_ready_and_after() -> None:
    with serving(ready=False) as bench:
        assert bench.server.answers(10)
        bench.server.open(bench.services)
        assert bench.server.answers(10)


def test_it_answers_on_loopback() -> None:
    server = Server("127.0.0.1:0", Readiness(), max_request_bytes=1 << 20)
    server.start()
    try:
        assert server.answers(10)
    finally:
        server.stop(0)


def test_it_answers_while_requests_hold_every_thread_and_more_wait() -> None:
    hold = threading.Event()
    decoder = CountingDecoder(hold)
    with serving(decoder=decoder) as bench, grpc.insecure_channel(bench.listen) as channel:
        stub = search_service_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
        with ThreadPoolExecutor(80) as pool:
            calls = [
                pool.submit(stub.Search, search_service_pb2.SearchRequest(image=b"picture %d 0 0" % i), timeout=60)
                for i in range(80)
            ]
            for _ in range(4):
                assert decoder.waiting.acquire(timeout=60)
            try:
                assert bench.server.answers(10)
            finally:
                hold.set()
        for call in calls:
            call.exception()


def test_a_server_without_its_socket_does_not_answer() -> None:
    with serving() as bench:
        os.unlink(bench.listen.removeprefix("unix:"))
        assert not bench.server.answers(10)


def test_a_server_that_was_stopped_does_not_answer() -> None:
    with short_directory() as directory:
        server = Server(f"unix:{directory}/s", Readiness(), max_request_bytes=1 << 20)
        server.start()
        server.stop(0)
        assert not server.answers(10)
