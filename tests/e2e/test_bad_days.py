"""A real daemon on a bad day: no room on the disk, permissions that come and go, links, decoders that cannot start."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = [pytest.mark.model, pytest.mark.timeout(240)]

ENDS_WITHIN_S = 10.0


def copy(daemon: Daemon, count: int, folder: str = "", first: int = 0) -> list[Path]:
    """Photographs, all of them different, in the root."""
    made = []
    for photo in sorted(PHOTOS.glob("*.jpg"))[first : first + count]:
        made.append(daemon.root / folder / photo.name)
        made[-1].parent.mkdir(exist_ok=True)
        shutil.copy(photo, made[-1])
    return made


ROOM_FOR_FIVE = 6_000
"""Bytes of a file: the log's records of five vectors, and not one more."""


def limit_files(daemon: Daemon, size: int) -> None:
    """From now on the daemon cannot make a file longer than so many bytes, which is a full disk to it."""
    assert daemon.process is not None
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def files(daemon: Daemon) -> set[str]:
    return {Path(file["path"]).name for file in daemon.json("files")["files"]}


def detail(daemon: Daemon) -> str:
    """What people are told of the root, and of the daemon."""
    status = daemon.status()
    return "; ".join([status["roots"][0]["detail"], *status["problems"]]).removeprefix("; ")


def test_without_room_on_the_disk_everybody_is_answered_and_the_daemon_ends(daemon: Daemon) -> None:
    copy(daemon, 5)
    daemon.start().wait()
    limit_files(daemon, ROOM_FOR_FIVE)
    copy(daemon, 10, first=5)
    daemon.until(lambda: "no room" in detail(daemon), "it to be told")
    assert daemon.status()["pending"] > 0 and len(daemon.names(PHOTOS / "astronaut.jpg")) == 5, "searches go on"
    began = time.monotonic()
    for command in (["remove", str(daemon.root / "bison.jpg")], ["add", str(daemon.root)], ["scan"]):
        done = daemon.simctl(*command, "--timeout", "5")
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    assert time.monotonic() - began < 60.0
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < ENDS_WITHIN_S
    daemon.start()
    assert daemon.wait()["files"] == 15
    # Vectors may have found room in the log while the catalogue found none.
    assert 10 < daemon.embedded() <= 15, "what was embedded and refused is embedded again only after a restart"


def test_when_there_is_room_again_indexing_goes_on_by_itself(daemon: Daemon) -> None:
    copy(daemon, 5)
    daemon.start().wait()
    limit_files(daemon, ROOM_FOR_FIVE)
    copy(daemon, 10, first=5)
    daemon.until(lambda: "no room" in detail(daemon), "it to be told")
    (daemon.root / "bison.jpg").unlink()
    limit_files(daemon, resource.RLIM_INFINITY)
    assert daemon.wait()["files"] == 14 and detail(daemon) == ""
    assert daemon.embedded() == 15


def test_permissions_that_are_taken_and_given_back_are_followed_without_a_scan(daemon: Daemon) -> None:
    closed = copy(daemon, 3, "closed")[0].parent
    [secret] = copy(daemon, 1, first=3)
    closed.chmod(0)
    daemon.start().wait()
    assert files(daemon) == {secret.name} and "could not be read" in detail(daemon)
    closed.chmod(0o755)
    daemon.until(lambda: len(files(daemon)) == 4, "the files of the folder")
    daemon.wait()
    assert detail(daemon) == ""
    copy(daemon, 1, "closed", first=4)
    daemon.until(lambda: len(files(daemon)) == 5, "a new file in the folder")
    secret.chmod(0)
    daemon.until(lambda: secret.name not in files(daemon), "the file to leave the answers")
    daemon.wait()
    assert daemon.json("errors")["errors"][0]["reason"] == "unreadable"
    secret.chmod(0o644)
    daemon.until(lambda: secret.name in files(daemon), "the file to come back")
    assert daemon.wait()["failed"] == 0 and daemon.embedded() == 5


def test_a_root_that_nobody_may_read_for_a_moment_is_online_again_soon(daemon: Daemon) -> None:
    copy(daemon, 3)
    daemon.start().wait()
    daemon.root.chmod(0)
    daemon.until(lambda: not daemon.status()["roots"][0]["online"], "the root to be offline")
    assert len(files(daemon)) == 3
    daemon.root.chmod(0o755)
    daemon.until(lambda: daemon.status()["roots"][0]["online"], "the root to be back", 30.0)
    copy(daemon, 1, first=3)
    daemon.until(lambda: len(files(daemon)) == 4, "a new file")


def test_a_root_that_is_a_link_is_followed_by_its_events(daemon: Daemon) -> None:
    disk = daemon.work / "disk"
    daemon.root.rename(disk)
    daemon.root.symlink_to(disk)
    daemon.start().wait()
    copy(daemon, 3)
    daemon.until(lambda: len(files(daemon)) == 3, "the files")
    copy(daemon, 3, "folder", first=3)
    daemon.until(lambda: len(files(daemon)) == 6, "those in a new folder")


def test_pictures_that_come_while_no_decoder_can_be_started_are_not_forgotten(daemon: Daemon) -> None:
    daemon.start().wait()
    assert daemon.process is not None
    pid = daemon.process.pid
    workers = [int(p) for t in Path(f"/proc/{pid}/task").iterdir() for p in (t / "children").read_text().split()]
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    open_files = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
    # No descriptor is left for a channel to a new process, nor for a file.
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_files + 1, before[1]))
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    copy(daemon, 5)
    daemon.until(lambda: "indexing waits" in daemon.log.read_text(), "it to be told")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    status = daemon.wait()
    assert status["files"] == 5 and status["failed"] == 0 and detail(daemon) == ""


@pytest.mark.parametrize("state", ["paused", "scanning", "no decoder answers"])
def test_it_ends_within_seconds_in_whatever_state(daemon: Daemon, state: str) -> None:
    copy(daemon, 20)
    daemon.start()
    if state == "paused":
        daemon.simctl("pause")
    elif state == "no decoder answers":
        assert daemon.process is not None
        tasks = Path(f"/proc/{daemon.process.pid}/task")
        for child in [int(p) for t in tasks.iterdir() for p in (t / "children").read_text().split()]:
            os.kill(child, signal.SIGSTOP)
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < ENDS_WITHIN_S
