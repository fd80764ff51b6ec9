"""The server of the tests: reached through loopback alone, cut off, killed, started again, and never left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.milvus.server import HERE, MilvusServer

pytestmark = pytest.mark.milvus


def answers(address: str) -> bool:
    """Whether what is there speaks HTTP/2, as gRPC does."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        try:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
            return len(connection.recv(9)) == 9
        except OSError:
            return False


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_cut_off_killed_and_started_again_at_the_same_address(own_milvus: MilvusServer) -> None:
    assert answers(own_milvus.address)
    own_milvus.cut()
    assert not answers(own_milvus.address)
    own_milvus.heal()
    assert answers(own_milvus.address)
    own_milvus.kill()
    assert not answers(own_milvus.address)
    own_milvus.start()
    assert answers(own_milvus.address)


def test_it_has_a_network_of_its_own(milvus: MilvusServer) -> None:
    def network(process: int | str) -> str:
        return os.readlink(f"/proc/{process}/ns/net")

    assert network(milvus.pid) != network("self")


def test_it_dies_with_whoever_started_it(milvus_home: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tests.milvus.server import MilvusServer;"
        "print(MilvusServer(Path(sys.argv[1])).start().pid, flush=True); time.sleep(60)"
    )
    with TemporaryDirectory(prefix="simd-") as work:
        with subprocess.Popen(
            [sys.executable, "-c", program, str(milvus_home)],
            stdout=subprocess.PIPE,
            cwd=HERE,
            env={**os.environ, "PYTHONPATH": str(HERE), "TMPDIR": work},
        ) as starter:
            assert starter.stdout is not None
            server = Path("/proc", starter.stdout.readline().decode().strip())
            assert server.exists()
            starter.send_signal(signal.SIGKILL)
        until(lambda: not server.exists())
