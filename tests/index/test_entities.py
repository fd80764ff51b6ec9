"""What is kept of an image in a replica, and the expressions that find it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from simd.errors import InvalidRequest
from simd.index.engine.entities import (
    EVERY_ENTITY,
    FILTER_IDS,
    FOLDERS,
    PAYLOAD_BYTES,
    expression,
    folders_of,
    in_batches,
    of_host,
    origin_of,
    payload_of,
    row_of,
)
from simd.index.filter import EVERYTHING, Filter
from simd.index.replica import Entity
from simd.types import ImageFacts, Origin
from simd.vectors.ids import pack_ids
from tests.stores import image_id, unit


def entity(*paths: bytes, facts: ImageFacts | None = None) -> Entity:
    return Entity("attic", image_id(1), unit(1), b"/photos", paths, facts)


def test_an_origin_is_told_as_it_was_published() -> None:
    facts = ImageFacts(640, 480, "JPEG", True)
    paths = (b"/photos/\xff.jpg", b"/photos/a.jpg", '/photos/é \\ " \n.jpg'.encode())
    row = row_of(entity(*paths, facts=facts))
    assert origin_of(row["host"], row["payload"]) == Origin("attic", paths, 3, facts)
    assert (row["root"], row["path"]) == ("/photos", "/photos/\ufffd.jpg")
    assert row["pk"] == f"attic/{image_id(1).hex()}"


@pytest.mark.parametrize("name", [b"%04d.jpg", b"\xff%04d.jpg", b"\x01\x02\x03%04d.jpg"])
def test_a_payload_holds_as_many_paths_as_have_room_and_counts_all(name: bytes) -> None:
    paths = tuple(b"/photos/" + b"x" * 200 + name % number for number in range(2000))
    payload = payload_of(entity(*paths))
    told = origin_of("attic", payload)
    assert PAYLOAD_BYTES - 1000 < len(payload.encode()) <= PAYLOAD_BYTES
    assert told.paths == paths[: len(told.paths)] and told.path_count == 2000


def test_one_path_is_told_however_long_it_is() -> None:
    path = b"/" + b"\x01" * (PAYLOAD_BYTES // 6)
    assert origin_of("attic", payload_of(entity(path, b"/b"))).paths == (path,)


def test_hashes_are_those_of_files_and_folders_each_once_and_never_negative() -> None:
    one = folders_of([b"/a/b/1.jpg"])
    both = folders_of([b"/a/b/1.jpg", b"/a/c/1.jpg"])
    assert (len(one), len(both), len(set(both))) == (4, 6, 6)
    assert set(one) < set(both)
    assert all(0 <= number < 1 << 63 for number in folders_of([b"/%d" % number for number in range(1000)]))


def test_of_too_many_hashes_those_of_the_deepest_are_cut() -> None:
    paths = [b"/photos/%d/1.jpg" % number for number in range(FOLDERS - 2)]
    hashes = folders_of(paths)
    assert len(hashes) == FOLDERS
    assert set(folders_of(p.rpartition(b"/")[0] for p in paths)) == set(hashes)


def test_a_prefix_is_taken_as_the_local_index_takes_it() -> None:
    plain = expression(Filter(prefix=b"/photos/a"))
    assert plain.startswith("array_contains(folders, ")
    assert {expression(Filter(prefix=p)) for p in (b"/photos/a/", b"/photos//a", b"/photos/./a", b"//photos/a")} == {
        plain
    }
    assert expression(Filter(prefix=b"/photos/A")) != plain


def test_an_expression_says_all_that_a_filter_does() -> None:
    assert expression(EVERYTHING) == expression(Filter(not_in=pack_ids([]))) == ""
    one, other = image_id(1), image_id(2)
    text = expression(Filter(b"/a", pack_ids([one]), pack_ids([other])))
    folders, any_of, not_in = text.split(" and ")
    assert folders == expression(Filter(b"/a"))
    assert any_of == f'image_id in ["{one.hex()}"]'
    assert not_in == f'image_id not in ["","{other.hex()}"]'


def test_too_many_ids_are_refused_with_the_limit() -> None:
    ids = np.arange((FILTER_IDS + 1) * 4, dtype=np.uint32).view(np.uint8).reshape(-1, 16)
    assert expression(Filter(any_of=ids[:-1])).count('"') == 2 * FILTER_IDS
    for among in (Filter(any_of=ids), Filter(not_in=ids)):
        with pytest.raises(InvalidRequest, match="at most 10,000 images"):
            expression(among)


def test_a_hosts_name_cannot_end_its_quotes() -> None:
    assert of_host("") == EVERY_ENTITY
    assert json.loads(of_host('a" or "b').removeprefix("host == ")) == 'a" or "b'


def test_batches_are_bounded_by_rows_and_by_bytes() -> None:
    rows = [row_of(entity(b"/photos/%d.jpg" % number)) for number in range(10)]
    assert [len(batch) for batch in in_batches(rows, 4, 1 << 20)] == [4, 4, 2]
    assert [len(batch) for batch in in_batches(rows, 100, 1)] == [1] * 10
    together = [row for batch in in_batches(rows, 100, 2000) for row in batch]
    assert together == rows
    assert list(in_batches([], 4, 1)) == []
