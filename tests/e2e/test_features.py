"""Local features in a real daemon: made as pictures are indexed, made of what lacks them, and never in the way."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from simd.verify.opencv import available
from tests.e2e.daemon import PHOTOS, Daemon, run_simd

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

needs_opencv = pytest.mark.skipif(not available(), reason="without the extra `verify`")


def kept(daemon: Daemon) -> int:
    """Of how many images features are kept."""
    with closing(sqlite3.connect(daemon.state / "features.sqlite")) as connection:
        [(count,)] = connection.execute("SELECT COUNT(*) FROM features WHERE length(data) > 1000")
    return int(count)


@needs_opencv
def test_they_are_made_with_the_vectors_and_of_what_was_indexed_before(daemon: Daemon) -> None:
    photos = sorted(PHOTOS.iterdir())
    before, later = photos[:4], photos[4:8]
    for photo in before:
        shutil.copy(photo, daemon.root)
    assert daemon.start(env={"SIMD_VERIFY": "off"}).wait()["images"] == len(before)
    assert daemon.stop() == 0 and not (daemon.state / "features.sqlite").exists()
    daemon.start()
    daemon.until(lambda: kept(daemon) == len(before), "the features of what was indexed before")
    for photo in later:
        shutil.copy(photo, daemon.root)
    assert daemon.wait()["images"] == len(before) + len(later)
    assert kept(daemon) == len(before) + len(later), "they are there once the picture is"
    assert daemon.stop() == 0
    path = daemon.state / "features.sqlite"
    path.write_bytes(path.read_bytes()[:5000])
    done = run_simd("check", "--state-dir", str(daemon.state), cwd=daemon.work)
    assert done.returncode == 1 and "features.sqlite" in done.stdout
    daemon.start()
    daemon.until(lambda: kept(daemon) == len(before) + len(later), "what was lost")


@pytest.mark.skipif(available(), reason="with the extra `verify`")
def test_a_daemon_without_the_extra_refuses_to_pretend(daemon: Daemon) -> None:
    process = daemon.launch("--log-level", "info", env={"SIMD_VERIFY": "pairs"})
    assert process.wait(60) == 2
    assert "simd-images[verify]" in daemon.log.read_text()
    daemon.start()
    assert daemon.stop() == 0 and not (daemon.state / "features.sqlite").exists()
