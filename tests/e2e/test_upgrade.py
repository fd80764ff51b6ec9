"""A state directory that the version before left: tests/golden/state-v4, with a root at /tmp/simd-golden/root."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = [pytest.mark.model, pytest.mark.timeout(120)]

GOLDEN = Path(__file__).parents[1] / "golden" / "state-v4"
FILES = {f"{name}.jpg": f"{name}.jpg" for name in ("chelsea", "coffee", "horses", "kitten", "owl")}
FILES["copy.jpg"] = "chelsea.jpg"
MODIFIED_S = 1_700_000_000


def test_it_starts_embeds_nothing_again_and_keeps_what_was_said(daemon: Daemon) -> None:
    for name, photo in FILES.items():
        shutil.copy(PHOTOS / photo, daemon.root / name)
        os.utime(daemon.root / name, (MODIFIED_S, MODIFIED_S))
    shutil.copytree(GOLDEN, daemon.state, dirs_exist_ok=True)
    with closing(sqlite3.connect(daemon.state / "catalogue.sqlite")) as connection, connection:
        connection.execute("UPDATE roots SET path = ?, device = 0, inode = 0", (os.fsencode(daemon.root),))
    status = daemon.start().wait()
    assert (status["images"], status["files"], daemon.embedded()) == (4, 5, 0)
    assert status["failed_by_reason"]["removed"] == 1
    assert daemon.names(daemon.root / "horses.jpg", "--limit", "1") == ["horses.jpg"]
    assert daemon.simctl("verify").returncode == 0
    daemon.stop()
    (daemon.state / "catalogue.sqlite").unlink()
    status = daemon.start().wait()
    assert (status["images"], status["files"], daemon.embedded()) == (4, 5, 0), "owl.jpg stays out"
