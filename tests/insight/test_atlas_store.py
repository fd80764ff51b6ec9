"""The map is kept with its position in the change feed, and damage costs no more than placing images again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from simd.catalogue.feed import Position
from simd.errors import StoreError, StoreVersion
from simd.insight.atlas.board import Board
from simd.insight.atlas.store import SCHEMA, AtlasStore, Laid
from simd.sqlite.repair import check_file
from simd.types import ImageId, image_id_of
from simd.vectors.ids import pack_ids, unpack_ids
from tests.catalogue.test_damaged import damage
from tests.derived.test_store import change

IDS = sorted(image_id_of(b"%d" % number) for number in range(5))
A, B, C, D, E = IDS
HERE = Position(b"one life", 7)
THERE = Position(b"one life", 9)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "atlas.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[AtlasStore]:
    store = AtlasStore(path)
    yield store
    store.close()


def laid(*images: ImageId, waiting: tuple[ImageId, ...] = (), position: Position | None = HERE) -> Laid:
    """Images in the first row."""
    columns = np.arange(len(images), dtype=np.int32)
    board = Board(8, pack_ids(images), columns, np.zeros(len(images), np.int32))
    return Laid(board, frozenset(waiting), "model 1", 1234, position)


def cells(found: Laid | None) -> dict[ImageId, tuple[int, int]]:
    assert found is not None
    places = found.board.places(1)
    both = zip(places.columns.tolist(), places.rows.tolist(), strict=True)
    return dict(zip(unpack_ids(places.ids), both, strict=True))


def place(store: AtlasStore, image_id: ImageId, column: int, row: int) -> None:
    store.put(pack_ids([image_id]), np.array([column], np.int32), np.array([row], np.int32), position=THERE)


def test_what_was_laid_out_and_placed_is_there_after_a_restart(store: AtlasStore, path: Path) -> None:
    assert store.load() is None
    store.renew(laid(A, B, C, waiting=(D,)))
    place(store, E, 7, 7)
    store.close()
    with closing(AtlasStore(path)) as again:
        found = again.load()
        assert cells(found) == {A: (0, 0), B: (1, 0), C: (2, 0), E: (7, 7)} and found is not None
        assert found.waiting == {D} and found.board.added == 1 and found.position == THERE
        assert (found.fingerprint, found.laid_out_ms, found.board.side) == ("model 1", 1234, 8)


def test_one_that_waited_is_placed_and_one_that_is_gone_is_dropped(store: AtlasStore) -> None:
    store.renew(laid(A, B, waiting=(D, E)))
    none = np.empty(0, np.int32)
    store.put(pack_ids([D]), np.array([3], np.int32), np.array([4], np.int32), waiting=[C], gone=[A, E])
    found = store.load()
    assert cells(found) == {B: (1, 0), D: (3, 4)} and found is not None
    assert found.waiting == {C} and found.position == HERE, "nothing was said about it"
    store.renew(laid(C, position=None))
    found = store.load()
    assert cells(found) == {C: (0, 0)} and found is not None and found.position is None and not found.waiting
    store.put(pack_ids([]), none, none, position=THERE)
    store.clear()
    assert store.load() is None


@pytest.mark.parametrize("what", ["data = x'00'", f"image_id = x'{'00' * 16}'", "data = zeroblob(13)"])
def test_a_damaged_place_is_dropped_and_everything_looked_through(
    store: AtlasStore, path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.renew(laid(A, B, C))
    change(path, f"UPDATE places SET {what} WHERE image_id = x'{B.hex()}'")
    with caplog.at_level(logging.WARNING):
        found = store.load()
    assert cells(found) == {A: (0, 0), C: (2, 0)} and found is not None and found.position is None
    assert "1 places are damaged" in caplog.text
    again = store.load()
    assert again is not None and again.position is None


@pytest.mark.parametrize(
    "what",
    ["UPDATE layout SET side = 12", "UPDATE layout SET side = 4", "UPDATE followed SET rules = 'others'",
     "DELETE FROM followed", "UPDATE layout SET side = -8"],
)  # fmt: skip
def test_what_cannot_be_is_laid_out_again(store: AtlasStore, path: Path, what: str) -> None:
    store.renew(laid(A, B, C))
    change(path, what)
    assert store.load() is None and store.load() is None
    store.renew(laid(A))
    assert cells(store.load()) == {A: (0, 0)}


def test_two_images_in_one_cell_are_laid_out_again(store: AtlasStore, caplog: pytest.LogCaptureFixture) -> None:
    store.renew(laid(A, B, C))
    place(store, D, 1, 0)
    assert store.load() is None and "two images are in one cell" in caplog.text


@pytest.mark.parametrize("opened", [False, True])
def test_a_damaged_file_is_made_anew(path: Path, opened: bool, caplog: pytest.LogCaptureFixture) -> None:
    with closing(AtlasStore(path)) as store:
        store.renew(laid(*IDS))
    if opened:
        damage(path)
    else:
        path.write_bytes(b"SQLite format 4")
    store = AtlasStore(path)
    if opened:
        with pytest.raises(StoreError):
            store.load()
        assert store.mend() and not store.mend()
    assert store.load() is None and "laid out again" in caplog.text
    store.renew(laid(A))
    store.close()
    check_file(path, SCHEMA)


def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    change(path, "CREATE TABLE theirs (a)")
    with pytest.raises(StoreVersion):
        AtlasStore(path)
