"""The nearest of what an engine returns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from simd.index.engine.candidates import Candidate, nearest
from simd.types import Vector
from simd.vectors.metric import distances
from tests.stores import image_id, unit


class Engine:
    """Returns the nearest it has, in an order and with rounding of its own, at most `recall` of them."""

    def __init__(self, vectors: Sequence[Vector], recall: int = 1_000_000) -> None:
        self.vectors = vectors
        self.recall = recall
        self.asked: list[tuple[int, int]] = []

    def ask(self, queries: Vector, number: int) -> list[list[Candidate]]:
        self.asked.append((len(queries), number))
        return [self.answer(query)[: min(number, self.recall)] for query in queries]

    def answer(self, query: Vector) -> list[Candidate]:
        squared = distances(query, np.stack(self.vectors)) ** 2
        noise = np.random.default_rng(1).uniform(-2e-6, 2e-6, len(squared))
        found = [
            Candidate("attic", image_id(number), vector, float(squared[number] + noise[number]), "")
            for number, vector in enumerate(self.vectors)
        ]
        return sorted(found, key=lambda candidate: candidate.squared)


def ids(found: Sequence[tuple[float, Candidate]]) -> list[bytes]:
    return [bytes(candidate.image_id) for _, candidate in found]


def test_the_order_is_by_distance_and_then_by_image() -> None:
    engine = Engine([unit(7)] * 300 + [unit(n) for n in range(100, 150)])
    [answer] = nearest(unit(7)[None], 20, engine.ask, most=1000)
    assert ids(answer.found) == sorted(image_id(n) for n in range(300))[:20]
    assert [distance for distance, _ in answer.found] == [0.0] * 20
    assert answer.settled


def test_no_more_is_asked_for_than_ties_take() -> None:
    engine = Engine([unit(n) for n in range(500)])
    answers = nearest(np.stack([unit(n) for n in range(8)]), 5, engine.ask, most=1000)
    assert all(answer.settled and len(answer.found) == 5 for answer in answers)
    assert engine.asked == [(8, 21)]


def test_only_queries_with_ties_are_asked_again() -> None:
    engine = Engine([unit(7)] * 50 + [unit(n) for n in range(100, 200)])
    answers = nearest(np.stack([unit(100), unit(7), unit(101)]), 5, engine.ask, most=1000)
    assert engine.asked == [(3, 21), (1, 84)]
    assert [len(answer.found) for answer in answers] == [5, 5, 5]
    assert ids(answers[2].found)[0] == image_id(51)


def test_ties_beyond_what_can_be_asked_for_are_not_settled() -> None:
    engine = Engine([unit(7)] * 100)
    [answer] = nearest(unit(7)[None], 5, engine.ask, most=64)
    assert not answer.settled and len(answer.found) == 5
    [answer] = nearest(unit(7)[None], 5, engine.ask, most=128)
    assert answer.settled


def test_an_engine_that_has_no_more_is_believed() -> None:
    engine = Engine([unit(n) for n in range(100)], recall=3)
    [answer] = nearest(unit(1)[None], 50, engine.ask, most=1000)
    assert (len(answer.found), answer.settled, len(engine.asked)) == (3, True, 1)
    [answer] = nearest(unit(1)[None], 5, lambda queries, number: [[] for _ in queries], most=1000)
    assert (answer.found, answer.settled) == ([], True)
    assert nearest(unit(1)[None][:0], 5, engine.ask, most=1000) == []


@pytest.mark.parametrize("place", [0, 7, 60])
def test_within_a_radius_are_all_that_are_no_further(place: int) -> None:
    engine = Engine([unit(n) for n in range(100)])
    apart = np.sort(distances(unit(5), np.stack(engine.vectors)))
    [answer] = nearest(unit(5)[None], 100, engine.ask, most=1000, radius=float(apart[place]))
    assert [distance for distance, _ in answer.found] == apart[: place + 1].tolist()
    assert answer.settled
