"""Another model is configured: searches are answered all the while, and a kill costs nothing."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from simctl import Client

from simd.config import DEFAULT_MODEL
from simd.featurize.models.description import SIDECAR, describe
from simd.featurize.models.spec import Model
from tests.e2e.daemon import MODELS, PHOTOS, Daemon, run_simd

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

COUNT = 240
BATCH = 16
PROMPT = {"SIMD_INDEXING_PRIORITY": "normal"}
"""Searches that never stop would leave indexing nothing of two cores."""
OLD, NEW = DEFAULT_MODEL, "darker"


@pytest.fixture
def other(model: Model, daemon: Daemon) -> Path:
    """The same network with another value range: another model, whose vectors are not those of the first."""
    directory = daemon.work / "other"
    shutil.copytree(model.directory, directory)
    (directory / SIDECAR).unlink()
    describe(dataclasses.replace(model.spec, name=NEW, value_range=(0.0, 200.0)), directory)
    return directory


def fill(daemon: Daemon) -> None:
    """Many small pictures, all different, and nothing done beside embedding them."""
    daemon.settings["SIMD_VERIFY"] = "off"
    for number in range(COUNT):
        source = sorted(PHOTOS.iterdir())[number % 6]
        with Image.open(source) as image:
            small = image.convert("RGB").resize((320, 240))
            small.crop((number // 6, 0, 320, 240)).save(daemon.root / f"{number:03d}.jpg", quality=90)


@contextmanager
def searching(daemon: Daemon) -> Iterator[Counter[str]]:
    """Searches without a pause; each must find its picture. Counts them by the model that answered before and after."""
    seen: Counter[str] = Counter()
    failures: list[object] = []
    stop = threading.Event()
    query = (daemon.root / "007.jpg").read_bytes()
    doctored = daemon.work / "doctored.jpg"
    with Image.open(daemon.root / "007.jpg") as image:
        image.save(doctored, quality=60)

    def search() -> None:
        with Client(daemon.address, timeout=30.0) as client:
            while not stop.is_set():
                try:
                    before = client.status().model["name"]
                    for data in (query, doctored.read_bytes()):
                        found = client.search(image=data, limit=3)
                        assert int(Path(found.matches[0].path).stem) % 6 == 1, "it is of the same photograph"
                        assert found.searched == COUNT
                    if client.status().model["name"] == before:
                        seen[str(before)] += 1
                except Exception as error:  # noqa: BLE001 - told by the test
                    failures.append(error)
                    stop.set()

    thread = threading.Thread(target=search)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(60)
    assert failures == []


def mark(daemon: Daemon) -> str:
    """The model that is marked as the one that answers."""
    found: str = json.loads((daemon.state / "serving.json").read_bytes())["content"]["model"]
    return found


def indexes(daemon: Daemon) -> int:
    """How many indexes there are."""
    return len(list((daemon.state / "index").iterdir()))


def done(daemon: Daemon) -> int:
    """How many images the new index has; -1 when the switch is over."""
    with Client(daemon.address, timeout=30.0) as client:
        switch = client.status().model_switch
    return -1 if switch is None else switch.done


def test_searches_are_answered_all_through_a_switch_and_kills_cost_nothing(daemon: Daemon, other: Path) -> None:
    fill(daemon)
    status = daemon.start().wait()
    assert (status["images"], status["model"]["name"], status["model_switch"]) == (COUNT, OLD, None)
    daemon.stop()

    daemon.start("--model", str(other))
    daemon.until(lambda: done(daemon) >= 2 * BATCH, "the new index to grow")
    status = daemon.status()
    assert (status["images"], status["model"]["name"]) == (COUNT, OLD)
    assert status["model_switch"] | {"done": 0, "detail": ""} == {
        "from_model": OLD, "to_model": NEW, "done": 0, "total": COUNT, "unreachable": 0, "detail": "",
    }  # fmt: skip
    assert f"from {OLD} to {NEW}" in daemon.simctl("status").stdout
    daemon.stop(signal.SIGKILL)
    assert (mark(daemon), indexes(daemon)) == (OLD, 2)

    daemon.start("--model", str(other), env=PROMPT)
    assert done(daemon) >= 2 * BATCH
    with searching(daemon) as seen:
        status = daemon.wait()
        assert (status["images"], status["model"]["name"], status["model_switch"]) == (COUNT, NEW, None)
        deadline = time.monotonic() + 20
        while not seen[NEW] and time.monotonic() < deadline:
            time.sleep(0.01)
    assert set(seen) == {OLD, NEW}
    assert 2 * COUNT - 2 * BATCH <= daemon.embedded() <= 2 * COUNT, "nothing is embedded twice by a model"
    daemon.until(lambda: indexes(daemon) == 1, "the old index to be removed")
    assert mark(daemon) == str(other)
    same = daemon.search(daemon.root / "007.jpg")["matches"][0]
    assert (same["distance"], Path(same["path"]).name) == (0.0, "007.jpg")


def test_a_kill_right_after_the_switch_leaves_the_new_index_and_removes_the_old(daemon: Daemon, other: Path) -> None:
    for name in ("owl.jpg", "coffee.jpg", "horses.jpg"):
        shutil.copy(PHOTOS / name, daemon.root)
    daemon.start().wait()
    daemon.stop()
    process = daemon.launch("--model", str(other))
    deadline = time.monotonic() + 120
    while mark(daemon) != str(other):
        assert process.poll() is None and time.monotonic() < deadline
    daemon.stop(signal.SIGKILL)
    status = daemon.start("--model", str(other)).wait()
    assert (status["model"]["name"], status["images"], indexes(daemon)) == (NEW, 3, 1)
    assert daemon.names(daemon.root / "owl.jpg")[0] == "owl.jpg"
    assert daemon.embedded() <= 6


@pytest.mark.slow
def test_an_old_model_that_is_gone_is_said_and_the_new_one_answers_as_it_fills(daemon: Daemon, other: Path) -> None:
    fill(daemon)
    daemon.start("--model", str(other)).wait()
    daemon.stop()
    shutil.rmtree(other)
    checked = run_simd("doctor", "--state-dir", daemon.state, "--models-dir", MODELS, cwd=daemon.work)
    assert str(other) in checked.stdout and "index" in checked.stdout
    daemon.start()
    status = daemon.status()
    assert status["model"]["name"] == OLD
    if status["model_switch"] is not None:
        assert "cannot be used" in status["model_switch"]["detail"]
    assert "answers are incomplete" in daemon.log.read_text()
    status = daemon.wait()
    assert (status["images"], status["model_switch"], indexes(daemon)) == (COUNT, None, 1)


@pytest.mark.slow
def test_a_switch_that_is_called_off_leaves_the_old_index_as_it_was(daemon: Daemon, other: Path) -> None:
    fill(daemon)
    daemon.start().wait()
    embedded = daemon.embedded()
    daemon.stop()
    daemon.start("--model", str(other))
    daemon.until(lambda: done(daemon) != 0, "the new index to grow")
    daemon.stop(signal.SIGKILL)
    called_off = mark(daemon) == OLD
    embedded_since = daemon.embedded()
    status = daemon.start().wait()
    assert (status["images"], status["model"]["name"], indexes(daemon)) == (COUNT, OLD, 1)
    if called_off:
        assert daemon.embedded() == embedded_since >= embedded
