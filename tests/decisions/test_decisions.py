"""Removals are remembered by path and content, whatever becomes of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simd.decisions.decisions import Decisions, Removed
from simd.decisions.schema import SCHEMA
from simd.sqlite.repair import check_file, repair_file
from simd.types import Stamp, image_id_of

STAMP = Stamp(100, 1_700_000_000_000_000_001, 7, 9)
RED, GREEN = image_id_of(b"red"), image_id_of(b"green")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.sqlite"


@pytest.fixture
def decisions(path: Path) -> Iterator[Decisions]:
    decisions = Decisions(path)
    yield decisions
    decisions.close()


def test_a_removal_is_of_a_content_at_a_place_and_outlives_a_restart(decisions: Decisions, path: Path) -> None:
    assert not decisions.is_removed(b"/p/a", RED, STAMP)
    decisions.remove([Removed(b"/p/a", STAMP, RED)])
    decisions.close()
    again = Decisions(path)
    touched = replace(STAMP, mtime_ns=1)
    assert again.is_removed(b"/p/a", RED, touched), "a file that was only touched"
    assert not again.is_removed(b"/p/a", GREEN, STAMP), "another content"
    assert not again.is_removed(b"/p/b", RED, STAMP), "a copy"
    again.close()


def test_a_content_that_nobody_had_read_is_known_by_its_stamp(decisions: Decisions) -> None:
    decisions.remove([Removed(b"/p/a", STAMP, None)])
    assert decisions.is_removed(b"/p/a", RED, replace(STAMP, inode=1, ctime_ns=1))
    assert not decisions.is_removed(b"/p/a", RED, replace(STAMP, mtime_ns=1))


def test_a_removal_is_called_off_for_a_folder_and_not_for_one_of_a_name_like_it(decisions: Decisions) -> None:
    paths = [b"/p/f", b"/p/f/a", b"/p/f/b/\xff", b"/p/f-a", b"/p/f0"]
    decisions.remove([Removed(path, STAMP, RED) for path in paths])
    decisions.restore(b"/p/f")
    assert [path for path in paths if decisions.is_removed(path, RED, STAMP)] == [b"/p/f-a", b"/p/f0"]


def test_a_removal_follows_a_folder_to_its_new_name(decisions: Decisions) -> None:
    decisions.remove([Removed(b"/p/f/a", STAMP, RED), Removed(b"/p/f-a", STAMP, RED)])
    decisions.moved(b"/p/f", b"/p/longer/name")
    assert decisions.is_removed(b"/p/longer/name/a", RED, STAMP) and decisions.is_removed(b"/p/f-a", RED, STAMP)
    assert not decisions.is_removed(b"/p/f/a", RED, STAMP)


def test_the_last_removal_of_a_path_counts_unless_it_is_an_old_one(decisions: Decisions) -> None:
    decisions.remove([Removed(b"/p/a", STAMP, RED)])
    decisions.remove([Removed(b"/p/a", STAMP, None)], again=False)
    assert not decisions.is_removed(b"/p/a", GREEN, STAMP)
    decisions.remove([Removed(b"/p/a", STAMP, GREEN)])
    assert decisions.is_removed(b"/p/a", GREEN, STAMP) and not decisions.is_removed(b"/p/a", RED, STAMP)


def test_a_stamp_beyond_what_the_file_holds_is_remembered(decisions: Decisions) -> None:
    far = replace(STAMP, mtime_ns=1 << 63)
    decisions.remove([Removed(b"/p/a", far, None)])
    assert decisions.is_removed(b"/p/a", RED, far)


def test_a_damaged_file_is_repaired_with_the_removals_that_can_be_read(decisions: Decisions, path: Path) -> None:
    decisions.remove([Removed(b"/p/%06d" % number, STAMP, RED) for number in range(5000)])
    decisions.close()
    check_file(path, SCHEMA)
    with path.open("r+b") as stream:
        stream.seek(-4096, 2)
        stream.write(b"\xff" * 4096)
    saved = repair_file(path, SCHEMA)
    assert 0 < saved.rows["removals"] < 5000 and saved.aside.exists()
    check_file(path, SCHEMA)
