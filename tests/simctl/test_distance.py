"""A daemon that is far away: each byte takes its time, and a connection is given as long as the call."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import simctl
from simctl.errors import DaemonUnreachable

from tests.serving.doubles import Bench, serving

DELAY_S = 0.2


class Far:
    """A port of this machine; what is sent through it to a socket, and back, arrives `delay_s` later."""

    def __init__(self, path: str, delay_s: float) -> None:
        self._path = path
        self._delay_s = delay_s
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._server]
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in self._sockets:
            # Whoever waits for something from it wakes up.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.socket(socket.AF_UNIX)
                self._sockets += near, far
                far.connect(self._path)
                for source, target in ((near, far), (far, near)):
                    on_the_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
                    threading.Thread(target=self._take, args=(source, on_the_way), daemon=True).start()
                    threading.Thread(target=self._hand_on, args=(on_the_way, target), daemon=True).start()

    def _take(self, source: socket.socket, on_the_way: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                on_the_way.put((time.monotonic() + self._delay_s, data))
        on_the_way.put((0.0, b""))

    def _hand_on(self, on_the_way: queue.SimpleQueue[tuple[float, bytes]], target: socket.socket) -> None:
        with suppress(OSError):
            while (sent := on_the_way.get())[1]:
                time.sleep(max(0.0, sent[0] - time.monotonic()))
                target.sendall(sent[1])
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        yield bench


def test_a_daemon_at_a_round_trip_of_four_tenths_is_reached(bench: Bench) -> None:
    far = Far(bench.listen.removeprefix("unix:"), DELAY_S)
    try:
        with simctl.Client(far.address) as client:
            assert client.status(timeout=20.0).ready
            assert client.status().ready, "without a deadline as well"
    finally:
        far.close()


def test_nobody_waits_longer_for_a_connection_than_for_the_call(bench: Bench) -> None:
    far = Far(bench.listen.removeprefix("unix:"), 3600.0)
    try:
        with simctl.Client(far.address) as client, pytest.raises(simctl.SimctlError, match=r"0\.5 s"):
            client.status(timeout=0.5)
    finally:
        far.close()


def test_where_nothing_listens_that_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with simctl.Client(f"127.0.0.1:{port}") as client, pytest.raises(DaemonUnreachable):
        client.status()
