"""kill -9 at a random moment, again and again, of a process that puts, deletes, flushes and merges all the time."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from simd.storage.store import Store
from simd.types import ImageId
from tests.crash.workload import Change, Journal, effect
from tests.stores import embedding, image_id, open_store, unit

IMAGES = 150
LONGEST_LIFE_S = 0.05


def live(directory: Path, journal: Journal, seed: int) -> None:
    """Until the end of the process: change something, and write down that it was acknowledged."""
    chance = random.Random(seed)
    store = open_store(directory, background=True, flush_rows=40)
    version = seed * 1000
    while True:
        version += 1
        numbers = tuple(chance.sample(range(IMAGES), chance.randint(1, 12)))
        change: Change = ("put" if chance.random() < 0.7 else "delete", numbers, version)
        journal.begin(change)
        if change[0] == "put":
            store.put([embedding(n, version) for n in numbers])
        else:
            store.delete([image_id(n) for n in numbers])
        journal.end(change)
        if chance.random() < 0.03:
            store.compact()


def killed(directory: Path, journal: Path, seed: int) -> None:
    """One life, ended by SIGKILL after a random time, in the middle of opening as well as later."""
    pid = os.fork()
    if pid == 0:
        try:
            live(directory, Journal(journal), seed)
        finally:
            os._exit(1)
    time.sleep(random.Random(seed).uniform(0.0, LONGEST_LIFE_S))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), "it ended by itself"


def check(store: Store, certain: dict[ImageId, tuple[int, int] | None], journal: Journal) -> None:
    """Bring `certain` up to date with what was acknowledged in one life, and compare the store with it."""
    for change in journal.acknowledged:
        certain.update(effect(change))
    possible = effect(journal.in_flight) if journal.in_flight else {}
    for number in range(IMAGES):
        one = image_id(number)
        found = store.vector(one)
        allowed = [certain.get(one), *([possible[one]] if one in possible else [])]
        matching = [a for a in allowed if (None if a is None else unit(*a).tobytes()) == _bytes(found)]
        assert matching, f"image {number}: neither of {allowed}"
        certain[one] = matching[0]
    assert store.check() == []


def _bytes(found: object) -> bytes | None:
    return None if found is None else found.tobytes()  # type: ignore[attr-defined]


def lives(directory: Path, count: int) -> None:
    """So many lives of one store."""
    certain: dict[ImageId, tuple[int, int] | None] = {}
    journal = directory / "journal"
    for seed in range(count):
        journal.unlink(missing_ok=True)
        killed(directory / "store", journal, seed)
        store = open_store(directory / "store")
        try:
            check(store, certain, Journal.read(journal))
        finally:
            store.close()
    assert any(certain.values()), "nothing was ever acknowledged"


def test_kill_9_at_random_moments_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    lives(tmp_path, 80)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    lives(tmp_path, 10_000)
