from __future__ import annotations

import numpy as np
import pytest

from simd.vectors.levels import fine_dims, fit_levels
from simd.vectors.quantizer import Axes
from tests.vectors.test_quantizer import rows


def axes(variances: np.ndarray) -> Axes:
    count = len(variances)
    return Axes(np.zeros(count, np.float32), np.eye(count, dtype=np.float32), variances.astype(np.float64))


def test_fine_codes_follow_coarse_ones_of_the_same_rotation() -> None:
    coarse, fine = fit_levels(rows(0, 300, 64), 16)
    assert (coarse.dims, fine.dims) == (16, 64) and fine.is_whole and not coarse.is_whole
    assert np.array_equal(coarse.components, fine.components[:15]) and np.array_equal(coarse.mean, fine.mean)


@pytest.mark.parametrize("dims", [32, 40])
def test_coarse_codes_as_long_as_the_vectors_need_no_finer_ones(dims: int) -> None:
    (only,) = fit_levels(rows(1, 300, 32), dims)
    assert only.is_whole and only.dims == 32


def test_fine_codes_of_wide_vectors_are_as_long_as_the_spectrum_asks() -> None:
    def left_by(decay: float) -> int:
        return fine_dims(axes(np.arange(1, 1281) ** -decay))

    assert fine_dims(axes(np.ones(512))) == 512
    assert left_by(0.1) == 512
    assert left_by(4.0) == 256
    assert 256 < left_by(1.6) < 512 and left_by(1.6) % 64 == 0
    assert fine_dims(axes(np.zeros(1280))) == 256
