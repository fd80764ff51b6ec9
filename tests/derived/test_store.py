"""Local features are kept by image, and whatever happens to the file costs no more than making them again."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simd.catalogue.feed import Position
from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.errors import StoreError, StoreVersion
from simd.sqlite.repair import check_file
from simd.types import ImageId, image_id_of
from tests.catalogue.test_damaged import damage

RED, GREEN, BLUE = (image_id_of(name) for name in (b"red", b"green", b"blue"))
HERE = Position(b"one life", 7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "features.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[DerivedStore]:
    store = DerivedStore(path, FEATURES, "orb-1")
    yield store
    store.close()


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


def test_what_was_put_is_there_after_a_restart_and_a_later_put_counts(store: DerivedStore, path: Path) -> None:
    store.put({RED: b"r", GREEN: b""})
    store.put({RED: b"R"})
    store.close()
    with closing(DerivedStore(path, FEATURES, "orb-1")) as again:
        assert again.get([RED, GREEN, BLUE]) == {RED: b"R", GREEN: b""}
        assert again.missing([BLUE, RED, GREEN]) == [BLUE]


def test_more_images_than_one_statement_takes_are_asked_for_at_once(store: DerivedStore) -> None:
    many = {image_id_of(b"%d" % number): b"%d" % number for number in range(1200)}
    store.put(many)
    assert store.get(list(many)) == many and store.missing(list(many)) == []
    pages = list(store.image_ids())
    assert [image_id for page in pages for image_id in page] == sorted(many) and len(pages) == 3


def test_the_position_is_kept_with_what_is_dropped(store: DerivedStore, path: Path) -> None:
    store.put({RED: b"r", GREEN: b"g"})
    store.follow(HERE, [RED])
    store.close()
    with closing(DerivedStore(path, FEATURES, "orb-1")) as again:
        assert again.followed == HERE
        assert again.missing([RED, GREEN]) == [RED]


def test_a_new_file_has_followed_nothing_and_one_may_be_asked_to_look_again(store: DerivedStore) -> None:
    assert store.followed is None
    store.put({GREEN: b"g"})
    store.follow(HERE)
    store.look_again()
    assert store.missing([GREEN]) == []
    assert store.followed is None


def test_another_version_of_the_features_finds_nothing_and_looks_through_everything(path: Path) -> None:
    with closing(DerivedStore(path, FEATURES, "orb-1")) as older:
        older.put({RED: b"r"})
        older.follow(HERE)
    with closing(DerivedStore(path, FEATURES, "orb-2")) as newer:
        assert newer.get([RED]) == {} and newer.missing([RED]) == [RED] and newer.followed is None
        newer.put({RED: b"new"})
        assert newer.get([RED]) == {RED: b"new"}


@pytest.mark.parametrize("what", ["data = x'00'", "checksum = checksum + 1", f"image_id = x'{BLUE.hex()}'"])
def test_a_damaged_row_is_dropped_and_said_and_the_others_stay(
    store: DerivedStore, path: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    store.put({RED: b"r", GREEN: b"g"})
    store.follow(HERE)
    change(path, f"UPDATE features SET {what} WHERE image_id = x'{RED.hex()}'")
    with caplog.at_level(logging.WARNING):
        assert store.get([RED, GREEN, BLUE]) == {GREEN: b"g"}
    assert "damaged" in caplog.text
    assert store.missing([RED, GREEN, BLUE]) == [RED, BLUE]
    assert store.followed is None, "what is missing now is to be found"


@pytest.mark.parametrize("opened", [False, True])
def test_a_damaged_file_is_made_anew(path: Path, opened: bool, caplog: pytest.LogCaptureFixture) -> None:
    with closing(DerivedStore(path, FEATURES, "orb-1")) as store:
        store.put({RED: bytes(20_000)})
        store.follow(HERE)
    if opened:
        damage(path)
    else:
        path.write_bytes(b"SQLite format 4")
    store = DerivedStore(path, FEATURES, "orb-1")
    if opened:
        with pytest.raises(StoreError):
            store.get([RED])
        assert store.damaged
        store.mend()
    assert not store.damaged and store.followed is None and store.missing([RED]) == [RED]
    assert "computed again" in caplog.text
    store.put({RED: b"r"})
    store.close()
    check_file(path, FEATURES.schema)
    with closing(DerivedStore(path, FEATURES, "orb-1")) as again:
        assert again.get([RED]) == {RED: b"r"}


def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    change(path, "CREATE TABLE theirs (a)")
    with pytest.raises(StoreVersion):
        DerivedStore(path, FEATURES, "orb-1")


def test_a_lost_file_is_made_anew(store: DerivedStore, path: Path) -> None:
    store.put({RED: b"r"})
    store.close()
    path.unlink()
    with closing(DerivedStore(path, FEATURES, "orb-1")) as again:
        assert again.missing([RED]) == [RED]


WRITER = """
import sys
from pathlib import Path
from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.types import image_id_of
store = DerivedStore(Path(sys.argv[1]), FEATURES, "orb-1")
for number in range(10**6):
    store.put({image_id_of(b"%d-%d" % (number, n)): bytes([n]) * 15_000 for n in range(16)})
    print(number, flush=True)
"""


def test_a_process_that_is_killed_while_it_writes_leaves_whole_batches(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(30):
            told = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        told = max([told, *map(int, writer.stdout.read().split())])
    check_file(path, FEATURES.schema)
    with closing(DerivedStore(path, FEATURES, "orb-1")) as store:

        def batch(number: int) -> list[ImageId]:
            return [image_id_of(b"%d-%d" % (number, n)) for n in range(16)]

        for number in range(told + 1):
            assert store.get(batch(number)) == {one: bytes([n]) * 15_000 for n, one in enumerate(batch(number))}
        assert len(store.missing(batch(told + 1))) in (0, 16), "a batch that was not told is there, or it is not"
