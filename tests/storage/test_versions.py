"""A store that a later version wrote is left as it is: to repair it would be to lose what this one cannot read.

One of the version before is read, and rewritten when there is time and room.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import crc32c
import pytest

from simd.durable import Disk
from simd.errors import StoreVersion
from simd.index.repair import repair_store
from simd.search.searcher import search
from simd.storage.check import check_directory
from simd.storage.files import seal
from simd.storage.identity import identity_of
from simd.storage.record import HEADER_BYTES
from simd.storage.store import Store
from tests.serving.waiting import until
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, contents, embeddings, former_store, image_id, opened, unit


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of a segment and a log."""
    directory = tmp_path / "indexes" / "store"
    with opened(directory) as store:
        store.put(embeddings(*range(40)))
        store.flush()
        store.put(embeddings(*range(40, 50)))
    return directory


def sealed_later(path: Path) -> None:
    content = json.loads(path.read_bytes())["content"]
    path.write_bytes(seal({**content, "version": content["version"] + 1, "colour": "blue"}))


def manifest(store: Path) -> None:
    sealed_later(store / "manifest.json")


def segment(store: Path) -> None:
    [meta] = store.glob("segments/*/segment.json")
    sealed_later(meta)


def log(store: Path) -> None:
    *_, path = sorted(store.glob("log/*.log"))
    data = bytearray(path.read_bytes())
    data[8] += 1
    data[HEADER_BYTES - 4 : HEADER_BYTES] = crc32c.crc32c(bytes(data[: HEADER_BYTES - 4])).to_bytes(4, "little")
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (manifest, "2; this version reads 1"),
        (segment, "3; this version reads 1 to 2"),
        (log, "2; this version reads 1"),
    ],
)
def test_what_a_later_version_wrote_is_not_repaired_and_both_versions_are_named(
    store: Path, part: Callable[[Path], None], said: str
) -> None:
    part(store)
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file() and path.name != "lock"}
    with pytest.raises(StoreVersion, match=f"has format {said}$"):
        repair_store(store, DIMENSION, FINGERPRINT, options=OPTIONS)
    assert [path.name for path in store.parent.iterdir()] == ["store"]
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("lost", [(), ("manifest.json",), ("manifest.json", "segment.json"), ("manifest.json", ".log")])
def test_a_store_tells_whose_vectors_it_holds_as_long_as_a_part_of_it_does(store: Path, lost: tuple[str, ...]) -> None:
    for path in store.rglob("*"):
        if path.name.endswith(lost) and lost:
            path.write_bytes(b"\xff" * 200)
    assert identity_of(store) == (DIMENSION, FINGERPRINT)


def test_a_store_of_which_nothing_is_left_does_not(store: Path) -> None:
    for path in store.rglob("*"):
        if path.is_file():
            path.write_bytes(b"\xff" * 200)
    assert identity_of(store) is None


@pytest.fixture
def former(tmp_path: Path) -> Path:
    return former_store(tmp_path / "former")


class AskedDisk(Disk):
    """Says that there is so much room, and counts how often it was asked."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.asked = room, 0

    def free(self, path: Path) -> int:
        self.asked += 1
        return self.room


def levels(store: Store) -> list[int]:
    return [len(part.coded) for part in store.snapshot.parts if part.rows]


def test_a_store_of_the_format_before_answers_and_is_sound(former: Path) -> None:
    assert check_directory(former) == []
    with opened(former) as store:
        assert levels(store) == [1, 1] and len(contents(store)) == 60
        found = search(store.snapshot, unit(7)[None], 3, exact=True)[0]
        assert found.hits[0].image_id == image_id(7) and found.exact
        assert found.hits == search(store.snapshot, unit(7)[None], 3)[0].hits
        # What is new gets today's codes, beside the others.
        store.put(embeddings(*range(60, 100)))
        store.flush()
        assert levels(store) == [1, 1, 2]
        assert search(store.snapshot, unit(7)[None], 3, exact=True)[0].hits[0].image_id == image_id(7)


def test_segments_of_the_format_before_are_rewritten_in_the_background(former: Path) -> None:
    with opened(former) as store:
        before = contents(store)
    with opened(former, background=True) as store:
        until(lambda: levels(store) == [2, 2], "both segments to be rewritten")
        assert contents(store) == before
    assert check_directory(former) == []


def test_compaction_on_request_rewrites_them_as_well(former: Path) -> None:
    with opened(former, max_segment_rows=30) as store:
        before = contents(store)
        store.compact()
        assert levels(store) == [2, 2] and contents(store) == before


def test_they_are_left_as_they_are_where_there_is_little_room(former: Path) -> None:
    disk = AskedDisk(500)
    with opened(former, disk=disk, background=True) as store:
        until(lambda: disk.asked > 0, "the disk to be asked")
        assert levels(store) == [1, 1]
        disk.room = 1 << 30
        store.put(embeddings(60))
        store.flush()
        until(lambda: levels(store)[:2] == [2, 2], "both segments to be rewritten")
