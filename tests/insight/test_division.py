"""A split keeps what belongs together, and each label close to its shares."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simd.cancelled import Cancelled
from simd.errors import Abandoned
from simd.insight.labels.division import Division, Unit, divide

SHARES = (0.8, 0.1, 0.1)


def units_of(files: list[list[set[int]]]) -> list[Unit]:
    """Pictures, each with the labels of its files."""
    return [Unit(len(one), Counter(label for labels in one for label in labels)) for one in files if one]


def divided(units: list[Unit], labels: int, shares: tuple[float, ...] = SHARES) -> Division:
    return divide(units, labels, shares, lambda: None)


def worst(division: Division) -> float:
    """The greatest distance of a label from its share, beyond one file, as a part of its files."""
    return max(
        (
            max(0.0, abs(got - wanted) - 1) / sum(gots)
            for gots, wants in zip(division.got, division.wanted, strict=True)
            for got, wanted in zip(gots, wants, strict=True)
            if sum(gots)
        ),
        default=0.0,
    )


@given(
    st.lists(st.lists(st.sets(st.integers(1, 5), max_size=3).map(lambda s: s | {0}), min_size=1, max_size=4)),
    st.sampled_from([(0.5, 0.5), SHARES, (0.7, 0.15, 0.15)]),
)
def test_every_unit_is_on_one_side_and_the_counts_are_true(
    files: list[list[set[int]]], shares: tuple[float, ...]
) -> None:
    units = units_of(files)
    division = divided(units, 6, shares)
    assert len(division.sides) == len(units) and set(division.sides) <= set(range(len(shares)))
    for label in range(6):
        got = [0] * len(shares)
        for unit, side in zip(units, division.sides, strict=True):
            got[side] += unit.weights.get(label, 0)
        assert division.got[label] == got
        assert sum(division.wanted[label]) == pytest.approx(sum(got))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=8))
@example([303, 304])
def test_single_files_of_one_label_each_are_within_two_files_of_their_shares(counts: list[int]) -> None:
    units = [Unit(1, {label: 1, 0: 1}) for label, count in enumerate(counts, 1) for _ in range(count)]
    division = divided(units, len(counts) + 1)
    # Each label alone could be within one, and then all files together would not.
    for got, wanted in zip(division.got, division.wanted, strict=True):
        assert all(abs(one - other) < 2 for one, other in zip(got, wanted, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_pictures_with_several_labels_and_copies_are_within_a_hundredth(seed: int) -> None:
    chance = random.Random(seed)
    common = [1 / (1 + label) for label in range(30)]
    files = [
        [
            {0, *chance.choices(range(1, 31), common, k=chance.randint(1, 4))}
            for _ in range(chance.choice([1, 1, 1, 3, 6]))
        ]
        for _ in range(3000)
    ]
    assert worst(divided(units_of(files), 31)) < 0.01


def test_many_rare_labels_do_not_all_leave_the_same_side_empty() -> None:
    units = [Unit(1, {label: 1, 0: 1}) for label in range(1, 201) for _ in range(5)]
    division = divided(units, 201, (0.8, 0.15, 0.05))
    assert [Counter(division.sides)[side] for side in range(3)] == pytest.approx([800, 150, 50], abs=10)


def test_a_picture_of_most_files_goes_to_the_greatest_share_and_the_rest_evens_it_out() -> None:
    units = [Unit(1, {0: 1}) for _ in range(40)] + [Unit(60, {0: 60})]
    division = divided(units, 1)
    assert division.sides[-1] == 0 and division.got[0] == [80, 10, 10]


def test_equal_units_go_in_their_order() -> None:
    units = [Unit(1, {0: 1, 1: 1}) for _ in range(100)]
    assert divided(units, 2).sides == divided(list(reversed(units)), 2).sides


def test_it_ends_when_nobody_waits() -> None:
    cancelled = Cancelled()
    cancelled.set()
    with pytest.raises(Abandoned):
        divide([Unit(1, {0: 1})], 1, SHARES, cancelled.check)
