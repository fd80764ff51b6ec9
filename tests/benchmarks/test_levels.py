"""The levels of a model, on pairs whose thresholds can be told without a computer."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.levels import Pairs, least, levels

ALONE = float("nan")


def pairs(*asked: tuple[float, float], photograph: bool = True, trained: bool = True) -> Pairs:
    """Of each query how alike its right pair and its best wrong answer are; `ALONE` has no right one."""
    right, wrong = np.array(asked).T
    count = len(asked)
    worse = np.sort(np.column_stack([wrong, np.full((count, 19), -1.0)]), axis=1)
    kinds = np.full(count, photograph), np.full(count, trained)
    return Pairs(np.arange(count), *kinds, right, worse, np.zeros(count), np.zeros(count))


def both(one: Pairs, other: Pairs) -> Pairs:
    return Pairs(**{name: np.concatenate([vars(one)[name], vars(other)[name]]) for name in vars(one)})


def test_precision_is_of_all_that_reaches_a_threshold_and_recall_of_the_right_pairs() -> None:
    found = pairs((0.9, 0.6), (0.7, 0.2), (ALONE, 0.8))
    assert (found.precision(0.75), found.recall(0.75), found.wrong_above(0.75)) == (0.5, 0.5, 1)
    assert (found.precision(0.5), found.recall(0.5), found.wrong_above(0.5)) == (0.5, 1.0, 2)
    assert (found.precision(0.95), found.recall(0.95)) == (1.0, 0.0)


def test_the_least_threshold_is_just_above_the_wrong_answers_that_spoil_it() -> None:
    assert least(pairs((0.9, 0.61), (0.7, 0.2), (0.65, 0.1)), 0.99) == 0.62
    assert least(pairs((0.9, 0.95)), 0.99) == 1.0


def test_the_strict_levels_come_from_photographs_and_the_last_one_from_both_parts() -> None:
    photographs = pairs((0.9, 0.8), (0.85, 0.3), (0.5, 0.2))
    drawings = pairs((0.95, 0.9), (0.4, 0.9), photograph=False)
    strange = pairs((0.1, 0.0), trained=False)
    found = levels(both(both(photographs, drawings), strange))
    assert (found["same"], found["near"]) == (0.81, 0.81)
    assert found["similar"] == pytest.approx(0.4)


def test_a_query_that_is_like_everything_is_believed_less() -> None:
    found = pairs((0.8, 0.5), (ALONE, 0.9))
    like_everything = Pairs(**{**vars(found), "offset": np.array([0.1, 0.5])})
    assert found.precision(0.6) == 0.5 and like_everything.normalised().precision(0.6) == 1.0


def test_the_interval_holds_the_precision() -> None:
    found = pairs(*((0.9, 0.95 if n == 0 else 0.1) for n in range(20)))
    low, high = found.interval(0.5)
    assert low < found.precision(0.5) < high
