from __future__ import annotations

import numpy as np
import pytest

from simd.errors import InvalidRequest
from simd.vectors.metric import check_vectors, distances, half, normalise, widen


def test_widen_is_exact_for_every_finite_float16() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    assert np.array_equal(widen(finite), finite.astype(np.float32))
    assert np.array_equal(np.signbit(widen(finite)), np.signbit(finite))


def test_widen_takes_rows_that_do_not_lie_together() -> None:
    rows = np.arange(12, dtype=np.float16).reshape(3, 4)[:, ::2]
    assert np.array_equal(widen(rows), rows.astype(np.float32))


def test_half_rounds_as_numpy_does() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    exact = np.sort(every[np.isfinite(every)].astype(np.float32))
    middles = (exact[:-1] + exact[1:]) / 2
    beside = [np.nextafter(middles, np.float32(way), dtype=np.float32) for way in (-np.inf, np.inf)]
    random = np.random.default_rng(0)
    anywhere = random.normal(size=100_000) * 2.0 ** random.integers(-30, 10, 100_000)
    x = np.concatenate([exact, middles, *beside, anywhere.astype(np.float32)])
    assert np.array_equal(half(x), x.astype(np.float16).astype(np.float32))


def test_half_takes_rows_that_do_not_lie_together() -> None:
    rows = normalise(np.random.default_rng(3).normal(size=(3, 8)))[:, ::2]
    assert np.array_equal(half(rows), rows.astype(np.float16).astype(np.float32))


def test_normalise_gives_unit_float32_and_leaves_zero_alone() -> None:
    x = normalise(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert x.dtype == np.float32
    assert x.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]


def test_equal_vectors_are_exactly_zero_apart() -> None:
    rows = half(normalise(np.random.default_rng(0).normal(size=(50, 1280))))
    for number in range(50):
        assert distances(rows[number], rows)[number] == 0.0
        assert distances(rows[number], rows.astype(np.float16))[number] == 0.0


def test_a_distance_does_not_depend_on_its_neighbours() -> None:
    rows = half(normalise(np.random.default_rng(1).normal(size=(33, 1280))))
    together = distances(rows[0], rows)
    alone = np.concatenate([distances(rows[0], rows[i : i + 1]) for i in range(33)])
    assert np.array_equal(together, alone)


def test_distances_leave_their_arguments_alone() -> None:
    rows = half(normalise(np.random.default_rng(1).normal(size=(3, 8))))
    before = rows.copy()
    distances(rows[0], rows)
    assert np.array_equal(rows, before)


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros((1, 4), np.float32),
        np.full((1, 4), np.nan, np.float32),
        np.array([[np.inf, 0, 0, 0]], np.float32),
        np.full((1, 4), 0.51, np.float32),
        np.ones((1, 3), np.float32) / 3**0.5,
        np.ones(4, np.float32) / 2,
        np.array([[1, 0, 0, 0]]),
    ],
    ids=["zero", "nan", "inf", "not normalised", "wrong dimension", "one-dimensional", "integers"],
)
def test_what_is_not_a_vector_is_refused(vectors: np.ndarray) -> None:
    with pytest.raises(InvalidRequest):
        check_vectors(vectors, 4)


def test_rounded_unit_vectors_are_accepted() -> None:
    check_vectors(half(normalise(np.random.default_rng(2).normal(size=(100, 1280)))), 1280)
    check_vectors(np.empty((0, 7), np.float32), 7)
