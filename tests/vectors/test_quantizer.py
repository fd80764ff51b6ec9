from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.types import Vector
from simd.vectors.metric import distances, half, normalise
from simd.vectors.quantizer import OFFSET, SLACK, Quantizer


def rows(seed: int, count: int, dimension: int, decay: float = 0.5) -> Vector:
    spectrum = np.arange(1, dimension + 1) ** -decay
    return half(normalise(np.random.default_rng(seed).normal(size=(count, dimension)) * spectrum))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    dimension=st.sampled_from([1, 2, 8, 33, 96]),
    dims=st.sampled_from([1, 2, 8, 32, 200]),
    decay=st.sampled_from([0.0, 0.7, 3.0]),
    shift=st.floats(0, 3),
)
def test_the_code_distance_is_a_lower_bound(seed: int, dimension: int, dims: int, decay: float, shift: float) -> None:
    quantizer = Quantizer.fit(rows(seed, 50, dimension, decay), dims)
    # Rows unlike the sample: the bound must hold for what the quantizer was not trained on, clipped or not.
    other = half(normalise(rows(seed + 1, 60, dimension, 0.0) + np.float32(shift)))
    codes, error = quantizer.encode(other)
    error += SLACK
    for query in other[:5]:
        apart = np.linalg.norm(quantizer.project(query[None]) - (codes.astype(np.float32) - OFFSET), axis=1)
        assert (distances(query, other) >= (apart - error) / quantizer.scale).all()


def test_codes_are_excess_128_and_symmetric() -> None:
    sample = rows(0, 500, 64)
    codes, _ = Quantizer.fit(sample, 16).encode(sample)
    assert codes.dtype == np.uint8 and codes.shape == (500, 16)
    assert codes.min() >= 1


def test_few_coordinates_are_clipped_and_the_range_is_used() -> None:
    sample = rows(1, 4000, 128)
    codes, _ = Quantizer.fit(sample, 32).encode(sample)
    at_the_edge = np.mean((codes == 1) | (codes == 255))
    assert 0 < at_the_edge < 0.002


def test_rounding_moves_a_row_by_at_most_half_a_unit_a_coordinate() -> None:
    sample = rows(2, 300, 64)
    quantizer = Quantizer.fit(sample, 16)
    assert 0 < quantizer.encode(sample)[1] <= 0.5 * 16**0.5 + 1e-3
    assert quantizer.encode(sample[:0])[1] == 0.0


def test_equal_samples_give_equal_quantizers_and_others_another_id() -> None:
    sample = rows(3, 300, 64)
    one, two = Quantizer.fit(sample, 16), Quantizer.fit(sample.copy(), 16)
    assert one.quantizer_id == two.quantizer_id
    assert one.quantizer_id != Quantizer.fit(rows(4, 300, 64), 16).quantizer_id


@pytest.mark.parametrize("count", [1, 2, 10])
def test_a_sample_smaller_than_the_code_is_enough(count: int) -> None:
    sample = rows(5, count, 64)
    quantizer = Quantizer.fit(sample, 32)
    assert quantizer.dims == 32
    assert np.allclose(quantizer.components @ quantizer.components.T, np.eye(31), atol=1e-5)
    assert np.isfinite(quantizer.project(sample)).all()


def test_codes_as_long_as_the_vectors_leave_nothing_out() -> None:
    sample = rows(6, 300, 24)
    quantizer = Quantizer.fit(sample, 24)
    assert quantizer.is_whole and quantizer.dims == 24
    codes, error = quantizer.encode(sample)
    apart = np.linalg.norm(quantizer.project(sample[:1]) - (codes.astype(np.float32) - OFFSET), axis=1)
    near = distances(sample[0], sample) < 0.5
    assert np.abs(apart / quantizer.scale - distances(sample[0], sample))[near].max() <= error / quantizer.scale + 1e-4
