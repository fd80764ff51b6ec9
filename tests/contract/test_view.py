"""A view of an index stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simd.errors import CorruptStore
from simd.index.base import View
from simd.index.filter import Filter
from simd.index.local import LocalIndex
from simd.index.view import LocalView
from simd.vectors.ids import pack_ids
from tests.contract.subjects import Subject
from tests.serving.doubles import damage_a_segment
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, Clock, embeddings, image_id, opened, unit

QUERIES = np.stack([unit(3), unit(1000)])


def answers(view: View) -> list[object]:
    """Everything that can be asked."""
    return [
        view.search(QUERIES, 9, exact=True),
        view.search(QUERIES, 200, among=Filter(any_of=pack_ids([image_id(n) for n in range(40)])), exact=True),
        view.within(QUERIES, 1.4, limit=500),
        {one: None if (vector := view.vector(one)) is None else vector.tobytes() for one in map(image_id, range(150))},
        sorted(view.ids()),
        [(ids.tobytes(), vectors.tobytes()) for ids, vectors in view.chunks(30)],
        len(view),
        view.dimension,
    ]


def test_a_view_answers_what_the_index_answered(subject: Subject) -> None:
    subject.put(*range(100))
    subject.put(3, 4, version=1)
    subject.delete(7, 8)
    with subject.index.view() as view:
        assert view.search(QUERIES, 9, exact=True) == subject.index.search(QUERIES, 9, exact=True)
        assert view.within(QUERIES, 1.4, limit=500) == subject.index.within(QUERIES, 1.4, limit=500)
        assert set(view.ids()) == set(subject.index.ids()) and len(view) == len(subject.index) == 98
        assert view.vector(image_id(7)) is None
        assert np.array_equal(view.vector(image_id(3)), unit(3, 1))  # type: ignore[arg-type]


def test_a_view_stays_as_it_is_whatever_becomes_of_the_index(subject: Subject) -> None:
    subject.put(*range(100))
    subject.delete(1)
    view = subject.index.view()
    before = answers(view)
    subject.delete(*range(2, 60))
    subject.put(*range(3, 10), *range(100, 150), version=1)
    subject.index.compact()
    assert answers(view) == before
    with subject.index.view() as after:
        assert answers(after) != before
    assert answers(view) == before


def test_a_view_outlives_its_index_and_compaction_goes_on_beside_it(tmp_path: Path) -> None:
    clock = Clock()
    index = LocalIndex.open(tmp_path, DIMENSION, FINGERPRINT, options=OPTIONS, clock=clock)
    for start in (0, 50):
        index.put(embeddings(*range(start, start + 50)))
        index.flush()
    view = index.view()
    before = answers(view)
    index.delete([image_id(n) for n in range(50)])
    clock.advance(OPTIONS.grace_ms + 1)
    index.compact()
    assert (index.stats().vectors, index.stats().dead, index.stats().details["segments"]) == (50, 0, 1)
    index.close()
    assert answers(view) == before


def test_a_closed_view_is_refused(subject: Subject) -> None:
    subject.put(1)
    view = subject.index.view()
    view.close()
    view.close()
    asked: list[Callable[[], object]] = [
        lambda: view.search(QUERIES, 1),
        lambda: view.within(QUERIES, 1, limit=1),
        lambda: view.vector(image_id(1)),
        lambda: view.chunks(),
        lambda: view.ids(),
        lambda: len(view),
    ]
    for ask in asked:
        with pytest.raises(ValueError, match="closed"):
            ask()


def test_a_view_is_refused_once_damage_is_found(tmp_path: Path) -> None:
    index = LocalIndex.open(tmp_path, DIMENSION, FINGERPRINT, options=OPTIONS)
    index.put(embeddings(*range(30)))
    index.flush()
    view = index.view()
    damage_a_segment(tmp_path)
    assert index.check() != []
    asked: list[Callable[[], object]] = [
        lambda: view.search(QUERIES, 1),
        lambda: view.within(QUERIES, 1, limit=1),
        lambda: view.vector(image_id(1)),
        lambda: view.chunks(),
    ]
    for ask in asked:
        with pytest.raises(CorruptStore):
            ask()
    assert len(view) == 30 and len(list(view.ids())) == 30
    index.close()


def test_a_view_counts_each_vector_that_it_reads(tmp_path: Path) -> None:
    """So that the memory which reading makes resident is given back, one vector at a time as well."""
    read = []
    with opened(tmp_path) as store:
        store.put(embeddings(*range(30)))
        view = LocalView(store.snapshot, store.raise_damage, map, lambda snapshot, rows: read.append(rows))
        view.vector(image_id(3))
        assert read == [1]
        assert sum(len(ids) for ids, _ in view.chunks()) == sum(read[1:]) == 30
        view.close()
