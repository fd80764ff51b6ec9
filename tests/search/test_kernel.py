from __future__ import annotations

import numpy as np
import pytest

from simd.search.kernel import Kernel
from simd.types import Vector

# What FAISS does with a code depends on its length: whole blocks of 32 are compared as whole numbers.
LENGTHS = [1, 16, 32, 48, 128, 512]


def codes_and_query(length: int) -> tuple[np.ndarray, Vector, np.ndarray]:
    random = np.random.default_rng(length)
    codes = random.integers(1, 256, (300, length)).astype(np.uint8)
    query = random.integers(-127, 128, length).astype(np.float32)
    return codes, query, ((codes.astype(np.float64) - 128 - query) ** 2).sum(axis=1)


@pytest.mark.parametrize("length", LENGTHS)
def test_codes_are_as_far_from_a_query_of_whole_numbers_as_they_are(length: int) -> None:
    codes, query, expected = codes_and_query(length)
    squares, rows = Kernel(codes).nearest(query, 300)
    assert sorted(rows.tolist()) == list(range(300))
    assert squares == pytest.approx(expected[rows], rel=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_nearest_are_those_of_the_smallest_distances_that_are_allowed(length: int) -> None:
    codes, query, expected = codes_and_query(length)
    squares, _ = Kernel(codes).nearest(query, 20)
    assert sorted(squares.tolist()) == pytest.approx(np.sort(expected)[:20], rel=1e-6)
    mask = np.random.default_rng(0).random(300) < 0.3
    squares, rows = Kernel(codes).nearest(query, 20, np.packbits(mask, bitorder="little"))
    assert mask[rows].all()
    assert sorted(squares.tolist()) == pytest.approx(np.sort(expected[mask])[:20], rel=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_within_a_distance_is_what_is_no_further_and_what_is_at_it(length: int) -> None:
    codes, query, expected = codes_and_query(length)
    for number in (0, 1, 37, 299):
        reach = float(np.sqrt(np.sort(expected)[number]))
        squares, rows = Kernel(codes).within(query, reach)
        assert set(rows.tolist()) == set(np.flatnonzero(expected <= reach * reach * (1 + 1e-6)).tolist())
        assert squares == pytest.approx(expected[rows], rel=1e-6)


def test_vectors_are_compared_as_they_are() -> None:
    random = np.random.default_rng(0)
    vectors, query = random.normal(size=(200, 48)).astype(np.float16), random.normal(size=48).astype(np.float32)
    expected = ((vectors.astype(np.float64) - query) ** 2).sum(axis=1)
    squares, rows = Kernel(vectors).nearest(query, 200)
    assert squares == pytest.approx(expected[rows], rel=1e-5)


def test_no_row_within_a_distance_is_no_row() -> None:
    codes, query, expected = codes_and_query(32)
    squares, rows = Kernel(codes).within(query, float(np.sqrt(expected.min())) / 2)
    assert squares.size == rows.size == 0
