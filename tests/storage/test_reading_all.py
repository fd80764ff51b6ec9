"""What reads a whole store: in the order of the ids, and to verify it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from simd.index.base import Chunk
from simd.index.local import LocalIndex
from simd.types import ImageId
from simd.vectors.ids import unpack_ids
from simd.vectors.metric import Half
from tests.disks import CrashingDisk
from tests.serving.waiting import until
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, Clock, embeddings, image_id


class Left(Exception):
    """Nobody waits."""


def vectors_of(chunks: Iterable[Chunk]) -> dict[ImageId, Half]:
    """Every image with its vector, in the order in which they came."""
    return {one: vector for ids, vectors in chunks for one, vector in zip(unpack_ids(ids), vectors, strict=True)}


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    """Two segments, a memtable, and deletions in all of them."""
    index = LocalIndex.open(tmp_path / "index", DIMENSION, FINGERPRINT, options=OPTIONS, clock=Clock())
    for start in (0, 300):
        index.put(embeddings(*range(start, start + 300)))
        index.flush()
    index.put(embeddings(*range(600, 650), *range(5), version=1))
    index.delete([image_id(number) for number in (7, 301, 649)])
    return index


@pytest.mark.parametrize("rows", [1, 64, 300, 10_000])
def test_chunks_come_in_the_order_of_the_ids_from_all_parts(index: LocalIndex, rows: int) -> None:
    found = vectors_of(index.chunks(rows))
    assert list(found) == sorted(image_id(number) for number in range(650) if number not in (7, 301, 649))
    for one, vector in found.items():
        stored = index.vector(one)
        assert stored is not None and np.array_equal(vector, stored)
    index.close()


def test_chunks_are_those_of_the_time_of_the_call_whatever_happens_then(index: LocalIndex) -> None:
    chunks = index.chunks(100)
    before = vectors_of(index.chunks())
    index.delete([image_id(number) for number in range(100, 200)])
    index.put(embeddings(*range(10, 20), version=2))
    index.compact()
    index.close()
    found = vectors_of(chunks)
    assert found.keys() == before.keys()
    assert all(np.array_equal(found[i], before[i]) for i in found)


def test_a_check_tells_of_every_file_how_much_it_has_read(index: LocalIndex, tmp_path: Path) -> None:
    read: list[int] = []
    assert index.check(read.append) == []
    logs = sum(path.stat().st_size for path in (tmp_path / "index" / "log").iterdir())
    arrays = [path.stat().st_size for path in (tmp_path / "index" / "segments").rglob("*.npy")]
    assert sorted(filter(None, read)) == sorted([logs, *arrays])
    index.close()


def test_what_was_not_read_yet_when_it_was_damaged_is_found_to_be_damaged(index: LocalIndex, tmp_path: Path) -> None:
    last = max((tmp_path / "index" / "segments").iterdir()) / "vectors.npy"
    damage = [b"damage"]

    def meanwhile(count: int) -> None:
        if count and damage:
            with last.open("r+b") as stream:
                stream.seek(200)
                stream.write(damage.pop())

    [problem] = index.check(meanwhile)
    assert problem.startswith(f"{last}: ")
    index.close()


def test_changes_flushes_and_searches_go_on_during_a_check(index: LocalIndex) -> None:
    numbers = iter(range(1000, 2000))

    def meanwhile(count: int) -> None:
        index.put(embeddings(next(numbers)))
        index.flush()
        assert index.vector(image_id(1)) is not None

    assert index.check(meanwhile) == []
    assert next(numbers) > 1010
    assert index.check() == []
    index.close()


def test_a_compaction_waits_for_a_check_so_that_no_file_goes_that_is_still_to_be_read(tmp_path: Path) -> None:
    disk = CrashingDisk("compaction.before_manifest", action=lambda: None)
    index = LocalIndex.open(tmp_path / "index", DIMENSION, FINGERPRINT, disk=disk, options=OPTIONS)
    for start in (0, 300):
        index.put(embeddings(*range(start, start + 300)))
        index.flush()
    waited: list[None] = []
    with ThreadPoolExecutor(1) as pool:

        def meanwhile(count: int) -> None:
            if not compacting:
                compacting.append(pool.submit(index.compact, lambda: waited.append(None)))
            # It asks whether somebody waits for it, again and again, for as long as it may not begin.
            until(lambda: len(waited) > 3 or compacting[0].done(), "the compaction to wait")
            assert not disk.passed["compaction.before_manifest"]

        compacting: list[Future[None]] = []
        assert index.check(meanwhile) == []
        compacting[0].result(20)
    assert disk.passed["compaction.before_manifest"] == 1
    index.close()


@pytest.mark.parametrize("act", ["check", "compact"])
def test_work_that_nobody_waits_for_ends_and_can_be_done_again(index: LocalIndex, act: str) -> None:
    def leave(count: int = 0) -> None:
        raise Left

    with pytest.raises(Left):
        getattr(index, act)(leave)
    assert index.check() == []
    index.compact()
    assert index.stats().dead == 3 and index.check() == []
    index.close()
