"""A store that a later version wrote is left as it is: to repair it would be to lose what this one cannot read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import crc32c
import pytest

from simd.errors import StoreVersion
from simd.index.repair import repair_store
from simd.storage.files import seal
from simd.storage.identity import identity_of
from simd.storage.record import HEADER_BYTES
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, embeddings, opened


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
    path.write_bytes(seal({**content, "version": 2, "colour": "blue"}))


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


@pytest.mark.parametrize("part", [manifest, segment, log])
def test_what_a_later_version_wrote_is_not_repaired_and_both_versions_are_named(
    store: Path, part: Callable[[Path], None]
) -> None:
    part(store)
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file() and path.name != "lock"}
    with pytest.raises(StoreVersion, match="has format 2; this version reads 1"):
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
