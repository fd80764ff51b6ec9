from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.types import Root
from simd.watch.watcher import Watcher, Watching
from tests.watch.listening import Hints, root_at


@pytest.fixture
def hints() -> Hints:
    return Hints()


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    """A list of mounts by which everything is on ext4, wherever the tests run."""
    path = tmp_path / "mountinfo"
    path.write_text("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n")
    return path


@pytest.fixture
def watcher(hints: Hints, mounts: Path) -> Iterator[Watcher]:
    before = threading.active_count()
    watching = Watcher(hints, supervise_s=0.05, poll_s=0.05, mounts=mounts)
    yield watching
    watching.close()
    assert threading.active_count() == before


@pytest.fixture
def top(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def root(watcher: Watcher, top: Path) -> Root:
    found = root_at(top)
    assert watcher.watch(found) == Watching("events")
    return found
