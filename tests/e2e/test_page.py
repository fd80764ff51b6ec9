"""The page beside the daemon: one command starts both, and neither outlives or harms the other."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.daemon import PHOTOS, Daemon, environment

pytestmark = pytest.mark.timeout(180)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


class Seen:
    """The page at a port, as a browser asks for it; its own daemon may be started with it."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.port = free_port()
        self.http = f"127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, Any]:
        """The answer's status and its document; 0 where nothing answers."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, None

    def answers(self) -> bool:
        return self.get("/api/session")[0] == 200

    @property
    def pids(self) -> list[int]:
        """The processes that serve it."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0") if process.name.isdecimal() else []
            except OSError:
                continue
            if b"web" in words and self.http.encode() in words:
                found.append(int(process.name))
        return found


@pytest.fixture
def seen(daemon: Daemon) -> Seen:
    (daemon.root / "cat.jpg").write_bytes((PHOTOS / "chelsea.jpg").read_bytes())
    return Seen(daemon)


def test_one_command_serves_the_page_and_ends_it(seen: Seen) -> None:
    daemon = seen.daemon
    daemon.start("--http", seen.http).wait()
    daemon.until(seen.answers, "the page")
    assert f"the page is at http://{seen.http}/" in daemon.log.read_text()
    status, document = seen.get("/api/status")
    assert (status, document["images"], document["problems"]) == (200, 1, [])
    [pid] = seen.pids
    open_files = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert not [name for name in open_files if str(daemon.state) in name or str(daemon.root) in name]
    assert daemon.stop() == 0
    assert seen.pids == []


def test_a_page_that_is_killed_comes_back_and_the_daemon_takes_no_notice(seen: Seen) -> None:
    daemon = seen.daemon
    daemon.start("--http", seen.http)
    daemon.until(seen.answers, "the page")
    [pid] = seen.pids
    os.kill(pid, signal.SIGKILL)
    daemon.until(lambda: seen.answers() and seen.pids != [pid], "the page to come back")
    daemon.until(lambda: daemon.status()["problems"] == [], "the problem to be over")
    assert "the page is not served: it ended with killed by SIGKILL" in daemon.log.read_text()


def test_a_page_ends_with_a_daemon_that_is_killed(seen: Seen) -> None:
    daemon = seen.daemon
    daemon.start("--http", seen.http)
    daemon.until(seen.answers, "the page")
    [pid] = seen.pids
    page = os.pidfd_open(pid)
    try:
        daemon.stop(signal.SIGKILL)
        assert select.select([page], [], [], 20)[0], "the page outlived its daemon"
    finally:
        os.close(page)


def test_a_port_that_is_taken_is_a_problem_until_it_is_free(seen: Seen) -> None:
    daemon = seen.daemon
    with socket.create_server(("127.0.0.1", seen.port)):
        daemon.start("--http", seen.http)
        daemon.until(lambda: "the page is not served" in str(daemon.status()["problems"]), "the problem")
        assert f"cannot listen on {seen.http}: another program listens there" in daemon.log.read_text()
        assert daemon.status()["ready"]
    daemon.until(seen.answers, "the page")
    daemon.until(lambda: daemon.status()["problems"] == [], "the problem to be over")


def test_where_the_daemon_asks_for_tokens_the_page_does(seen: Seen) -> None:
    daemon = seen.daemon
    tokens = daemon.work / "tokens"
    tokens.touch(0o600)
    tokens.write_text("t" * 40)
    daemon.launch("--http", seen.http, env={"SIMD_TOKEN_FILE": str(tokens)})
    daemon.until(lambda: seen.get("/api/status")[0] == 401, "the page")
    request = urllib.request.Request(f"http://{seen.http}/api/login", json.dumps({"token": "t" * 40}).encode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def status() -> int:
        request = urllib.request.Request(f"http://{seen.http}/api/status", headers={"Cookie": cookie})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    daemon.until(lambda: status() == 200, "an answer to who logged in")


@pytest.mark.parametrize("http", ["0.0.0.0:7480", "192.168.1.2:7480", "7480"])
def test_the_daemons_own_page_is_for_this_machine(daemon: Daemon, http: str) -> None:
    process = daemon.launch("--http", http)
    assert process.wait(60) == 2
    assert "setting `http` cannot be" in daemon.log.read_text()


@pytest.fixture
def web(seen: Seen) -> Iterator[subprocess.Popen[str]]:
    """`simd web` alone, without a daemon."""
    command = [sys.executable, "-m", "simd", "web", "--http", seen.http, "--address", seen.daemon.address]
    process = subprocess.Popen(command, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_page_ends_at_once_whoever_looks(seen: Seen, web: subprocess.Popen[str]) -> None:
    assert web.stdout is not None and web.stdout.readline() == f"the page is at http://{seen.http}/\n"
    viewers = [urllib.request.urlopen(f"http://{seen.http}/api/events", timeout=30) for _ in range(5)]
    for viewer in viewers:
        assert b"retry" in viewer.readline()
    web.terminate()
    assert web.wait(3) == 0
    for viewer in viewers:
        viewer.close()
