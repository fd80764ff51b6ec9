"""One suite for whatever can be searched: a question about some images."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.index.base import Searcher
from simd.index.brute import BruteIndex
from simd.index.filter import EVERYTHING, Filter
from simd.index.local import LocalIndex
from simd.types import Embedding, ImageId
from simd.vectors.ids import Ids, pack_ids
from simd.vectors.metric import distances
from tests.contract.subjects import Searchable, Subject
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, image_id, unit

QUERY = unit(5)


def packed(numbers: Iterable[int]) -> Ids:
    return pack_ids([image_id(n) for n in numbers])


def nearest(numbers: Iterable[int]) -> list[ImageId]:
    """The images, as the definition orders them."""
    return [i for _, i in sorted((float(distances(QUERY, unit(n)[None])[0]), image_id(n)) for n in numbers)]


def considered(searcher: Searcher, among: Filter) -> list[ImageId]:
    """Every image that is considered, which both questions agree about."""
    [searched] = searcher.search(QUERY[None], 1000, among=among, exact=True)
    [within] = searcher.within(QUERY[None], 2.5, limit=1000, among=among)
    assert searched == within and searched.searched == len(searched.hits) and searched.exact
    return [hit.image_id for hit in searched.hits]


def test_any_of_gives_k_answers_among_these_images(searchable: Searchable) -> None:
    searchable.put(*range(120))
    searchable.delete(3)
    among = Filter(any_of=packed((*range(100, 120), 3, 999)))
    [answer] = searchable.searcher.search(QUERY[None], 15, among=among, exact=True)
    assert [hit.image_id for hit in answer.hits] == nearest(range(100, 120))[:15]
    assert answer.searched == 20
    assert considered(searchable.searcher, among) == nearest(range(100, 120))


def test_not_in_gives_k_answers_among_the_others(searchable: Searchable) -> None:
    searchable.put(*range(120))
    searchable.delete(3)
    among = Filter(not_in=packed((*range(100), 999)))
    [answer] = searchable.searcher.search(QUERY[None], 15, among=among, exact=True)
    assert [hit.image_id for hit in answer.hits] == nearest(range(100, 120))[:15]
    assert answer.searched == 20
    assert considered(searchable.searcher, among) == nearest(range(100, 120))


def test_an_image_must_be_one_of_these_and_none_of_those(searchable: Searchable) -> None:
    searchable.put(*range(60))
    among = Filter(any_of=packed(range(20)), not_in=packed(range(10, 30)))
    assert considered(searchable.searcher, among) == nearest(range(10))


def test_one_of_no_images_is_nothing_and_none_of_no_images_is_everything(searchable: Searchable) -> None:
    searchable.put(*range(60))
    for among in (Filter(any_of=packed([])), Filter(any_of=packed([999])), Filter(not_in=packed(range(60)))):
        assert considered(searchable.searcher, among) == []
    for among in (EVERYTHING, Filter(not_in=packed([])), Filter(not_in=packed([999]))):
        assert considered(searchable.searcher, among) == nearest(range(60))


def test_ids_in_any_order_and_repeated_mean_the_same(searchable: Searchable) -> None:
    searchable.put(*range(60))
    ids = packed((8, 3, 8, 40, 3))
    assert considered(searchable.searcher, Filter(any_of=ids)) == nearest((3, 8, 40))
    assert considered(searchable.searcher, Filter(not_in=ids)) == nearest(set(range(60)) - {3, 8, 40})


def test_an_image_that_was_put_again_is_one_image(searchable: Searchable) -> None:
    searchable.put(*range(60))
    searchable.put(*range(10), version=1)
    searchable.put(*range(10))
    assert considered(searchable.searcher, Filter(any_of=packed(range(10)))) == nearest(range(10))
    assert considered(searchable.searcher, Filter(not_in=packed(range(10)))) == nearest(range(10, 60))


def test_an_index_that_knows_no_paths_refuses_a_prefix(subject: Subject) -> None:
    subject.put(1)
    among = Filter(prefix=b"/photos")
    with pytest.raises(ValueError, match="resolved"):
        subject.index.search(QUERY[None], 1, among=among)
    with pytest.raises(ValueError, match="resolved"):
        subject.index.within(QUERY[None], 1.0, limit=1, among=among)
    resolved = among.resolved({b"/photos": packed([1, 2])}.__getitem__)
    assert considered(subject.index, resolved) == [image_id(1)]


_NUMBERS = st.lists(st.integers(0, 90), max_size=60)
_STEP = st.one_of(
    st.tuples(st.sampled_from(["put", "delete"]), _NUMBERS),
    st.tuples(st.sampled_from(["flush", "compact"]), st.none()),
)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(_STEP, max_size=12),
    some=st.one_of(st.none(), _NUMBERS),
    none=st.one_of(st.none(), _NUMBERS),
    under=st.one_of(st.none(), _NUMBERS),
    k=st.integers(0, 100),
)
def test_whatever_the_history_the_answer_is_that_of_a_set(
    steps: list[tuple[str, list[int] | None]],
    some: list[int] | None,
    none: list[int] | None,
    under: list[int] | None,
    k: int,
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        local, brute = LocalIndex.open(Path(directory), DIMENSION, FINGERPRINT, options=OPTIONS), BruteIndex(DIMENSION)
        live: set[int] = set()
        for act, numbers in steps:
            if numbers is None:
                getattr(local, act)()
            for index in (local, brute):
                if act == "put":
                    index.put([Embedding(image_id(n), unit(n)) for n in numbers or ()])
                elif act == "delete":
                    index.delete([image_id(n) for n in numbers or ()])
            live = live | set(numbers or ()) if act == "put" else live - set(numbers or ())
        for given_ids in (some, under):
            live &= live if given_ids is None else set(given_ids)
        live -= set(none or ())
        among = Filter(
            b"" if under is None else b"/photos",
            None if some is None else packed(some),
            None if none is None else packed(none),
        ).resolved(lambda _: packed(under or ()))
        expected = nearest(live)
        for index in (local, brute):
            assert considered(index, among) == expected
            [answer] = index.search(QUERY[None], k, among=among, exact=True)
            assert [hit.image_id for hit in answer.hits] == expected[:k]
        local.close()


def test_a_filter_without_a_prefix_is_resolved_as_it_is() -> None:
    among = Filter(any_of=packed([1]))
    assert among.resolved(lambda prefix: pytest.fail("nothing is to be looked up")) is among
