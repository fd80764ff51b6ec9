"""What systemd hears: datagrams to a real socket, and signs of life only from a daemon that is alive."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simd.app.sdnotify import Watchdog, watchdog_period_s

SEND = "from simd.app.sdnotify import notify; notify('READY=1', 'STATUS=serving 3 images')"


def environment(**more: str) -> dict[str, str]:
    return {**{k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}, **more}


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_lines_arrive_as_one_datagram(tmp_path: Path, abstract: bool) -> None:
    name = f"@simd-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(30)
        subprocess.run([sys.executable, "-c", SEND], env=environment(NOTIFY_SOCKET=name), check=True)
        assert manager.recv(4096) == b"READY=1\nSTATUS=serving 3 images"


def test_outside_systemd_nothing_happens() -> None:
    done = subprocess.run([sys.executable, "-c", SEND], env=environment(), capture_output=True, check=True)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("environ", "period_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_the_period_is_this_processs_own(environ: dict[str, str], period_s: float | None) -> None:
    assert watchdog_period_s(environ) == period_s


def test_signs_of_life_are_sent_while_it_is_alive() -> None:
    sent: queue.Queue[str] = queue.Queue()
    with Watchdog(lambda: True, 0.04, sent.put):
        assert [sent.get(timeout=30) for _ in range(3)] == ["WATCHDOG=1"] * 3


def test_none_is_sent_while_it_is_not_and_again_once_it_is() -> None:
    happened: queue.Queue[str] = queue.Queue()
    answers = iter([True, False, False])

    def alive() -> bool:
        answer = next(answers, True)
        happened.put("alive" if answer else "dead")
        return answer

    with Watchdog(alive, 0.04, happened.put):
        seen = [happened.get(timeout=30) for _ in range(6)]
    assert seen == ["alive", "WATCHDOG=1", "dead", "dead", "alive", "WATCHDOG=1"]


def test_where_nobody_waits_for_it_nothing_runs() -> None:
    sent: queue.Queue[str] = queue.Queue()
    with Watchdog(lambda: True, None, sent.put):
        pass
    assert sent.empty()
