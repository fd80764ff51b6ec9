"""The first frame of an animation is what is seen first: not the last, and where it leaves something out, nothing."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from simd.featurize.decode.decode import Picture, decode
from simd.types import ImageFacts
from tests.featurize.drawings import LIMITS, SIZE, assert_upright, encoded, quadrants
from tests.featurize.handmade import gif, webp

GROUND = 240

codecs = pytest.importorskip("imagecodecs")


def read(data: bytes) -> Picture:
    return decode(data, SIZE, LIMITS)


def placed(frame: Image.Image, left: int, top: int) -> Image.Image:
    canvas = Image.new("RGB", (96, 64), (GROUND,) * 3)
    canvas.paste(frame, (left, top))
    return canvas


@pytest.mark.parametrize("place", [(0, 0), (24, 16), (48, 32)])
def test_what_the_first_frame_of_a_gif_leaves_out_is_transparent_and_not_a_colour(place: tuple[int, int]) -> None:
    frame = quadrants(48, 32)
    picture = read(gif(frame, *place))
    wanted = read(encoded(placed(frame, *place), "PNG")).pixels.astype(int)
    assert np.abs(picture.pixels.astype(int) - wanted).mean() < 2
    assert picture.facts == ImageFacts(96, 64, "GIF", False)


def test_a_small_frame_of_a_gif_keeps_its_own_transparency() -> None:
    frame = quadrants(48, 32).quantize(4)
    pixels = read(gif(frame, 24, 16, transparency=int(np.asarray(frame)[5, 5]))).pixels.astype(int)
    assert np.abs(pixels[12, 16] - GROUND).max() <= 2
    assert np.abs(pixels[12, 30] - (30, 200, 40)).max() < 24


@pytest.mark.parametrize("place", [(0, 0), (24, 16), (48, 32)])
def test_what_the_first_frame_of_a_webp_leaves_out_is_transparent_and_not_black(place: tuple[int, int]) -> None:
    frame = quadrants(48, 32)
    picture = read(webp(frame, *place))
    wanted = read(encoded(placed(frame, *place), "PNG")).pixels.astype(int)
    assert np.abs(picture.pixels.astype(int) - wanted).mean() < 2
    assert picture.facts == ImageFacts(96, 64, "WEBP", True)


def test_a_first_frame_that_covers_its_canvas_is_the_picture() -> None:
    assert_upright(read(webp(quadrants(), 0, 0)).pixels)
    assert_upright(read(gif(quadrants(), 0, 0)).pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_animated_jpeg_xl_gives_its_first_frame_and_not_its_last(dtype: type, channels: int) -> None:
    first = np.asarray(quadrants().convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])).reshape(64, 96, channels)
    full = 1.0 / 255 if dtype is np.float32 else np.iinfo(dtype).max // 255
    frames = np.stack([first, 255 - first]) * np.array(full, dtype)
    data = bytes(codecs.jpegxl_encode(frames[..., 0] if channels == 1 else frames, lossless=True))
    assert codecs.jpegxl_decode(data).shape[0] == 2
    picture = read(data)
    wanted = read(encoded(Image.fromarray(first[:, :, 0] if channels == 1 else first), "PNG")).pixels.astype(int)
    assert np.abs(picture.pixels.astype(int) - wanted).mean() < 2
    assert picture.facts == ImageFacts(96, 64, "JXL", True)
