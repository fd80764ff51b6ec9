"""One suite for every index: what `simd.index.base` promises of stores. What it promises of searchers is
tried in `test_searcher.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simd.errors import InvalidRequest
from simd.index.base import Index
from simd.index.local import LocalIndex
from simd.types import Embedding, ImageId, Vector
from simd.vectors.ids import unpack_ids
from simd.vectors.metric import half, normalise
from tests.contract.subjects import Subject
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, embedding, image_id, unit


def search(index: Index, query: Vector, k: int) -> list[ImageId]:
    (answer,) = index.search(query[None], k)
    return [hit.image_id for hit in answer.hits]


def test_an_empty_index_answers_with_nothing(subject: Subject) -> None:
    (answer,) = subject.index.search(unit(1)[None], 5)
    assert (answer.hits, answer.searched, answer.exact) == ([], 0, True)
    assert len(subject.index) == 0
    assert list(subject.index.ids()) == []
    assert subject.index.vector(image_id(1), deleted=True) is None
    assert subject.index.delete([image_id(1)]) == 0
    assert not subject.index.contains(image_id(1))
    subject.index.put([])
    assert subject.index.dimension == DIMENSION


def test_what_is_put_is_what_is_stored(subject: Subject) -> None:
    vector = normalise(np.random.default_rng(5).normal(size=DIMENSION))
    subject.index.put([Embedding(image_id(1), vector)])
    assert np.array_equal(subject.index.vector(image_id(1)), half(vector))  # type: ignore[arg-type]


def test_what_is_listed_and_counted_is_what_is_live(subject: Subject) -> None:
    subject.put(*range(150))
    subject.put(*range(0, 150, 5), version=1)
    subject.delete(*range(0, 150, 7))
    live = {image_id(n) for n in range(150) if n % 7}
    assert set(subject.index.ids()) == live
    assert len(subject.index) == len(live)


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


def test_a_batch_with_what_is_not_a_vector_changes_nothing(subject: Subject) -> None:
    subject.put(1)
    with pytest.raises(InvalidRequest):
        subject.index.put([embedding(2), Embedding(image_id(3), np.ones(DIMENSION, np.float32))])
    assert list(subject.index.ids()) == [image_id(1)]


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
