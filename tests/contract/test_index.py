"""One suite for every index: what `simd.index.base` promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simd.errors import InvalidRequest
from simd.index.base import Index
from simd.index.local import LocalIndex
from simd.types import Embedding, ImageId, Vector
from simd.vectors.metric import half, normalise
from simd.vectors.topk import unpack_ids
from tests.contract.subjects import Subject
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, embedding, image_id, unit


def search(index: Index, query: Vector, k: int, **how: object) -> list[ImageId]:
    (answer,) = index.search(query[None], k, **how)  # type: ignore[arg-type]
    return [hit.image_id for hit in answer.hits]


def test_an_empty_index_answers_with_nothing(subject: Subject) -> None:
    (answer,) = subject.index.search(unit(1)[None], 5)
    assert (answer.hits, answer.searched, answer.exact) == ([], 0, True)
    assert subject.index.within(unit(1)[None], 2.5, limit=5) == [answer]
    assert len(subject.index) == 0
    assert list(subject.index.ids()) == []
    assert subject.index.vector(image_id(1), deleted=True) is None
    assert subject.index.delete([image_id(1)]) == 0
    assert not subject.index.contains(image_id(1))
    subject.index.put([])
    assert subject.index.dimension == DIMENSION


def test_an_image_finds_itself_at_distance_zero(subject: Subject) -> None:
    subject.put(*range(100))
    answers = subject.index.search(np.stack([unit(n) for n in range(100)]), 3)
    for number, answer in enumerate(answers):
        assert answer.hits[0].image_id == image_id(number)
        assert answer.hits[0].distance == 0.0
        assert answer.hits[0].similarity == 1.0
        assert answer.searched == 100


def test_a_query_is_rounded_as_what_is_stored_was(subject: Subject) -> None:
    vector = normalise(np.random.default_rng(5).normal(size=DIMENSION))
    subject.index.put([Embedding(image_id(1), vector)])
    (answer,) = subject.index.search(vector[None], 1)
    assert answer.hits[0].distance == 0.0
    assert np.array_equal(subject.index.vector(image_id(1)), half(vector))  # type: ignore[arg-type]


def test_answers_are_those_of_the_definition(subject: Subject) -> None:
    subject.put(*range(150))
    subject.put(*range(0, 150, 5), version=1)
    subject.delete(*range(0, 150, 7))
    live = {image_id(n): unit(n, 0 if n % 5 else 1) for n in range(150) if n % 7}
    assert set(subject.index.ids()) == set(live)
    assert len(subject.index) == len(live)
    for query in (unit(1000), unit(1001)):
        expected = sorted((float(np.linalg.norm(query - vector)), i) for i, vector in live.items())
        (answer,) = subject.index.search(query[None], 20, exact=True)
        assert answer.exact
        assert answer.searched == len(live)
        assert [hit.image_id for hit in answer.hits] == [i for _, i in expected[:20]]
        assert [hit.distance for hit in answer.hits] == pytest.approx([d for d, _ in expected[:20]], abs=1e-6)


def test_k_larger_than_the_index_gives_all_and_zero_gives_none(subject: Subject) -> None:
    subject.put(*range(30))
    assert len(search(subject.index, unit(0), 1000)) == 30
    (answer,) = subject.index.search(unit(0)[None], 0)
    assert answer.hits == []
    with pytest.raises(InvalidRequest):
        subject.index.search(unit(0)[None], -1)


def test_equal_vectors_come_in_the_order_of_their_ids(subject: Subject) -> None:
    vector = unit(7)
    same = sorted(image_id(n) for n in range(300))
    subject.put(*range(1000, 1040))
    for start in range(0, 300, 50):
        subject.index.put([Embedding(image_id(n), vector) for n in range(start, start + 50)])
        subject.settle()
    for k in (1, 10, 250, 300):
        assert search(subject.index, vector, k, exact=True) == same[:k]
    assert search(subject.index, vector, 10) == same[:10]


def test_a_batch_gives_what_single_queries_give(subject: Subject) -> None:
    subject.put(*range(90))
    queries = np.stack([unit(n) for n in range(500, 510)])
    together = subject.index.search(queries, 7, exact=True)
    alone = [subject.index.search(query[None], 7, exact=True)[0] for query in queries]
    assert together == alone
    assert subject.index.search(queries[:0], 7) == []


@pytest.mark.parametrize("radius", [0.0, 0.9, 1.3, 2.0, 2.5, float("inf")])
def test_within_a_radius_is_every_image_that_is_no_further(subject: Subject, radius: float) -> None:
    subject.put(*range(150))
    subject.put(*range(0, 150, 5), version=1)
    subject.delete(*range(0, 150, 7))
    queries = np.stack([unit(3), unit(1000), unit(5, 1)])
    everything = subject.index.search(queries, 150, exact=True)
    answers = subject.index.within(queries, radius, limit=150)
    for all_, answer in zip(everything, answers, strict=True):
        assert answer.hits == [hit for hit in all_.hits if hit.distance <= radius]
        assert answer.exact and answer.searched == len(subject.index)
    assert radius < 2 or len(answers[0].hits) == len(subject.index)
    assert image_id(3) in [hit.image_id for hit in answers[0].hits]


def test_the_radius_itself_is_within(subject: Subject) -> None:
    subject.put(*range(60))
    (all_,) = subject.index.search(unit(5)[None], 60, exact=True)
    for place in (1, 20, 59):
        (answer,) = subject.index.within(unit(5)[None], all_.hits[place].distance, limit=60)
        assert answer.hits == all_.hits[: place + 1]
        (less,) = subject.index.within(unit(5)[None], float(np.nextafter(all_.hits[place].distance, 0)), limit=60)
        assert less.hits == all_.hits[:place]


def test_a_limit_keeps_the_nearest_and_says_that_it_cuts(subject: Subject) -> None:
    same = sorted(image_id(n) for n in range(300))
    subject.put(*range(1000, 1040))
    for start in range(0, 300, 50):
        subject.index.put([Embedding(image_id(n), unit(7)) for n in range(start, start + 50)])
        subject.settle()
    for limit, radius, count in ((0, 0.0, 0), (1, 0.0, 1), (299, 2.5, 299), (300, 0.0, 300), (400, 2.5, 340)):
        (answer,) = subject.index.within(unit(7)[None], radius, limit=limit)
        assert len(answer.hits) == count
        assert [hit.image_id for hit in answer.hits[:300]] == same[:count]
        assert answer.exact == (limit >= 300)


@pytest.mark.parametrize(("radius", "limit"), [(-0.1, 1), (float("nan"), 1), (0.5, -1)])
def test_what_is_no_radius_or_no_limit_is_refused(subject: Subject, radius: float, limit: int) -> None:
    subject.put(1)
    with pytest.raises(InvalidRequest):
        subject.index.within(unit(1)[None], radius, limit=limit)
    with pytest.raises(InvalidRequest):
        subject.index.within(unit(1), 0.5, limit=1)
    assert subject.index.within(unit(1)[None][:0], 0.5, limit=1) == []


def test_putting_again_replaces(subject: Subject) -> None:
    subject.put(*range(50))
    subject.put(4, version=1)
    assert len(subject.index) == 50
    assert search(subject.index, unit(4, 1), 1) == [image_id(4)]
    (answer,) = subject.index.search(unit(4)[None], 50)
    assert min(hit.distance for hit in answer.hits) > 0


def test_missing_names_what_was_never_put_and_what_was_deleted(subject: Subject) -> None:
    assert subject.index.missing([image_id(1)]) == [image_id(1)]
    subject.put(*range(30))
    subject.delete(3, 20)
    asked = [image_id(n) for n in (40, 20, 5, 3, 29)]
    assert subject.index.missing(asked) == [image_id(n) for n in (40, 20, 3)]
    assert subject.index.missing([]) == []


def test_a_deleted_image_is_gone_at_once_and_can_be_had_back(subject: Subject) -> None:
    subject.put(*range(50))
    assert subject.delete(1, 2, 2, 777) == 2
    assert not subject.index.contains(image_id(1))
    assert subject.index.vector(image_id(1)) is None
    back = subject.index.vector(image_id(1), deleted=True)
    assert back is not None and np.array_equal(back, unit(1))
    assert image_id(1) not in search(subject.index, unit(1), 50)
    subject.index.put([Embedding(image_id(1), back)])
    subject.settle()
    assert search(subject.index, unit(1), 1) == [image_id(1)]
    assert len(subject.index) == 49


@pytest.mark.parametrize(
    "vector",
    [np.zeros(DIMENSION), np.full(DIMENSION, np.nan), np.full(DIMENSION, np.inf), np.ones(DIMENSION), np.ones(5)],
    ids=["zero", "nan", "inf", "not normalised", "wrong dimension"],
)
def test_what_is_not_a_vector_is_refused_and_changes_nothing(subject: Subject, vector: Vector) -> None:
    subject.put(1)
    vector = vector.astype(np.float32)
    with pytest.raises(InvalidRequest):
        subject.index.put([embedding(2), Embedding(image_id(3), vector)])
    assert list(subject.index.ids()) == [image_id(1)]
    with pytest.raises(InvalidRequest):
        subject.index.search(vector[None], 1)


def test_one_query_must_be_a_batch_of_one(subject: Subject) -> None:
    subject.put(1)
    with pytest.raises(InvalidRequest):
        subject.index.search(unit(1), 1)


def test_stats_count(subject: Subject) -> None:
    subject.put(*range(30))
    subject.delete(1, 2)
    stats = subject.index.stats()
    assert (stats.vectors, stats.dimension) == (28, DIMENSION)
    assert stats.dead >= 2


def test_equal_content_gives_equal_answers_whatever_its_history(tmp_path: Path) -> None:
    queries = np.stack([unit(n) for n in range(900, 920)])
    answers = []
    for name, every in (("never", 0), ("often", 7), ("seldom", 60)):
        index = LocalIndex.open(tmp_path / name, DIMENSION, FINGERPRINT, options=OPTIONS)
        order = list(range(200))
        np.random.default_rng(every).shuffle(order)
        for count, number in enumerate(order):
            index.put([embedding(number)])
            if every and count % every == 0:
                index.flush()
        if every == 60:
            index.compact()
        answers.append(index.search(queries, 10, exact=True))
        assert index.check() == []
        index.close()
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("rows", [1, 7, 58, 1000])
def test_chunks_are_all_that_is_in_the_answers_in_the_order_of_the_ids(subject: Subject, rows: int) -> None:
    assert list(subject.index.chunks()) == []
    subject.put(*range(60))
    subject.put(3, 4, version=1)
    subject.delete(7, 8)
    chunks = list(subject.index.chunks(rows))
    found = [one for ids, _ in chunks for one in unpack_ids(ids)]
    assert found == sorted(subject.index.ids())
    assert all(len(ids) == rows for ids, _ in chunks[:-1])
    for ids, vectors in chunks:
        assert vectors.dtype == np.float16 and vectors.shape == (len(ids), DIMENSION) and ids.dtype == np.uint8
        for one, vector in zip(unpack_ids(ids), vectors, strict=True):
            stored = subject.index.vector(one)
            assert stored is not None and np.array_equal(vector, stored)


def test_chunks_are_those_of_the_time_of_the_call(subject: Subject) -> None:
    subject.put(1, 2)
    chunks = subject.index.chunks(1)
    subject.delete(1)
    subject.put(3)
    assert [unpack_ids(ids) for ids, _ in chunks] == [[one] for one in sorted([image_id(1), image_id(2)])]
