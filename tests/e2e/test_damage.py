"""Damage that is found in a running daemon: what searches get, what its operator sees, and that the remedy helps."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.daemon import PHOTOS, Daemon, run_simd

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

ROWS = ("--flush-rows", "8")


def fill(daemon: Daemon) -> int:
    """A daemon with a few pictures that are indexed, in segments; how many."""
    for photo in sorted(PHOTOS.iterdir())[:12]:
        shutil.copy(photo, daemon.root)
    images: int = daemon.start(*ROWS).wait()["images"]
    assert daemon.ask("compact").returncode == 0
    assert daemon.ask("verify").returncode == 0
    return images


def spoil(path: Path, start: int) -> None:
    """Overwrite a file that is in use, from a byte on."""
    with path.open("r+b") as stream:
        stream.seek(start)
        stream.write(b"\xff" * (path.stat().st_size - start))


def mend(daemon: Daemon) -> None:
    """Do what a check of a damaged state says."""
    where = ("--state-dir", daemon.state)
    told = run_simd("check", *where, cwd=daemon.work)
    assert told.returncode == 1 and "`simd check --repair`" in told.stdout, told.stdout + told.stderr
    assert run_simd("check", "--repair", *where, cwd=daemon.work).returncode == 1
    assert run_simd("check", *where, cwd=daemon.work).returncode == 0


def seen(daemon: Daemon, what: str, images: int) -> None:
    """That searches are refused and health says so, while status tells everything, with the problem first."""
    assert daemon.ask("health").returncode == 3
    status = daemon.status()
    assert not status["ready"] and status["images"] == images
    assert f"the {what} is damaged" in status["problems"][0] and str(daemon.state) not in str(status)
    assert status["roots"][0]["path"] == str(daemon.root)
    assert f"problem  the {what} is damaged" in daemon.simctl("status").stdout


def test_a_damaged_index_is_refused_and_shown_until_it_is_repaired(daemon: Daemon) -> None:
    images = fill(daemon)
    embedded = daemon.embedded()
    vectors = max(daemon.state.glob("index/*/segments/*/vectors.npy"), key=lambda path: path.stat().st_size)
    spoil(vectors, vectors.stat().st_size // 2)
    assert daemon.ask("verify").returncode == 1
    seen(daemon, "index", images)
    search = daemon.simctl("search", str(daemon.root / sorted(PHOTOS.iterdir())[0].name))
    assert search.returncode == 1 and "simd check" in search.stderr
    assert daemon.stop() == 0
    mend(daemon)
    status = daemon.start(*ROWS).wait()
    assert (status["ready"], status["problems"], status["images"]) == (True, [], images)
    assert daemon.embedded() > embedded


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_damaged_catalogue_is_shown_until_it_is_made_anew(daemon: Daemon, end: signal.Signals) -> None:
    images = fill(daemon)
    embedded = daemon.embedded()
    catalogue = daemon.state / "catalogue.sqlite"
    for path in (catalogue, catalogue.with_name("catalogue.sqlite-wal")):
        spoil(path, 4096)
    # What the scan changes has to be read anew; what has not changed is still in memory.
    daemon.ask("scan")
    assert daemon.ask("verify").returncode == 1
    seen(daemon, "catalogue", images)
    daemon.stop(end)
    mend(daemon)
    status = daemon.start(*ROWS).wait()
    assert (status["ready"], status["problems"], status["images"], status["files"]) == (True, [], images, images)
    assert daemon.embedded() == embedded


@dataclass(frozen=True, slots=True)
class Stopped:
    """A daemon that was stopped when it had indexed some images, and a copy of its state."""

    daemon: Daemon
    images: int
    whole: Path

    def restore(self) -> None:
        """Have the state as it was then; nothing runs."""
        if self.daemon.process is not None:
            self.daemon.stop(signal.SIGKILL)
        shutil.rmtree(self.daemon.state)
        shutil.copytree(self.whole, self.daemon.state, symlinks=True)


@pytest.fixture(scope="module")
def stopped() -> Iterator[Stopped]:
    daemon = Daemon()
    try:
        for photo in sorted(PHOTOS.iterdir())[:4]:
            shutil.copy(photo, daemon.root)
        images = daemon.start("--flush-rows", "2").wait()["images"]
        assert daemon.stop() == 0
        whole = daemon.work / "whole"
        shutil.copytree(daemon.state, whole, symlinks=True)
        yield Stopped(daemon, images, whole)
    finally:
        daemon.close()


@pytest.mark.parametrize(
    "what",
    [
        "index/*/segments/*/vectors.npy",
        "index/*/segments/*/segment.json",
        "index/*/manifest.json",
        "index/*/log/*.log",
        "index/*/[msl]*/**/*",
        "catalogue.sqlite",
        "serving.json",
    ],
)
def test_whatever_is_damaged_what_a_check_suggests_makes_a_daemon_that_starts(stopped: Stopped, what: str) -> None:
    stopped.restore()
    daemon = stopped.daemon
    found = [path for path in daemon.state.glob(what) if path.is_file()]
    for path in found:
        spoil(path, 10)
    mend(daemon)
    status = daemon.start().wait()
    assert found and (status["ready"], status["problems"], status["images"]) == (True, [], stopped.images)
