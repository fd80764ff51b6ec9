"""A state directory that the version before left: tests/golden/state-v4, with a root at /tmp/simd-golden/root."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simd.config import DEFAULT_MODEL
from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = [pytest.mark.model, pytest.mark.timeout(120)]

GOLDEN = Path(__file__).parents[1] / "golden" / "state-v4"
FILES = {f"{name}.jpg": f"{name}.jpg" for name in ("chelsea", "coffee", "horses", "kitten", "owl")}
FILES["copy.jpg"] = "chelsea.jpg"
MODIFIED_S = 1_700_000_000
BEFORE = "efficientnet-lite0"
"""The default of the version before, which made the index."""


@pytest.fixture
def left(daemon: Daemon) -> Daemon:
    """A daemon on what the version before left: its state directory, and its root with the pictures."""
    for name, photo in FILES.items():
        shutil.copy(PHOTOS / photo, daemon.root / name)
        os.utime(daemon.root / name, (MODIFIED_S, MODIFIED_S))
    shutil.copytree(GOLDEN, daemon.state, dirs_exist_ok=True)
    with closing(sqlite3.connect(daemon.state / "catalogue.sqlite")) as connection, connection:
        connection.execute("UPDATE roots SET path = ?, device = 0, inode = 0", (os.fsencode(daemon.root),))
    return daemon


def test_with_the_model_of_before_it_embeds_nothing_again_and_keeps_what_was_said(left: Daemon) -> None:
    status = left.start("--model", BEFORE).wait()
    assert (status["images"], status["files"], left.embedded()) == (4, 5, 0)
    assert status["failed_by_reason"]["removed"] == 1
    assert left.names(left.root / "horses.jpg", "--limit", "1") == ["horses.jpg"]
    assert left.simctl("verify").returncode == 0
    left.stop()
    (left.state / "catalogue.sqlite").unlink()
    status = left.start("--model", BEFORE).wait()
    assert (status["images"], status["files"], left.embedded()) == (4, 5, 0), "owl.jpg stays out"


def test_where_no_model_is_set_the_old_one_answers_until_the_default_has_taken_over(left: Daemon) -> None:
    left.start("--max-threads", "1")
    status = left.status()
    assert status["model"]["name"] in (BEFORE, DEFAULT_MODEL)
    if status["model_switch"] is not None:
        assert (status["model_switch"]["from_model"], status["model_switch"]["to_model"]) == (BEFORE, DEFAULT_MODEL)
        assert left.names(left.root / "horses.jpg", "--limit", "1") == ["horses.jpg"]
    status = left.wait()
    assert (status["model"]["name"], status["model_switch"]) == (DEFAULT_MODEL, None)
    assert (status["images"], status["files"]) == (4, 5), "owl.jpg stays out"
    # The two files of one image may both be decoded before either is embedded.
    assert left.embedded() in (4, 5)
    assert status["failed_by_reason"]["removed"] == 1
    assert left.names(left.root / "horses.jpg", "--limit", "1") == ["horses.jpg"]
    assert f"from the model {BEFORE} to {DEFAULT_MODEL}" in left.log.read_text()
    left.until(lambda: len(list((left.state / "index").iterdir())) == 1, "the old index to be removed")
