"""The end: what is under way is finished, what was acknowledged is kept, and whoever asks twice does not wait."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from simctl import Client
from simctl.errors import SimctlError

from tests.e2e.daemon import PHOTOS, Daemon

pytestmark = pytest.mark.timeout(180)

SECONDS = 20.0


def noise(path: Path, side: int) -> Path:
    """A picture that takes long to decode, and that is not indexed."""
    pixels = np.random.default_rng(side).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


def children(pid: int) -> list[int]:
    """The kernel lists a child under the thread that started it."""
    return [int(c) for thread in Path(f"/proc/{pid}/task").iterdir() for c in (thread / "children").read_text().split()]


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def decoding(pid: int) -> bool:
    """Whether one of the daemon's children holds a large picture."""
    for child in children(pid):
        rss = next(line for line in Path(f"/proc/{child}/status").read_text().splitlines() if "VmRSS" in line)
        if int(rss.split()[1]) > 90_000:
            return True
    return False


def test_a_search_under_way_is_answered_before_the_daemon_ends(daemon: Daemon) -> None:
    for photo in sorted(PHOTOS.iterdir())[:3]:
        (daemon.root / photo.name).write_bytes(photo.read_bytes())
    daemon.start().wait()
    picture = noise(daemon.work / "large.png", 4000).read_bytes()
    answers: list[int] = []
    asked = threading.Event()

    def search() -> None:
        with Client(daemon.address) as client:
            client.status(timeout=30.0)
            asked.set()
            answers.append(len(client.search(image=picture, timeout=60.0).matches))

    asking = threading.Thread(target=search)
    asking.start()
    assert asked.wait(30.0)
    process = daemon.process
    assert process is not None
    daemon.until(lambda: decoding(process.pid), "the search to be worked on")
    assert daemon.stop() == 0
    asking.join(SECONDS)
    assert answers == [3]


def test_indexing_is_ended_within_seconds_and_goes_on_where_it_was(daemon: Daemon) -> None:
    for number in range(40):
        noise(daemon.root / f"{number:02d}.png", 200 + number)
    daemon.start()
    daemon.until(lambda: daemon.status()["images"] > 0, "the first batch")
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < SECONDS
    first = daemon.embedded()
    daemon.start()
    assert daemon.wait()["images"] == 40
    assert daemon.embedded() <= 40 + 16, f"{first} were embedded before, and at most a batch again"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(daemon: Daemon, number: signal.Signals) -> None:
    daemon.start().wait()
    process = daemon.process
    assert process is not None
    picture = noise(daemon.work / "small.png", 100).read_bytes()
    for child in children(process.pid):
        os.kill(child, signal.SIGSTOP)
    before = threads(process.pid)

    def search() -> None:
        with Client(daemon.address) as client, pytest.raises(SimctlError):
            client.search(image=picture, timeout=60.0)

    # More than there are threads that have nothing to do.
    asking = [threading.Thread(target=search) for _ in range(12)]
    for one in asking:
        one.start()
    daemon.until(lambda: threads(process.pid) > before, "a thread to take a search")
    process.send_signal(number)
    daemon.until(lambda: "stopping" in daemon.log.read_text(), "it to be asked")
    process.send_signal(number)
    assert process.wait(SECONDS) == -number
    daemon.process = None
    for one in asking:
        one.join(SECONDS)
        assert not one.is_alive()


def test_a_daemon_that_is_still_starting_ends_at_once(daemon: Daemon) -> None:
    process = daemon.launch()
    daemon.until(lambda: "state in" in daemon.log.read_text(), "it to begin", 60.0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) in (0, -signal.SIGTERM)
    daemon.process = None
    assert daemon.start().stop() == 0
