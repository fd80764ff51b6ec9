"""Pools to choose pictures to label from, and what a choice is worth."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.choosing import ROUNDS, Ours
from benchmarks.labelled import Labelled
from benchmarks.learning import score
from benchmarks.pools import KINDS, pool
from simd.insight.suggest.suggestion import Strategy
from simd.vectors.metric import normalise

LEAST, CLASSES, EACH, COPIES = 12, 4, 60, 3


@pytest.fixture(scope="module")
def pictures() -> Labelled:
    """Four classes far from each other; a fifth of their pictures has copies."""
    chance = np.random.default_rng(0)
    classes = np.repeat(np.arange(CLASSES), EACH)
    own = np.arange(len(classes))
    original = np.concatenate([own, np.repeat(own[::5], COPIES)])
    vectors = np.eye(CLASSES, 16)[classes] + 0.1 * chance.standard_normal((len(classes), 16))
    of_copies = vectors[original[len(own) :]]
    return Labelled(
        name="drawn",
        vectors=normalise(np.concatenate([vectors, of_copies])),
        classes=classes[original],
        original=original,
        same=np.stack([original[len(own) :], np.arange(len(own), len(original))], axis=1),
        least=LEAST,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_draws_the_same_pool_and_tests_that_are_in_no_pool(pictures: Labelled, kind: str) -> None:
    one, again, other = pool(pictures, kind, 1), pool(pictures, kind, 1), pool(pictures, kind, 2)
    assert np.array_equal(one.vectors, again.vectors)
    assert not np.array_equal(one.vectors, other.vectors)
    assert one.number == CLASSES
    assert (one.vectors @ one.tests.T).max() < 1 - 1e-6


def test_kinds_differ_by_how_many_pictures_a_class_has(pictures: Labelled) -> None:
    balanced, tailed, copied = (pool(pictures, kind, 1) for kind in KINDS)
    assert np.bincount(balanced.classes).tolist() == [8] * CLASSES
    assert sorted(np.bincount(tailed.classes).tolist()) == [2, 2, 6, 24]
    planted = len(copied.original) - len(np.unique(copied.original))
    assert 0 < planted <= round(0.3 / 0.7 * 8 * CLASSES)
    assert (copied.original[copied.same[:, 0]] == copied.original[copied.same[:, 1]]).all()


def test_a_choice_with_every_class_is_right_and_one_without_is_wrong_about_it(pictures: Labelled) -> None:
    drawn = pool(pictures, "copies", 1)
    _, one_of_each = np.unique(drawn.classes, return_index=True)
    whole, part = score(drawn, one_of_each), score(drawn, one_of_each[:2])
    assert (whole.nearest, whole.head, whole.classes, whole.wasted) == (1, 1, 1, 0)
    assert (part.nearest, part.classes) == (0.5, 0.5)
    assert part.radius > whole.radius


def test_a_copy_of_what_is_chosen_is_wasted(pictures: Labelled) -> None:
    drawn = pool(pictures, "copies", 1)
    assert score(drawn, drawn.same[0]).wasted == 1


@pytest.mark.parametrize("strategy", [Strategy.COVERAGE, Strategy.UNCERTAIN, Strategy.DIVERSE])
def test_ours_chooses_each_picture_once_whatever_its_copies(pictures: Labelled, strategy: Strategy) -> None:
    drawn = pool(pictures, "copies", 1)
    [rows] = Ours(strategy, None).choose([drawn])
    assert len(np.unique(rows)) == len(rows) == ROUNDS * CLASSES
    found = score(drawn, rows)
    assert (found.classes, found.wasted) == (1, 0)
