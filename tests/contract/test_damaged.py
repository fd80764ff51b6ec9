"""An index in which damage is found while it is open."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simd.errors import CorruptStore
from simd.index.brute import BruteIndex
from simd.index.local import LocalIndex
from tests.serving.waiting import until
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, embedding, embeddings, image_id, unit


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    first = LocalIndex.open(tmp_path, DIMENSION, FINGERPRINT, options=OPTIONS)
    first.put(embeddings(*range(30)))
    first.delete([image_id(0)])
    first.flush()
    first.close()
    (path,) = tmp_path.glob("segments/*/vectors.npy")
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    options = dataclasses.replace(OPTIONS, verify_bytes=0, background=True)
    index = LocalIndex.open(tmp_path, DIMENSION, FINGERPRINT, options=options)
    try:
        until(lambda: index.damage is not None, "the damage to be found")
        yield index
    finally:
        index.close()


HANDING_OUT: dict[str, Callable[[LocalIndex], object]] = {
    "search": lambda index: index.search(unit(1)[None], 1),
    "within": lambda index: index.within(unit(1)[None], 0.5, limit=1),
    "vector": lambda index: index.vector(image_id(1)),
    "chunks": lambda index: index.chunks(),
    "view": lambda index: index.view(),
    "compact": lambda index: index.compact(),
}


@pytest.mark.parametrize("name", HANDING_OUT)
def test_no_vector_is_handed_out(index: LocalIndex, name: str) -> None:
    with pytest.raises(CorruptStore):
        HANDING_OUT[name](index)


def test_which_images_there_are_is_told(index: LocalIndex) -> None:
    assert len(index) == 29 and set(index.ids()) == {image_id(n) for n in range(1, 30)}
    assert index.contains(image_id(1)) and index.missing([image_id(0), image_id(1)]) == [image_id(0)]
    stats = index.stats()
    assert (stats.vectors, stats.dead, stats.details["segments"]) == (29, 1, 1)
    assert index.check() != []


def test_changes_are_taken(index: LocalIndex) -> None:
    index.put([embedding(50)])
    assert index.delete([image_id(1)]) == 1
    assert len(index) == 29 and index.contains(image_id(50))


def test_an_index_in_memory_has_no_damage() -> None:
    assert BruteIndex(DIMENSION).damage is None
