from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.decode import DecodeLimits, Picture, decode
from simd.types import ImageFacts
from tests.featurize.drawings import LIMITS, SIZE, assert_upright, encoded, quadrants

GROUND = 240
_INVERSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def read(data: bytes, limits: DecodeLimits = LIMITS) -> Picture:
    return decode(data, SIZE, limits)


def refused(data: bytes, limits: DecodeLimits = LIMITS) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        read(data, limits)
    return caught.value


def with_orientation(turn: int) -> tuple[Image.Image, Image.Exif]:
    image = quadrants()
    exif = Image.Exif()
    exif[0x0112] = turn
    return (image.transpose(_INVERSE[turn]) if turn in _INVERSE else image), exif


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000", "PPM"])
def test_every_format_that_is_read_gives_the_picture_and_its_facts(name: str) -> None:
    picture = read(encoded(quadrants(), name))
    assert picture.pixels.shape == (*SIZE, 3)
    assert_upright(picture.pixels)
    assert picture.facts == ImageFacts(96, 64, name, False)


def test_a_multi_picture_jpeg_gives_its_first_picture() -> None:
    other = Image.new("RGB", (96, 64), (0, 0, 0))
    picture = read(encoded(quadrants(), "MPO", save_all=True, append_images=[other]))
    assert_upright(picture.pixels)
    assert picture.facts.format == "JPEG"


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_gives_its_first_frame(name: str) -> None:
    other = Image.new("RGB", (96, 64), (0, 0, 0))
    data = encoded(quadrants(), name, save_all=True, append_images=[other, other], duration=100)
    assert_upright(read(data).pixels)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_orientation_is_applied_and_the_facts_are_as_displayed(name: str, turn: int) -> None:
    image, exif = with_orientation(turn)
    picture = read(encoded(image, name, exif=exif))
    assert_upright(picture.pixels)
    assert (picture.facts.width, picture.facts.height) == (96, 64)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_exif_spoils_nothing(exif: bytes) -> None:
    assert_upright(read(encoded(quadrants(), "JPEG", exif=exif)).pixels)


def test_the_content_decides_the_format_whatever_a_name_said() -> None:
    assert read(encoded(quadrants(), "PNG")).facts.format == "PNG"


def test_a_large_jpeg_is_shrunk_while_decoding_but_its_facts_are_of_the_full_picture() -> None:
    image = quadrants(803, 601)
    picture = read(encoded(image, "JPEG", quality=90))
    assert (picture.facts.width, picture.facts.height) == (803, 601)
    whole = np.asarray(image.resize(SIZE[::-1], Image.Resampling.BICUBIC), int)
    assert np.abs(picture.pixels.astype(int) - whole).mean() < 3


def test_the_whole_picture_is_kept_however_long_it_is() -> None:
    assert_upright(read(encoded(quadrants(1000, 20), "PNG")).pixels)


def test_sixteen_bit_grey_is_scaled_by_its_range() -> None:
    values = np.linspace(0, 65535, 64 * 96).reshape(64, 96).astype(np.uint16)
    pixels = read(encoded(Image.fromarray(values), "PNG")).pixels
    assert pixels.min() < 6 and pixels.max() > 249
    assert 120 < pixels.mean() < 135


def test_sixteen_bit_grey_tiff_in_either_byte_order_is_scaled() -> None:
    values = np.full((64, 96), 30000, np.uint16)
    for order in ("<u2", ">u2"):
        pixels = read(encoded(Image.fromarray(values.astype(order)), "TIFF")).pixels
        assert (pixels == 30000 >> 8).all()


def test_signed_and_wide_integers_are_scaled() -> None:
    small = Image.fromarray(np.full((8, 8), 30000, np.int32))
    assert (read(encoded(small, "TIFF")).pixels == 30000 >> 8).all()
    wide = np.zeros((8, 8), np.int32)
    wide[:, 4:] = 1_000_000
    pixels = read(encoded(Image.fromarray(wide), "TIFF")).pixels
    assert pixels[0, 0, 0] == 0 and pixels[0, -1, 0] == 255


def test_float_pictures_are_scaled_by_their_range_and_holes_are_black() -> None:
    unit = Image.fromarray(np.full((8, 8), 0.5, np.float32))
    assert np.abs(read(encoded(unit, "TIFF")).pixels.astype(int) - 128).max() <= 1
    values = np.full((8, 8), -1000.0, np.float32)
    values[:, 4:] = 3000.0
    values[0, 0] = np.nan
    pixels = read(encoded(Image.fromarray(values), "TIFF")).pixels
    assert pixels.min() == 0 and pixels.max() == 255


def test_a_float_picture_without_a_finite_value_is_refused() -> None:
    nothing = Image.fromarray(np.full((8, 8), np.nan, np.float32))
    assert refused(encoded(nothing, "TIFF")).reason is Reason.CORRUPT


@pytest.mark.parametrize("name", ["PNG", "WEBP"])
def test_what_is_transparent_is_the_ground_and_not_the_colour_beneath(name: str) -> None:
    image = quadrants().convert("RGBA")
    image.putalpha(0)
    assert np.abs(read(encoded(image, name, lossless=True)).pixels.astype(int) - GROUND).max() <= 1


def test_half_transparency_is_mixed_with_the_ground() -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 128))
    assert np.abs(read(encoded(image, "PNG")).pixels.astype(int) - GROUND // 2).max() <= 1


def test_grey_with_alpha_and_a_palette_with_transparency_are_composited() -> None:
    grey = Image.new("LA", (40, 40), (255, 0))
    assert (read(encoded(grey, "PNG")).pixels == GROUND).all()
    palette = Image.new("P", (40, 40), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    assert (read(encoded(palette, "PNG", transparency=1)).pixels == GROUND).all()
    assert (read(encoded(palette, "GIF", transparency=1)).pixels == GROUND).all()
    key = Image.new("RGB", (40, 40), (10, 20, 30))
    assert (read(encoded(key, "PNG", transparency=(10, 20, 30))).pixels == GROUND).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
def test_other_colour_modes_come_out_as_they_look(mode: str) -> None:
    name = "JPEG" if mode == "CMYK" else "PNG"
    image = quadrants().convert(mode)
    expected = np.asarray(image.convert("RGB").resize(SIZE[::-1], Image.Resampling.BICUBIC), int)
    assert np.abs(read(encoded(image, name)).pixels.astype(int) - expected).mean() < 4


def test_lab_colours_come_out_as_they_look() -> None:
    pixels = read(encoded(Image.new("LAB", (8, 8), (255, 128, 128)), "TIFF")).pixels
    assert pixels.min() > 245


def test_an_empty_file_is_empty() -> None:
    assert refused(b"").reason is Reason.EMPTY


@pytest.mark.parametrize(
    "data", [b"\0", b"hello, world", b"BM is how this text begins", b"\0" * 5000, bytes(range(256)) * 20]
)
def test_what_is_no_image_is_no_image(data: bytes) -> None:
    assert refused(data).reason is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "an MP4 or QuickTime video"),
        (b"8BPS\0\x01" + b"\0" * 40, "a Photoshop document (PSD)"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"  <svg/>", "an SVG drawing"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript document"),
        (b"\x1aE\xdf\xa3" + b"\0" * 40, "a Matroska or WebM video"),
    ],
)
def test_a_known_format_that_is_not_read_is_named(data: bytes, name: str) -> None:
    error = refused(data)
    assert error.reason is Reason.UNSUPPORTED
    assert error.detail.startswith(f"it is {name}") and "convert" in error.detail


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("fraction", [0.3, 0.6, 0.9])
def test_a_file_cut_short_is_truncated_and_not_half_a_picture(name: str, fraction: float, photos: Path) -> None:
    with Image.open(photos / "china.jpg") as image:
        whole = encoded(image.resize((96, 64)), name)
    assert refused(whole[: int(len(whole) * fraction)]).reason is Reason.TRUNCATED


def test_a_header_alone_is_truncated() -> None:
    assert refused(encoded(quadrants(), "JPEG")[:20]).reason is Reason.TRUNCATED
    assert refused(encoded(quadrants(), "PNG")[:12]).reason is Reason.TRUNCATED


def test_damaged_content_is_corrupt() -> None:
    data = bytearray(encoded(quadrants(), "PNG"))
    at = data.index(b"IDAT") + 8
    data[at : at + 20] = b"\xff" * 20
    assert refused(bytes(data)).reason is Reason.CORRUPT


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000", "PPM"])
def test_any_damage_gives_a_picture_or_a_rejection_and_nothing_else(name: str) -> None:
    whole = encoded(quadrants(24, 16), name)
    random = np.random.default_rng(7)
    for _ in range(60):
        data = bytearray(whole)
        for at in random.integers(0, len(data), 4):
            data[at] = random.integers(0, 256)
        try:
            assert read(bytes(data)).pixels.shape == (*SIZE, 3)
        except ImageRejected as error:
            assert error.detail


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_picture_with_too_many_pixels_is_refused_from_its_header() -> None:
    error = refused(png_header(60_000, 60_000))
    assert error.reason is Reason.TOO_MANY_PIXELS
    assert "3,600,000,000" in error.detail and "max_image_pixels" in error.detail


def test_the_pixel_limit_is_the_setting_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS
    assert read(encoded(quadrants(1000, 1000), "PNG")).facts.width == 1000
    assert refused(encoded(quadrants(1001, 1000), "PNG")).reason is Reason.TOO_MANY_PIXELS
    generous = DecodeLimits(LIMITS.max_bytes, 10**12)
    assert refused(png_header(60_000, 2_000), generous).reason is Reason.TRUNCATED
    assert Image.MAX_IMAGE_PIXELS == before


def test_a_file_with_too_many_bytes_is_refused() -> None:
    error = refused(b"x" * 101, DecodeLimits(100, 100))
    assert error.reason is Reason.TOO_MANY_BYTES
    assert "101" in error.detail and "max_image_bytes" in error.detail


def test_an_exotic_mode_of_pillow_is_not_reachable() -> None:
    stream = io.BytesIO()
    quadrants().save(stream, "ICO")
    error = refused(stream.getvalue())
    assert error.reason is Reason.UNSUPPORTED


def test_equal_bytes_give_equal_pixels(photos: Path) -> None:
    data: Any = (photos / "china.jpg").read_bytes()
    assert np.array_equal(read(data).pixels, read(data).pixels)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 5}, {"save_all": True, "quality": 5}])
def test_a_webp_with_too_many_pixels_is_refused_from_its_header(options: dict[str, Any]) -> None:
    error = refused(encoded(Image.new("RGB", (1200, 1000)), "WEBP", **options))
    assert error.reason is Reason.TOO_MANY_PIXELS and "1200 x 1000" in error.detail
