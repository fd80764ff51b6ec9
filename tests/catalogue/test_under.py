"""Ids below a path are read once, and again when anything has changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.queries import scopes_under
from simd.catalogue.under import ImagesUnder
from simd.sqlite.database import reading_only
from simd.types import Root
from simd.vectors.ids import unpack_ids
from tests.catalogue.test_catalogue import image, indexed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


@pytest.fixture
def catalogue(path: Path) -> Iterator[Catalogue]:
    with closing(Catalogue.open(path)) as made:
        yield made


@pytest.fixture
def root(catalogue: Catalogue) -> Root:
    (made,) = catalogue.sync_roots([b"/p"])
    catalogue.record(
        [indexed(made, b"%s/%d" % (folder, n), f"{folder!r} {n}") for folder in (b"a", b"b") for n in range(3)]
    )
    return made


@pytest.fixture
def connection(path: Path, root: Root) -> Iterator[sqlite3.Connection]:
    with closing(reading_only(path)) as made:
        yield made


def test_they_are_read_once_while_nothing_changes(catalogue: Catalogue, root: Root) -> None:
    first = catalogue.images_under(b"/p/a")
    assert set(unpack_ids(first)) == {image(f"b'a' {n}") for n in range(3)}
    assert catalogue.images_under(b"/p/a") is first and catalogue.images_under(b"/p/./a") is first
    assert len(catalogue.images_under(b"/p/b")) == 3 and len(catalogue.images_under(b"")) == 6
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 0


def test_they_are_read_again_after_each_change(catalogue: Catalogue, root: Root) -> None:
    assert len(catalogue.images_under(b"/p/a")) == 3
    catalogue.record([indexed(root, b"a/new", "new")])
    assert image("new") in unpack_ids(catalogue.images_under(b"/p/a"))
    catalogue.sync_roots([b"/q"])
    assert len(catalogue.images_under(b"/p/a")) == 0


def test_what_was_not_asked_for_the_longest_goes_first(root: Root, connection: sqlite3.Connection) -> None:
    under = ImagesUnder(limit_bytes=2 * 3 * 16)
    a, b, one = (scopes_under([root], path) for path in (b"/p/a", b"/p/b", b"/p/a/1"))
    first, second = under.of(connection, a), under.of(connection, b)
    assert under.of(connection, a) is first and under.of(connection, b) is second and under.of(connection, a) is first
    under.of(connection, one)
    assert under.of(connection, a) is first and under.of(connection, b) is not second


def test_more_than_is_kept_is_told_all_the_same(root: Root, connection: sqlite3.Connection) -> None:
    under = ImagesUnder(limit_bytes=5 * 16)
    everything = scopes_under([root], b"")
    assert len(under.of(connection, everything)) == 6
    assert under.of(connection, everything) is not under.of(connection, everything)
