"""Files of many images at once, as groups need them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.types import FileKey, ImageFacts, ImageId, Stamp, image_id_of
from simd.vectors.ids import pack_ids, unpack_ids

JPEG, RAW = ImageFacts(640, 480, "JPEG", False), ImageFacts(6000, 4000, "RAW", False)
NONE = np.empty((0, 16), np.uint8)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue.open(tmp_path / "catalogue.sqlite")
    catalogue.sync_roots([b"/p", b"/q"])
    yield catalogue
    catalogue.close()


def put(catalogue: Catalogue, path: bytes, content: bytes = b"", facts: ImageFacts = JPEG) -> ImageId:
    [root] = [root for root in catalogue.roots() if path.startswith(root.path + b"/")]
    image_id = image_id_of(content or path)
    stamp = Stamp(len(path), 1_700_000_000_000_000_001, (1 << 64) - 1)
    catalogue.record([IndexedFile(FileKey(root.root_id, path[3:]), stamp, image_id, facts)])
    return image_id


def test_files_of_the_images_asked_for_and_of_those_with_several_are_read_in_the_order_of_their_paths(
    catalogue: Catalogue,
) -> None:
    asked = put(catalogue, b"/q/asked")
    put(catalogue, b"/p/other")
    both = put(catalogue, b"/q/b\xff", b"both")
    put(catalogue, b"/p/z", b"both")
    found = catalogue.copies(pack_ids([asked, image_id_of(b"never seen")]))
    assert found.paths == [b"/p/z", b"/q/asked", b"/q/b\xff"]
    assert unpack_ids(found.ids) == sorted({asked, both})
    assert unpack_ids(found.ids[found.image]) == [both, asked, both]
    assert found.sizes.tolist() == [4, 8, 5] and set(found.mtimes.tolist()) == {1_700_000_000_000_000_001}
    assert set(found.inodes.tolist()) == {(1 << 64) - 1} and found.facts == [JPEG, JPEG]
    assert found.position == catalogue.position() and set(found.partner.tolist()) == {-1}
    put(catalogue, b"/p/more")
    assert found.position != catalogue.position()


def test_a_raw_photograph_has_the_picture_beside_it_for_a_partner(catalogue: Catalogue) -> None:
    put(catalogue, b"/p/1.jpg", b"one")
    put(catalogue, b"/p/2.jpg", b"one")
    for path in (b"/p/1.nef", b"/p/2/1.nef", b"/p/3.nef", b"/p/1.x.nef"):
        put(catalogue, path, facts=RAW)
    put(catalogue, b"/p/3.jpg")
    put(catalogue, b"/p/3/x.jpg")
    found = catalogue.copies(NONE)
    partners = dict(zip(found.paths, found.partner.tolist(), strict=True))
    assert partners == {
        b"/p/1.jpg": -1,
        b"/p/1.nef": 0,
        b"/p/1.x.nef": -1,
        b"/p/2.jpg": -1,
        b"/p/2/1.nef": -1,
        b"/p/3.nef": -2,
    }


def test_ids_of_another_length_in_a_damaged_catalogue_shift_no_others(catalogue: Catalogue, tmp_path: Path) -> None:
    both = put(catalogue, b"/p/a", b"both")
    put(catalogue, b"/p/b", b"both")
    with closing(sqlite3.connect(tmp_path / "catalogue.sqlite")) as connection, connection:
        for path in (b"x", b"y"):
            connection.execute("INSERT INTO files VALUES (1, ?, 1, 1, 1, x'00', 0)", (path,))
    found = catalogue.copies(NONE)
    assert unpack_ids(found.ids) == [both] and found.paths == [b"/p/a", b"/p/b"]


def test_files_are_counted_that_are_directly_in_a_folder(catalogue: Catalogue) -> None:
    for path in (b"/p/a", b"/p/f/a", b"/p/f/b", b"/p/f/deeper/a", b"/p/f0/a", b"/p/f\xff/a", b"/q/f/a"):
        put(catalogue, path)
    folders = [b"/p", b"/p/f", b"/p/f/deeper", b"/p/f\xff", b"/p/none", b"/elsewhere"]
    assert catalogue.count_directly_in(folders) == [1, 2, 1, 1, 0, 0]
