"""The change feed of the catalogue."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from simd.catalogue import feed
from simd.catalogue.catalogue import Catalogue
from simd.catalogue.feed import Change
from simd.types import FileKey, Root
from tests.catalogue.test_catalogue import image, indexed


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue.open(tmp_path / "c")
    yield catalogue
    catalogue.close()


@pytest.fixture
def root(catalogue: Catalogue) -> Root:
    [root] = catalogue.sync_roots([b"/photos"])
    return root


def key(root: Root, name: bytes) -> FileKey:
    return FileKey(root.root_id, name)


def test_all_images_are_told_from_the_start_in_pages(catalogue: Catalogue, root: Root) -> None:
    names = [f"{number:03}" for number in range(25)]
    catalogue.record([indexed(root, name.encode(), name) for name in names])
    told: list[Change] = []
    position, pages = None, 0
    while True:
        page = catalogue.changes(position, 10)
        assert page.starts_over == (position is None)
        told += page.changes
        position, pages = page.position, pages + 1
        if page.complete:
            break
    assert told == [Change(image(name), True) for name in names] and pages == 3


def test_an_image_is_told_again_when_it_gets_another_file_or_name_and_when_it_loses_the_last(
    catalogue: Catalogue, root: Root
) -> None:
    catalogue.record([indexed(root, b"a", "a"), indexed(root, b"b", "b")])
    position = catalogue.changes(None).position

    def told() -> tuple[Change, ...]:
        nonlocal position
        page = catalogue.changes(position)
        position = page.position
        return page.changes

    assert told() == ()
    catalogue.record([indexed(root, b"copy", "a")])
    assert told() == (Change(image("a"), True),)
    catalogue.rename_under(root.root_id, b"b", b"c")
    assert told() == (Change(image("b"), True),)
    catalogue.record([], deleted=[key(root, b"a"), key(root, b"c")])
    assert told() == (Change(image("a"), True), Change(image("b"), False))
    catalogue.purge_images(1 << 62)
    assert told() == (Change(image("b"), False),)
    catalogue.record([indexed(root, b"d", "b")])
    assert told() == (Change(image("b"), True),)
    catalogue.drop_root(root.root_id)
    assert sorted(change.present for change in told()) == [False, False]


def test_a_position_of_another_catalogue_or_of_the_future_starts_over(catalogue: Catalogue, root: Root) -> None:
    catalogue.record([indexed(root, b"a", "a")])
    position = catalogue.changes(None).position
    for wrong in (replace(position, epoch=b"another"), replace(position, revision=position.revision + 1)):
        page = catalogue.changes(wrong)
        assert page.starts_over and page.changes == (Change(image("a"), True),)


def test_a_reader_that_was_away_while_images_were_forgotten_starts_over(
    catalogue: Catalogue, root: Root, tmp_path: Path
) -> None:
    names = [b"%d" % number for number in range(5)]
    catalogue.record([indexed(root, name, name.decode()) for name in names])
    early = catalogue.changes(None).position
    catalogue.record([], deleted=[key(root, name) for name in names[:4]])
    catalogue.purge_images(1 << 62)
    late = catalogue.changes(early, 2)
    assert not late.starts_over
    with closing(sqlite3.connect(tmp_path / "c")) as connection, connection:
        feed.forget_gone(connection, 2)
    page = catalogue.changes(early)
    assert page.starts_over and [change for change in page.changes if change.present] == [Change(image("4"), True)]
    assert not catalogue.changes(page.position).changes


def test_who_listens_is_called_after_what_changed_images_and_after_nothing_else(
    catalogue: Catalogue, root: Root
) -> None:
    seen: list[int] = []
    catalogue.on_commit(lambda: seen.append(len(catalogue.changes(None).changes)))
    catalogue.record([indexed(root, b"a", "a")])
    catalogue.scanned(root.root_id, 1.0)
    catalogue.record([indexed(root, b"b", "b")])
    assert seen == [1, 2]


def test_how_far_a_reader_is_behind_is_how_many_images_changed_since(catalogue: Catalogue, root: Root) -> None:
    assert catalogue.behind(None) == 0
    catalogue.record([indexed(root, b"a", "a"), indexed(root, b"b", "b"), indexed(root, b"c", "c")])
    position = catalogue.position()
    assert catalogue.behind(None) == 3 and catalogue.behind(position) == 0
    catalogue.record([indexed(root, b"b2", "b")], deleted=[key(root, b"a")])
    assert catalogue.behind(position) == 2 and catalogue.behind(None) == 2
    catalogue.purge_images(1 << 60)
    assert catalogue.behind(position) == 2, "one of them is gone"
    assert catalogue.behind(replace(position, epoch=b"another life")) == 2
    assert catalogue.behind(replace(position, revision=1000)) == 2
