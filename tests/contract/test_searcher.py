"""One suite for whatever can be searched: what `simd.index.base.Searcher` promises."""

from __future__ import annotations

import numpy as np
import pytest

from simd.errors import InvalidRequest
from simd.types import Embedding, ImageId, Vector
from simd.vectors.metric import normalise
from tests.contract.subjects import Searchable
from tests.stores import DIMENSION, image_id, unit


def search(searchable: Searchable, query: Vector, k: int, *, exact: bool = True) -> list[ImageId]:
    (answer,) = searchable.searcher.search(query[None], k, exact=exact)
    return [hit.image_id for hit in answer.hits]


def test_nothing_is_found_where_nothing_is(searchable: Searchable) -> None:
    (answer,) = searchable.searcher.search(unit(1)[None], 5, exact=True)
    assert (answer.hits, answer.searched, answer.exact) == ([], 0, True)
    assert searchable.searcher.within(unit(1)[None], 2.5, limit=5) == [answer]
    assert searchable.searcher.dimension == DIMENSION


def test_an_image_finds_itself_at_distance_zero(searchable: Searchable) -> None:
    searchable.put(*range(100))
    searchable.catch_up()
    answers = searchable.searcher.search(np.stack([unit(n) for n in range(100)]), 3)
    for number, answer in enumerate(answers):
        assert answer.hits[0].image_id == image_id(number)
        assert answer.hits[0].distance == 0.0
        assert answer.hits[0].similarity == 1.0
        assert answer.searched == 100


def test_a_query_is_rounded_as_what_is_stored_was(searchable: Searchable) -> None:
    vector = normalise(np.random.default_rng(5).normal(size=DIMENSION))
    searchable.put_these([Embedding(image_id(1), vector)])
    (answer,) = searchable.searcher.search(vector[None], 1, exact=True)
    assert answer.hits[0].distance == 0.0


def test_answers_are_those_of_the_definition(searchable: Searchable) -> None:
    searchable.put(*range(150))
    searchable.put(*range(0, 150, 5), version=1)
    searchable.delete(*range(0, 150, 7))
    live = {image_id(n): unit(n, 0 if n % 5 else 1) for n in range(150) if n % 7}
    for query in (unit(1000), unit(1001)):
        expected = sorted((float(np.linalg.norm(query - vector)), i) for i, vector in live.items())
        (answer,) = searchable.searcher.search(query[None], 20, exact=True)
        assert answer.exact
        assert answer.searched == len(live)
        assert [hit.image_id for hit in answer.hits] == [i for _, i in expected[:20]]
        assert [hit.distance for hit in answer.hits] == pytest.approx([d for d, _ in expected[:20]], abs=1e-6)


def test_k_larger_than_what_is_there_gives_all_and_zero_gives_none(searchable: Searchable) -> None:
    searchable.put(*range(30))
    assert len(search(searchable, unit(0), 1000)) == 30
    (answer,) = searchable.searcher.search(unit(0)[None], 0)
    assert answer.hits == []
    with pytest.raises(InvalidRequest):
        searchable.searcher.search(unit(0)[None], -1)


def test_equal_vectors_come_in_the_order_of_their_ids(searchable: Searchable) -> None:
    vector = unit(7)
    same = sorted(image_id(n) for n in range(300))
    searchable.put(*range(1000, 1040))
    for start in range(0, 300, 50):
        searchable.put_these([Embedding(image_id(n), vector) for n in range(start, start + 50)])
    for k in (1, 10, 250, 300):
        assert search(searchable, vector, k) == same[:k]
    searchable.catch_up()
    assert search(searchable, vector, 10, exact=False) == same[:10]
    searchable.delete(*range(300))


def test_a_batch_gives_what_single_queries_give(searchable: Searchable) -> None:
    searchable.put(*range(90))
    queries = np.stack([unit(n) for n in range(500, 510)])
    together = searchable.searcher.search(queries, 7, exact=True)
    alone = [searchable.searcher.search(query[None], 7, exact=True)[0] for query in queries[:3]]
    assert together[:3] == alone and len(together) == 10
    assert searchable.searcher.search(queries[:0], 7) == []


@pytest.mark.parametrize("radius", [0.0, 0.9, 1.3, 2.0, 2.5, float("inf")])
def test_within_a_radius_is_every_image_that_is_no_further(searchable: Searchable, radius: float) -> None:
    searchable.put(*range(150))
    searchable.put(*range(0, 150, 5), version=1)
    searchable.delete(*range(0, 150, 7))
    queries = np.stack([unit(3), unit(1000), unit(5, 1)])
    everything = searchable.searcher.search(queries, 150, exact=True)
    answers = searchable.searcher.within(queries, radius, limit=150)
    count = sum(n % 7 != 0 for n in range(150))
    for all_, answer in zip(everything, answers, strict=True):
        assert answer.hits == [hit for hit in all_.hits if hit.distance <= radius]
        assert answer.exact and answer.searched == count
    assert radius < 2 or len(answers[0].hits) == count
    assert image_id(3) in [hit.image_id for hit in answers[0].hits]


def test_the_radius_itself_is_within(searchable: Searchable) -> None:
    searchable.put(*range(60))
    (all_,) = searchable.searcher.search(unit(5)[None], 60, exact=True)
    for place in (1, 20, 59):
        (answer,) = searchable.searcher.within(unit(5)[None], all_.hits[place].distance, limit=60)
        assert answer.hits == all_.hits[: place + 1]
        nearer = float(np.nextafter(all_.hits[place].distance, 0))
        (less,) = searchable.searcher.within(unit(5)[None], nearer, limit=60)
        assert less.hits == all_.hits[:place]


def test_a_limit_keeps_the_nearest_and_says_that_it_cuts(searchable: Searchable) -> None:
    same = sorted(image_id(n) for n in range(300))
    searchable.put(*range(1000, 1040))
    for start in range(0, 300, 50):
        searchable.put_these([Embedding(image_id(n), unit(7)) for n in range(start, start + 50)])
    for limit, radius, count in ((0, 0.0, 0), (1, 0.0, 1), (299, 2.5, 299), (300, 0.0, 300), (400, 2.5, 340)):
        (answer,) = searchable.searcher.within(unit(7)[None], radius, limit=limit)
        assert len(answer.hits) == count
        assert [hit.image_id for hit in answer.hits[:300]] == same[:count]
        assert answer.exact == (limit >= 300)


@pytest.mark.parametrize(("radius", "limit"), [(-0.1, 1), (float("nan"), 1), (0.5, -1)])
def test_what_is_no_radius_or_no_limit_is_refused(searchable: Searchable, radius: float, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        searchable.searcher.within(unit(1)[None], radius, limit=limit)
    with pytest.raises(InvalidRequest):
        searchable.searcher.within(unit(1), 0.5, limit=1)
    assert searchable.searcher.within(unit(1)[None][:0], 0.5, limit=1) == []


def test_putting_again_replaces(searchable: Searchable) -> None:
    searchable.put(*range(50))
    searchable.put(4, version=1)
    assert search(searchable, unit(4, 1), 1) == [image_id(4)]
    (answer,) = searchable.searcher.search(unit(4)[None], 50, exact=True)
    assert answer.searched == len(answer.hits) == 50
    assert min(hit.distance for hit in answer.hits) > 0


def test_what_was_deleted_is_found_no_longer_until_it_is_put_again(searchable: Searchable) -> None:
    searchable.put(*range(20))
    searchable.delete(1, 2, 2, 777)
    assert set(search(searchable, unit(1), 50)) == {image_id(n) for n in range(20) if n not in (1, 2)}
    searchable.put(1)
    assert search(searchable, unit(1), 1) == [image_id(1)]


@pytest.mark.parametrize(
    "vector",
    [np.zeros(DIMENSION), np.full(DIMENSION, np.nan), np.full(DIMENSION, np.inf), np.ones(DIMENSION), np.ones(5)],
    ids=["zero", "nan", "inf", "not normalised", "wrong dimension"],
)
def test_what_is_not_a_vector_is_refused_and_changes_nothing(searchable: Searchable, vector: Vector) -> None:
    searchable.put(1)
    vector = vector.astype(np.float32)
    with pytest.raises(InvalidRequest):
        searchable.put_these([Embedding(image_id(2), unit(2)), Embedding(image_id(3), vector)])
    assert search(searchable, unit(1), 9) == [image_id(1)]
    with pytest.raises(InvalidRequest):
        searchable.searcher.search(vector[None], 1)


def test_one_query_must_be_a_batch_of_one(searchable: Searchable) -> None:
    with pytest.raises(InvalidRequest):
        searchable.searcher.search(unit(1), 1)
