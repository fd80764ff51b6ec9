"""The server's sign of life: it answers itself while it turns, however busy, and makes a socket that is gone again."""

from __future__ import annotations

import socket
import stat
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import simctl

from simd.errors import ConfigError
from simd.featurize.decode.renditions import Rendition
from simd.serving.readiness import Readiness
from simd.serving.server import Server
from simd.v1 import index_service_pb2, index_service_pb2_grpc, search_service_pb2, search_service_pb2_grpc
from tests.serving.doubles import Picture, TextDecoder, serving, short_directory
from tests.serving.waiting import until


class CountingDecoder(TextDecoder):
    """Counts the requests that have come so far."""

    def __init__(self, hold: threading.Event) -> None:
        super().__init__(hold)
        self.waiting = threading.Semaphore(0)

    def submit_bytes(self, data: bytes, *wanted: Rendition) -> Future[Picture]:
        self.waiting.release()
        return super().submit_bytes(data, *wanted)


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


@pytest.mark.parametrize("replacement", ["nothing", "another socket", "its directory is gone too"])
def test_a_socket_that_was_taken_away_is_made_again(tmp_path: Path, replacement: str) -> None:
    path = tmp_path / "run/simd.sock"
    with serving(listen=f"unix:{path}, 127.0.0.1:0") as bench:
        kept, port = bench.listen.split(", ")
        with grpc.insecure_channel(port) as untouched, grpc.insecure_channel(kept) as before:
            assert is_ready(untouched) and is_ready(before)
            path.unlink()
            if replacement == "another socket":
                with socket.socket(socket.AF_UNIX) as other:
                    other.bind(str(path))
            if replacement == "its directory is gone too":
                path.parent.rmdir()
            until(lambda: bench.server.answers(10), "the socket to be made again")
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert is_ready(untouched) and is_ready(before)
            with grpc.insecure_channel(kept) as after:
                assert is_ready(after)
    assert not path.exists()


def test_a_socket_that_cannot_be_made_again_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run/simd.sock"
    with serving(listen=f"unix:{path}") as bench:
        path.unlink()
        path.write_text("somebody's")
        until(lambda: "it exists and is not a socket" in caplog.text, "the log to tell")
        assert not bench.server.answers(1)
        path.unlink()
        until(lambda: bench.server.answers(10), "the socket to be made again")
    assert caplog.text.count("it exists and is not a socket") == 1


@pytest.mark.parametrize("name", ["a b", "100%41", "what?", "a#b", "a%zz", "ü", "a[b]", "a:b=c&d"])
def test_a_socket_may_have_any_name(tmp_path: Path, name: str) -> None:
    address = f"unix:{tmp_path}/{name}"
    with serving(listen=address) as bench, simctl.Client(address, timeout=10) as client:
        assert bench.listen == address and (tmp_path / name).is_socket()
        assert client.status().ready and bench.server.answers(10)


def test_a_socket_path_that_is_too_long_is_told_on_both_sides(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/{'x' * 107}"
    with pytest.raises(ConfigError, match="at most 107 bytes"):
        Server(address, Readiness(), max_request_bytes=1000)
    with pytest.raises(simctl.SimctlError, match="at most 107"):
        simctl.Client(address)


def is_ready(channel: grpc.Channel) -> bool:
    stub = index_service_pb2_grpc.IndexServiceStub(channel)  # type: ignore[no-untyped-call]
    return bool(stub.Status(index_service_pb2.StatusRequest(), timeout=10, wait_for_ready=True).ready)


def test_a_server_that_was_stopped_does_not_answer() -> None:
    with short_directory() as directory:
        server = Server(f"unix:{directory}/s", Readiness(), max_request_bytes=1 << 20)
        server.start()
        server.stop(0)
        assert not server.answers(10)
