"""A catalogue that nobody has open: a look that changes nothing, and what is saved of a damaged one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.schema import SCHEMA, VERSION
from simd.errors import CorruptStore, Reason, StoreVersion
from simd.sqlite.repair import check_file, repair_file
from simd.types import FileKey, Rejection
from tests.catalogue.test_catalogue import indexed, rejected
from tests.catalogue.test_damaged import damage

REMOVED = Rejection(Reason.REMOVED, "taken out on request")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a catalogue with a configured root, an added one, and a file that was taken out."""
    with closing(Catalogue.open(tmp_path / "catalogue.sqlite")) as catalogue:
        [root] = catalogue.sync_roots([b"/p"])
        catalogue.add_root(b"/added")
        files = [indexed(root, b"%05d" % n, str(n)) for n in range(2000)]
        catalogue.record(files, [rejected(root, b"out", REMOVED), rejected(root, b"bad")])
    return tmp_path / "catalogue.sqlite"


def spoil_files(path: Path) -> None:
    """Damage the table of files, and no other."""
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'files'").fetchone()[0]
    with path.open("r+b") as stream:
        stream.seek((page - 1) * 4096)
        stream.write(b"\xff" * 4096)


def test_a_look_changes_nothing_also_of_an_older_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION - 1}")
    before = path.read_bytes()
    check_file(path, SCHEMA)
    assert path.read_bytes() == before


def test_what_a_person_said_is_saved_and_the_damaged_file_is_kept(path: Path) -> None:
    spoil_files(path)
    path.chmod(0o600)
    damaged = path.read_bytes()
    with pytest.raises(CorruptStore, match="check --repair"):
        check_file(path, SCHEMA)
    saved = repair_file(path, SCHEMA)
    assert saved.rows == {"roots": 2, "removals": 1}
    assert saved.aside.read_bytes() == damaged
    assert path.stat().st_mode & 0o777 == 0o600
    check_file(path, SCHEMA)
    with closing(Catalogue.open(path)) as catalogue:
        assert [root.path for root in catalogue.sync_roots([b"/p"])] == [b"/p", b"/added"]
        assert catalogue.known(FileKey(1, b"00000")) is None
        known = catalogue.known(FileKey(1, b"out"))
        assert known is not None and known.rejection == REMOVED
        assert catalogue.known(FileKey(1, b"bad")) is None
        assert dict(catalogue.counts().failed_by_reason) == {"removed": 1}


def test_changes_that_are_not_yet_in_the_file_do_not_get_into_the_new_one(path: Path) -> None:
    catalogue = Catalogue.open(path)
    catalogue.add_root(b"/later")
    log = path.with_name(path.name + "-wal")
    file, changes = path.read_bytes(), log.read_bytes()
    catalogue.close()
    log.write_bytes(changes)
    path.write_bytes(file)
    damage(path)
    saved = repair_file(path, SCHEMA)
    assert not log.exists() and saved.aside.with_name(saved.aside.name + "-wal").read_bytes() == changes
    check_file(path, SCHEMA)


def test_a_file_whose_tables_are_all_among_changes_that_cannot_be_read_is_damaged(tmp_path: Path) -> None:
    path, copy = tmp_path / "catalogue.sqlite", tmp_path / "copy" / "catalogue.sqlite"
    copy.parent.mkdir()
    with closing(Catalogue.open(path)):
        copy.write_bytes(path.read_bytes())
        copy.with_name("catalogue.sqlite-wal").write_bytes(b"\xff" * 70_000)
    with pytest.raises(CorruptStore, match="no tables"):
        check_file(copy, SCHEMA)
    repair_file(copy, SCHEMA)
    check_file(copy, SCHEMA)


def test_damage_in_the_words_that_say_what_is_damaged_is_damage(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = CAST(x'ff4352' AS TEXT) WHERE name = 'files'")
        connection.commit()
    with pytest.raises(CorruptStore):
        check_file(path, SCHEMA)
    with pytest.raises(CorruptStore):
        Catalogue.open(path)
    assert repair_file(path, SCHEMA).aside.exists()


@pytest.mark.parametrize("content", [b"", b"\xff" * 5000])
def test_a_file_of_which_nothing_is_left_is_made_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert repair_file(path, SCHEMA).rows["roots"] == 0
    assert repair_file(path, SCHEMA).aside.name == "catalogue.sqlite.damaged-2"
    check_file(path, SCHEMA)


def test_a_file_without_tables_is_whole_as_the_next_start_makes_them(path: Path) -> None:
    path.write_bytes(b"")
    check_file(path, SCHEMA)


def test_what_a_later_version_wrote_is_refused_and_both_versions_are_named(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreVersion, match=f"version {VERSION + 1}, this simd reads version {VERSION}"):
        check_file(path, SCHEMA)
