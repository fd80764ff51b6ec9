"""Icons are small pictures of any stretched one, without its shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simd.derived.icon import ICON_BYTES, ICON_SIDE, icon_of, icon_pixels
from simd.types import Pixels


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def test_a_pixel_is_the_mean_of_its_box() -> None:
    pixels = noise(224, 224)
    icon = icon_pixels(icon_of(pixels))
    assert icon is not None
    for row, column in ((0, 0), (31, 31), (7, 20)):
        box = pixels[row * 7 : row * 7 + 7, column * 7 : column * 7 + 7].astype(float).mean((0, 1))
        assert np.abs(icon[row, column] - box).max() <= 0.51


@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 255))
def test_any_size_gives_an_icon_and_one_colour_stays_that(height: int, width: int, value: int) -> None:
    data = icon_of(np.full((height, width, 3), value, np.uint8))
    assert data == bytes([value]) * ICON_BYTES


def test_an_icon_shows_the_whole_picture() -> None:
    pixels = np.zeros((299, 160, 3), np.uint8)
    pixels[150:, :] = 200
    pixels[:, 80:, 1] += 50
    icon = icon_pixels(icon_of(pixels))
    assert icon is not None
    assert icon[3, 3].tolist() == [0, 0, 0] and icon[-3, 3].tolist() == [200, 200, 200]
    assert icon[-3, -3].tolist() == [200, 250, 200] and icon.shape == (ICON_SIDE, ICON_SIDE, 3)


@pytest.mark.parametrize("data", [b"", bytes(ICON_BYTES - 1)])
def test_other_bytes_are_no_icon(data: bytes) -> None:
    assert icon_pixels(data) is None
