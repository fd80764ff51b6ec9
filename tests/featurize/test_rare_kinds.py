"""Rare kinds of BMP, PNG and AVIF: right, or refused for what they are."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.decode import DecodeLimits, Picture, decode
from tests.featurize.drawings import LIMITS, SIZE, assert_upright, encoded, quadrants
from tests.featurize.handmade import bmp, png

GROUND = 240


def read(data: bytes, limits: DecodeLimits = LIMITS) -> Picture:
    return decode(data, SIZE, limits)


def refused(data: bytes, limits: DecodeLimits = LIMITS) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        read(data, limits)
    return caught.value


LAYOUTS = {
    "565": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "4444": (16, (0xF00, 0xF0, 0xF, 0xF000)),
    "1555": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "blue first": (16, (0x1F, 0x7E0, 0xF800, 0)),
    "8888": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "10 bits each": (32, (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)),
    "red first": (32, (0xFF, 0xFF00, 0xFF0000, 0)),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("downwards", [False, True])
@pytest.mark.parametrize("width", [96, 95])
def test_a_bmp_of_bit_fields_has_its_colours_and_its_alpha(name: str, downwards: bool, width: int) -> None:
    bits, masks = LAYOUTS[name]
    image = quadrants(width).convert("RGBA")
    image.paste((0, 0, 0, 0), (8, 8, 24, 24))
    rgba = np.asarray(image)
    found = read(bmp(rgba, bits, masks, downwards=downwards))
    seen = image if masks[3] else image.convert("RGB")
    wanted = read(encoded(seen, "PNG")).pixels.astype(int)
    assert np.abs(found.pixels.astype(int) - wanted).mean() < 6
    assert (found.facts.width, found.facts.height, found.facts.format) == (width, 64, "BMP")


def test_a_bmp_of_bit_fields_is_held_against_the_limits_and_against_its_end() -> None:
    data = bmp(np.asarray(quadrants().convert("RGBA")), 16, LAYOUTS["4444"][1])
    assert refused(data[: len(data) // 2]).reason is Reason.TRUNCATED
    wide = data[:18] + struct.pack("<ii", 60_000, 60_000) + data[26:]
    assert refused(wide).reason is Reason.TOO_MANY_PIXELS
    assert refused(data[:18] + struct.pack("<ii", -5, 5) + data[26:]).reason is Reason.CORRUPT


@pytest.mark.parametrize(("bits", "compression"), [(2, 0), (64, 0), (8, 4), (24, 5)])
def test_a_bmp_of_a_kind_that_is_not_read_is_never_called_damaged(bits: int, compression: int) -> None:
    data = bytearray(encoded(quadrants(), "BMP"))
    struct.pack_into("<HI", data, 28, bits, compression)
    error = refused(bytes(data))
    assert error.reason is Reason.UNSUPPORTED and "BMP" in error.detail


@pytest.mark.parametrize("size", [(64, 96), SIZE])
def test_the_transparent_grey_of_a_png_of_16_bits_is_the_ground(size: tuple[int, int]) -> None:
    samples = np.full(size, 30_000, np.uint16)
    samples[:, size[1] // 2 :] = 1234
    pixels = read(png(samples, (1234,))).pixels
    assert (pixels[:, : SIZE[1] // 2 - 3] == 30_000 >> 8).all()
    assert (pixels[:, SIZE[1] // 2 + 3 :] == GROUND).all()


def test_a_grey_beside_the_transparent_one_is_seen() -> None:
    assert (read(png(np.full((64, 96), 1235, np.uint16), (1234,))).pixels == 1235 >> 8).all()


def test_the_transparent_colour_of_a_png_of_16_bits_is_the_ground() -> None:
    samples = np.full((64, 96, 3), 30_000, np.uint16)
    samples[:, 48:] = (1234, 40_000, 500)
    pixels = read(png(samples, (1234, 40_000, 500))).pixels
    assert (pixels[:, :20] == 30_000 >> 8).all()
    assert (pixels[:, 28:] == GROUND).all()


def test_an_avif_of_17000_pixels_a_row_is_read() -> None:
    picture = read(encoded(quadrants(17_000, 50), "AVIF", speed=10, quality=60))
    assert_upright(picture.pixels)
    assert picture.facts.width == 17_000


@pytest.mark.parametrize(("width", "height"), [(40_000, 64), (17_000, 17_000)])
def test_an_avif_that_is_larger_than_its_decoder_takes_is_told_so_and_not_called_damaged(
    width: int, height: int
) -> None:
    data = encoded(quadrants(), "AVIF")
    at = data.index(b"ispe") + 8
    large = data[:at] + struct.pack(">II", width, height) + data[at + 8 :]
    error = refused(large, DecodeLimits(1 << 24, 1 << 40))
    assert error.reason is Reason.UNSUPPORTED
    assert f"{width} x {height}" in error.detail
