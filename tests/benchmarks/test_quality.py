"""The figures of the table of quality, on answers whose figures can be told without a computer."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.answers import Answers, Verdicts

ABSENT = 500


def verdicts(*asked: tuple[int, str, list[float]], offset: list[float] | None = None) -> Verdicts:
    """Of each query its picture, its answers ("r" is right, "w" wrong) and how alike they are."""
    pictures = np.array([picture for picture, _, _ in asked])
    right = np.array([[answer == "r" for answer in answers] for _, answers, _ in asked])
    similarity = np.array([values for _, _, values in asked], np.float32)
    shift = None if offset is None else np.array(offset, np.float32)
    answers = Answers(pictures, np.zeros(len(asked), np.int64), np.zeros(right.shape, np.int64), similarity, shift)
    return Verdicts(answers, right, pictures < ABSENT)


def everyone(of: Verdicts) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(of.present), np.bool_)


def test_recall_is_of_the_queries_that_have_a_right_answer() -> None:
    found = verdicts((0, "rw", [0.9, 0.8]), (1, "wr", [0.9, 0.8]), (ABSENT, "ww", [0.9, 0.8]))
    assert found.recall(everyone(found), 1) == 0.5
    assert found.recall(everyone(found), 2) == 1.0


def test_copies_that_are_all_more_alike_than_anything_else_have_a_precision_of_one() -> None:
    found = verdicts((0, "rw", [0.9, 0.3]), (1, "rw", [0.8, 0.4]), (ABSENT, "ww", [0.5, 0.2]))
    assert found.precision(everyone(found)) == (1.0, 1.0)


def test_a_wrong_answer_counts_against_every_copy_below_it() -> None:
    found = verdicts((0, "rw", [0.9, 0.3]), (1, "rw", [0.6, 0.4]), (ABSENT, "ww", [0.7, 0.2]))
    muap, sure = found.precision(everyone(found))
    assert muap == pytest.approx((1 + 2 / 3) / 2)
    assert sure == 0.5


def test_of_equally_alike_answers_the_wrong_one_comes_first() -> None:
    found = verdicts((0, "rw", [0.7, 0.3]), (ABSENT, "ww", [0.7, 0.2]))
    assert found.precision(everyone(found)) == (0.5, 0.0)


def test_a_copy_that_is_not_among_the_answers_is_a_miss() -> None:
    found = verdicts((0, "rw", [0.7, 0.3]), (1, "ww", [0.2, 0.1]))
    assert found.precision(everyone(found)) == (0.5, 0.5)


def test_several_right_answers_count_once() -> None:
    found = verdicts((0, "rr", [0.7, 0.6]), (1, "rw", [0.5, 0.1]))
    assert found.precision(everyone(found)) == (1.0, 1.0)


def test_a_query_that_is_like_everything_is_believed_less() -> None:
    found = verdicts((0, "rw", [0.8, 0.3]), (ABSENT, "ww", [0.9, 0.2]), offset=[0.1, 0.5])
    assert found.precision(everyone(found))[0] == 0.5
    assert found.precision(everyone(found), normalised=True)[0] == 1.0


def test_the_interval_comes_from_pictures_and_not_from_their_copies() -> None:
    """Ten pictures, one of which is never found, tell as much with one copy each as with fifty."""
    few, many = (
        verdicts(*((picture, "rw" if picture else "wr", [0.9, 0.1]) for picture in range(10) for _ in range(copies)))
        for copies in (1, 50)
    )
    assert many.interval(everyone(many)) == few.interval(everyone(few))
    low, high = few.interval(everyone(few))
    assert low < 0.9 < high
