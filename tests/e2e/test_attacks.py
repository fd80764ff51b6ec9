"""What strangers, readers and crowds do to a daemon: its owner is answered meanwhile, and its memory stays bounded."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import simctl
from PIL import Image

from simd.v1 import search_service_pb2
from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

ADMIN, READER = "a" * 32, "r" * 32
ANSWERED_WITHIN_S = 5.0
"""Many times what it takes: the tests' machine is busy with the attack itself."""
SEARCH = "/simd.v1.SearchService/Search"


class Attacked:
    """A daemon that listens on a unix socket, its owner's, and on TCP."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        shutil.copy(PHOTOS / "owl.jpg", daemon.root)
        for name, token in (("admin", ADMIN), ("reader", READER)):
            (daemon.work / name).write_text(token)
            (daemon.work / name).chmod(0o600)
        files = {"SIMD_TOKEN_FILE": str(daemon.work / "admin"), "SIMD_READ_TOKEN_FILE": str(daemon.work / "reader")}
        self.unix = daemon.address
        daemon.start("--listen", f"{self.unix}, 127.0.0.1:0", env=files)
        (port,) = re.findall(r"listening on unix:\S+, (127\.0\.0\.1:\d+)", daemon.log.read_text())
        self.tcp: str = port
        self.owner = simctl.Client(self.unix, token_file=str(daemon.work / "admin"), timeout=ANSWERED_WITHIN_S)
        daemon.until(lambda: self.owner.status().files == 1, "the picture to be indexed")
        self.answers_its_owner()
        self._before = self.memory("VmRSS")

    def memory(self, which: str) -> int:
        """Bytes."""
        return 1024 * int(self._proc("status").split(f"{which}:")[1].split()[0])

    def open_files(self) -> int:
        assert self._daemon.process is not None
        return len(os.listdir(f"/proc/{self._daemon.process.pid}/fd"))

    def answers_its_owner(self) -> None:
        assert self.owner.status().ready
        for known in ("owl.jpg", "coffee.jpg"):
            assert self.owner.search(image=(PHOTOS / known).read_bytes()).matches[0].path.endswith("owl.jpg")
        assert len(list(self.owner.files())) == 1

    def has_bounded_memory(self, more: int) -> None:
        grown = self.memory("VmHWM") - self._before
        assert grown < more, f"{grown / 1e6:.0f} MB more than before"

    def _proc(self, name: str) -> str:
        assert self._daemon.process is not None
        return Path(f"/proc/{self._daemon.process.pid}/{name}").read_text()


@pytest.fixture
def attacked(daemon: Daemon) -> Iterator[Attacked]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    # As systemd and most shells have it; the daemon raises it for itself.
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        attacked = Attacked(daemon)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    yield attacked
    attacked.owner.close()


def test_idle_connections_take_no_descriptor_from_the_owner(attacked: Attacked) -> None:
    host, port = attacked.tcp.split(":")
    with ExitStack() as stack:
        for _ in range(1500):
            connection = stack.enter_context(socket.socket())
            connection.settimeout(10)
            connection.connect((host, int(port)))
        attacked.answers_its_owner()
        assert attacked.open_files() < 1000
    attacked.has_bounded_memory(200 << 20)


@pytest.mark.parametrize("token", [None, READER], ids=["a stranger", "a reader"])
def test_calls_without_requests_lock_nobody_out(attacked: Attacked, token: str | None) -> None:
    never = threading.Event()

    def nothing() -> Iterator[bytes]:
        never.wait(60)
        yield from ()

    metadata = [] if token is None else [("authorization", f"Bearer {token}")]
    methods = ["/grpc.health.v1.Health/Check", SEARCH, "/simd.v1.SearchService/BatchSearch"]
    methods += [f"/simd.v1.IndexService/{name}" for name in ("Status", "WatchStatus", "ListFiles", "Scan")]
    with grpc.insecure_channel(attacked.tcp) as channel:
        for method in methods:
            opened: Any = channel.stream_stream(method)
            _ = [opened(nothing(), timeout=60, metadata=metadata) for _ in range(100)]
        try:
            attacked.answers_its_owner()
        finally:
            never.set()
    attacked.has_bounded_memory(300 << 20)


def test_large_searches_that_nobody_waits_for_are_dropped(attacked: Attacked, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (2600, 2600, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png", compress_level=0)
    picture = (tmp_path / "large.png").read_bytes()
    assert len(picture) > 20_000_000
    request = search_service_pb2.SearchRequest(image=picture).SerializeToString()

    def search(_: int) -> None:
        with grpc.insecure_channel(attacked.tcp) as channel:
            call: Any = channel.unary_unary(SEARCH)
            with suppress(grpc.RpcError):
                call(request, timeout=1.0, metadata=[("authorization", f"Bearer {READER}")])

    with ThreadPoolExecutor(20) as callers:
        done = callers.map(search, range(60))
        attacked.answers_its_owner()
        list(done)
    attacked.answers_its_owner()
    attacked.has_bounded_memory(700 << 20)


def test_searches_for_a_large_file_that_is_no_picture_hold_nothing(attacked: Attacked, daemon: Daemon) -> None:
    path = daemon.root / "large.bin"
    path.touch()
    os.truncate(path, 400 << 20)

    def search(_: int) -> None:
        with simctl.Client(attacked.tcp, token_file=str(daemon.work / "reader"), timeout=60) as client:
            with pytest.raises(simctl.SimctlError, match="no image format"):
                client.search(path=path)

    with ThreadPoolExecutor(10) as callers:
        done = callers.map(search, range(10))
        attacked.answers_its_owner()
        list(done)
    attacked.has_bounded_memory(200 << 20)
