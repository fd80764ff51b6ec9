"""A store in which damage is found while it is open: nothing of it is handed out, everything of it can be counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.errors import CorruptStore
from simd.storage.store import Store
from tests.serving.waiting import until
from tests.stores import embeddings, image_id, open_store, opened


def damage(directory: Path) -> Path:
    """Change a byte of the vectors of the oldest segment."""
    path = sorted(directory.glob("segments/*/vectors.npy"))[0]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    # In place, because an open store has it mapped.
    with path.open("r+b") as stream:
        stream.write(data)
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A store of two segments and a log, with a deleted image; the first segment is damaged."""
    with opened(tmp_path) as store:
        store.put(embeddings(*range(30)))
        store.flush()
        store.put(embeddings(*range(30, 60)))
        store.flush()
        store.put(embeddings(60))
        store.delete([image_id(0)])
    damage(tmp_path)
    return tmp_path


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    """It, once the verification in the background has found the damage."""
    store = open_store(directory, verify_bytes=0, background=True)
    try:
        until(lambda: store.damage is not None, "the damage to be found")
        yield store
    finally:
        store.close()


def test_vectors_and_what_is_searched_are_refused(store: Store, directory: Path) -> None:
    for ask in (lambda: store.snapshot, lambda: store.vector(image_id(1)), lambda: store.vector(image_id(60))):
        with pytest.raises(CorruptStore, match=str(directory)):
            ask()


def test_what_there_is_can_be_counted(store: Store) -> None:
    assert len(store.inventory) == 60
    assert set(store.ids()) == {image_id(n) for n in range(1, 61)}
    assert store.contains(image_id(1)) and not store.contains(image_id(0))
    assert store.missing([image_id(0), image_id(1), image_id(99)]) == [image_id(0), image_id(99)]
    assert store.disk_bytes() > 0 and store.segment_count() == 2


def test_changes_are_taken_and_flushed(store: Store) -> None:
    store.put(embeddings(70))
    store.delete([image_id(1)])
    store.flush()
    assert store.contains(image_id(70)) and not store.contains(image_id(1))


def test_damaged_bytes_are_not_copied_under_new_checksums(store: Store, directory: Path) -> None:
    names = sorted(path.name for path in (directory / "segments").iterdir())
    with pytest.raises(CorruptStore):
        store.compact()
    assert set(names) <= {path.name for path in (directory / "segments").iterdir()}
    assert any("checksum" in problem for problem in store.check())


def test_bytes_that_were_not_verified_yet_are_verified_before_they_are_copied(directory: Path) -> None:
    store = open_store(directory, verify_bytes=0)
    try:
        with pytest.raises(CorruptStore):
            store.compact()
        assert store.damage is not None
    finally:
        store.close()


def test_a_check_that_finds_damaged_bytes_ends_the_answers(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    try:
        store.put(embeddings(*range(30)))
        store.flush()
        assert store.check() == [] and store.damage is None
        path = damage(tmp_path)
        [problem] = store.check()
        assert str(path) in problem
        with pytest.raises(CorruptStore, match=str(path)):
            _ = store.snapshot
    finally:
        store.close()


def test_a_refusal_keeps_nothing_of_the_refusals_before(store: Store) -> None:
    def frames() -> int:
        with pytest.raises(CorruptStore) as caught:
            _ = store.snapshot
        return len(caught.traceback)

    assert frames() == frames() == frames()


def test_a_store_that_is_whole_has_no_damage(tmp_path: Path) -> None:
    with opened(tmp_path, background=True, verify_bytes=0) as store:
        store.put(embeddings(1))
        assert store.damage is None and store.vector(image_id(1)) is not None
