"""Pause, progress, reload and limits of a real daemon, driven as a person would drive it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.daemon import PHOTOS, Daemon, environment
from tests.e2e.test_notify import until as until_told

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]


def photos() -> list[Path]:
    return sorted(PHOTOS.iterdir())


def test_f15_a_pause_outlasts_kill_9_and_what_is_asked_for_is_indexed_meanwhile(daemon: Daemon) -> None:
    first, second, third, *_ = photos()
    shutil.copy(first, daemon.root)
    daemon.start().wait()
    assert daemon.json("pause") == {"paused": True, "paused_until": None}
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert daemon.status()["paused"]
    shutil.copy(second, daemon.root)
    daemon.until(lambda: daemon.status()["pending"] > 0, "the new file to be noticed")
    done = daemon.simctl("wait")
    assert done.returncode == 1 and "simctl resume" in done.stderr
    assert daemon.names(first) == [first.name], "searches go on"
    asked = shutil.copy(third, daemon.root)
    assert daemon.json("add", str(asked))["added"] == 1
    (daemon.root / first.name).unlink()
    daemon.until(lambda: first.name not in daemon.names(first), "the deleted file to leave the answers")
    assert daemon.status()["files"] == 1
    assert daemon.json("resume") == {"was_paused": True}
    status = daemon.wait()
    assert (status["paused"], status["files"]) == (False, 2)
    assert daemon.stop() == 0


def test_a_pause_ends_by_itself(daemon: Daemon) -> None:
    daemon.start()
    daemon.json("pause", "--for", "1s")
    shutil.copy(photos()[0], daemon.root)
    assert daemon.wait()["files"] == 1


def test_sighup_adds_and_removes_roots_and_a_bad_file_changes_nothing(daemon: Daemon) -> None:
    first, second, *_ = photos()
    other = daemon.work / "other"
    other.mkdir()
    shutil.copy(first, daemon.root)
    shutil.copy(second, other)
    config = daemon.work / "simd.toml"

    def configured(text: str) -> None:
        config.write_text(text)
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        assert {"RELOADING=1", "READY=1"} <= set(until_told(manager, "READY=1"))

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{daemon.work}/n")
        manager.settimeout(60)
        config.write_text(f'roots = ["{daemon.root}"]\n')
        daemon.roots = []
        daemon.start("--config", str(config), env={"NOTIFY_SOCKET": f"{daemon.work}/n"})
        until_told(manager, "READY=1")
        daemon.wait()

        configured(f'roots = ["{daemon.root}", "{other}"]\nlog_level = "debug"\nmax_threads = 1\n')
        assert daemon.wait()["files"] == 2
        assert "a restart is needed to change max_threads" in daemon.log.read_text()

        configured("roots = [\n")
        assert "the old one stays in force" in daemon.log.read_text()
        assert [root["path"] for root in daemon.status()["roots"]] == [str(daemon.root), str(other)]

        configured(f'roots = ["{daemon.root}"]\n')
        assert daemon.wait()["files"] == 1
        assert second.name not in daemon.names(second)
        embedded = daemon.embedded()
        configured(f'roots = ["{daemon.root}", "{other}"]\n')
        assert daemon.wait()["files"] == 2
        assert daemon.embedded() == embedded, "to have a root back costs no inference"
        assert daemon.stop() == 0


def test_f14_status_watch_tells_how_indexing_goes_on(daemon: Daemon) -> None:
    daemon.start()
    watching = subprocess.Popen(
        [sys.executable, "-m", "simctl", "status", "--watch", "--json", "--address", daemon.address],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    assert watching.stdout is not None
    try:
        json.loads(watching.stdout.readline())
        for photo in photos():
            shutil.copy(photo, daemon.root)
        decided = 0
        while decided < len(photos()):
            status = json.loads(watching.stdout.readline())
            assert status["files_decided"] >= decided
            decided = status["files_decided"]
    finally:
        watching.kill()
        watching.communicate()


@pytest.mark.parametrize("count", [1, 2])
def test_p15_max_threads_is_obeyed_by_decoding_and_by_the_libraries(daemon: Daemon, count: int) -> None:
    for photo in photos():
        shutil.copy(photo, daemon.root)
    daemon.start("--max-threads", str(count)).wait()
    assert daemon.process is not None
    pid = daemon.process.pid
    workers = [command for command in children(pid) if b"simd.featurize.workers.worker" in command]
    assert len(workers) == count + 1, "one is for queries"
    background = policies(pid).count(os.SCHED_IDLE)
    assert count <= background <= count + 1, "the backbone's for indexing, and one that gives its results back"


def children(pid: int) -> list[bytes]:
    """The commands of a process's children."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found.append(Path(f"/proc/{child}/cmdline").read_bytes())
    return found


def policies(pid: int) -> list[int]:
    """By which each thread of a process is scheduled."""
    return [os.sched_getscheduler(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]
