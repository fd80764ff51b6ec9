"""A catalogue that cannot be read while it is in use: what is told of it then."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import Counts
from simd.errors import CorruptStore, StoreError
from simd.vectors.ids import unpack_ids
from tests.catalogue.test_catalogue import image, indexed, rejected

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a catalogue with a root, two files of one image and a refused file."""
    catalogue = Catalogue.open(tmp_path / "catalogue.sqlite")
    [root] = catalogue.sync_roots([b"/p"])
    catalogue.record([indexed(root, b"a", "x"), indexed(root, b"b", "x")], [rejected(root, b"c")])
    catalogue.close()
    return tmp_path / "catalogue.sqlite"


@pytest.fixture
def catalogue(path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue.open(path)
    yield catalogue
    catalogue.close()


def damage(path: Path) -> None:
    """Every page but the first, which says what is where."""
    with path.open("r+b") as stream:
        stream.seek(PAGE)
        stream.write(b"\xff" * (path.stat().st_size - PAGE))


COUNTS = Counts(1, 2, {1: 2}, {"corrupt": 1})


def test_what_is_whole_is_counted_and_has_no_damage(catalogue: Catalogue) -> None:
    assert catalogue.last_counts() == catalogue.counts() == COUNTS
    assert COUNTS.current and catalogue.damage is None


def test_counts_that_were_read_before_the_damage_are_told_as_those_of_before(catalogue: Catalogue, path: Path) -> None:
    assert catalogue.last_counts().current
    # What changed has to be read anew; what has not is still in memory.
    catalogue.scanned(1, 1_700_000_000.0)
    damage(path)
    counts = catalogue.last_counts()
    assert (counts.images, counts.files, dict(counts.files_by_root)) == (1, 2, {1: 2})
    assert not counts.current
    with pytest.raises(CorruptStore):
        catalogue.counts()


def test_counts_that_were_never_read_are_none(catalogue: Catalogue, path: Path) -> None:
    damage(path)
    assert catalogue.last_counts() == Counts(0, 0, {}, {}, current=False)


def test_damage_that_was_found_is_remembered(catalogue: Catalogue, path: Path) -> None:
    damage(path)
    with pytest.raises(CorruptStore):
        catalogue.files()
    assert catalogue.damage is not None and str(path) in str(catalogue.damage)


def test_damage_that_a_check_finds_is_remembered(catalogue: Catalogue, path: Path) -> None:
    damage(path)
    with pytest.raises(CorruptStore):
        catalogue.check()
    assert catalogue.damage is not None


def test_a_failure_that_is_no_damage_is_over_when_it_is_over(catalogue: Catalogue, path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    with pytest.raises(StoreError):
        catalogue.counts()
    assert not catalogue.last_counts().current and catalogue.damage is None
    elsewhere.rename(path)
    assert catalogue.last_counts() == COUNTS


def test_what_cannot_be_read_is_logged_once(catalogue: Catalogue, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    damage(path)
    for _ in range(3):
        catalogue.last_counts()
    assert len(caplog.records) == 1 and str(path) in caplog.text


def test_an_id_of_another_length_shifts_none_of_those_packed_with_it(catalogue: Catalogue, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE files SET image_id = X'01' WHERE path = CAST('a' AS BLOB)")
    assert unpack_ids(catalogue.images_under(b"/p")) == [image("x")]
