"""A large picture is narrowed band by band, and nobody can tell by the result."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simd.featurize.decode.pixels import model_input

WHOLE = 1 << 40
SIZE = (24, 32)


def drawn(mode: str, width: int, height: int, seed: int) -> Image.Image:
    """Noise in a mode: what resizing does to it shows in every pixel."""
    random = np.random.default_rng(seed)
    if mode in ("I", "F"):
        values = random.integers(-1000, 100_000, (height, width))
        return Image.fromarray(values.astype(np.int32 if mode == "I" else np.float32))
    if mode == "I;16":
        return Image.fromarray(random.integers(0, 1 << 16, (height, width), dtype=np.uint16))
    rgba = Image.fromarray(random.integers(0, 256, (height, width, 4), dtype=np.uint8), "RGBA")
    if mode == "opaque":
        rgba.putalpha(255)
        return rgba
    if mode == "palette":
        return rgba.convert("RGB").quantize(30)
    if mode == "key":
        image = rgba.convert("RGB").quantize(8).convert("RGB")
        image.info["transparency"] = image.getpixel((0, 0))
        return image
    return rgba.convert(mode)


MODES = ["1", "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F", "opaque", "palette", "key"]


@settings(max_examples=150, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    band=st.integers(1, 30_000),
    orientation=st.integers(0, 9),
    seed=st.integers(0, 99),
)
def test_bands_change_no_pixel(mode: str, width: int, height: int, band: int, orientation: int, seed: int) -> None:
    image = drawn(mode, width, height, seed)
    assert np.array_equal(model_input(image, SIZE, orientation, band), model_input(image, SIZE, orientation, WHOLE)), (
        "the bands of `_reduced` are joined otherwise than Pillow reduces a picture in one call"
    )


@settings(max_examples=100, deadline=None)
@given(
    mode=st.sampled_from(["1", "L", "RGB", "YCbCr", "CMYK", "opaque", "palette"]),
    width=st.integers(1, 600),
    height=st.integers(1, 600),
    seed=st.integers(0, 99),
)
def test_a_picture_is_resized_as_pillow_does_it_in_one_call(mode: str, width: int, height: int, seed: int) -> None:
    image = drawn(mode, width, height, seed)
    plain = image if mode in ("L", "CMYK") else image.convert("L" if mode == "1" else "RGB")
    expected = plain.resize(SIZE[::-1], Image.Resampling.BICUBIC, reducing_gap=2.0).convert("RGB")
    assert np.array_equal(model_input(image, SIZE, 1, 5000), np.asarray(expected))


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_the_models_size_is_not_resized(mode: str) -> None:
    image = drawn(mode, SIZE[1], SIZE[0], 1)
    assert np.array_equal(model_input(image, SIZE, 1, 64), model_input(image, SIZE, 1, WHOLE))


def test_an_alpha_channel_that_says_nothing_changes_nothing() -> None:
    image = drawn("opaque", 200, 150, 5)
    assert np.array_equal(model_input(image, SIZE, 1), model_input(image.convert("RGB"), SIZE, 1))
