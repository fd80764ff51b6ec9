"""What a service manager hears from the daemon: ready, signs of life while it moves, none while it hangs, stopping."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.daemon import Daemon

PERIOD_US = 400_000


@pytest.fixture
def manager(daemon: Daemon) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{daemon.work}/n")
        manager.settimeout(60)
        yield manager


def start(daemon: Daemon) -> None:
    daemon.start(env={"NOTIFY_SOCKET": f"{daemon.work}/n", "WATCHDOG_USEC": str(PERIOD_US)})


def until(manager: socket.socket, line: str) -> list[str]:
    """Everything said up to a line, that one included."""
    heard: list[str] = []
    while line not in heard:
        heard += manager.recv(4096).decode().splitlines()
    return heard


def test_ready_alive_and_stopping(daemon: Daemon, manager: socket.socket) -> None:
    start(daemon)
    assert "WATCHDOG=1" not in until(manager, "READY=1")
    for _ in range(3):
        until(manager, "WATCHDOG=1")
    assert daemon.stop() == 0
    until(manager, "STOPPING=1")


def test_a_daemon_that_hangs_gives_no_sign_of_life_and_a_watchdogs_signal_writes_down_its_threads(
    daemon: Daemon, manager: socket.socket
) -> None:
    start(daemon)
    until(manager, "WATCHDOG=1")
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGSTOP)
    manager.settimeout(PERIOD_US / 1e6)
    with pytest.raises(TimeoutError):
        for _ in range(100):
            manager.recv(4096)
    daemon.process.send_signal(signal.SIGABRT)
    daemon.process.send_signal(signal.SIGCONT)
    # Python reads the stacks of threads that run on meanwhile, and now and then that is what ends it.
    assert daemon.process.wait(60) in (-signal.SIGABRT, -signal.SIGSEGV)
    assert "most recent call first" in daemon.log.read_text()
