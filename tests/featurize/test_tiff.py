"""TIFFs of rare kinds look like the picture that was written into them; what is not read is told as that."""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.decode import DecodeLimits, Picture, decode
from tests.featurize.drawings import LIMITS, SIZE, assert_upright, encoded, quadrants
from tests.featurize.tiffs import (
    ASSOCIATED,
    CMYK,
    DEFLATE,
    FLOAT,
    MIN_IS_WHITE,
    PALETTE,
    RGB,
    SIGNED,
    UNASSOCIATED,
    UNSPECIFIED,
    YCBCR,
    Samples,
    Tiff,
)

pytest.importorskip("imagecodecs")

WEBP, LERC, JPEG_XL = 50001, 34887, 50002
LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {},
    "strips, deflated": {"compression": DEFLATE},
    "tiles": {"tile": (32, 48)},
    "tiles, deflated": {"tile": (48, 16), "compression": DEFLATE},
}
ORDERS: dict[str, dict[str, Any]] = {"little-endian": {}, "big-endian": {"order": ">"}, "BigTIFF": {"big": True}}
EVERY_WAY = [
    pytest.param({**layout, **order}, id=f"{name}, {of}")
    for name, layout in LAYOUTS.items()
    for of, order in {**ORDERS, "big-endian BigTIFF": {"order": ">", "big": True}}.items()
]


def not_installed(name: str) -> ModuleType:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def read(data: bytes, limits: DecodeLimits = LIMITS) -> Picture:
    return decode(data, SIZE, limits)


def refused(data: bytes, load_module: Callable[[str], ModuleType] = importlib.import_module) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        decode(data, SIZE, LIMITS, load_module=load_module)
    return caught.value


@pytest.fixture(scope="module")
def rgb(photos: Path) -> Samples:
    with Image.open(photos / "chelsea.jpg") as photo:
        return np.asarray(photo.convert("RGB").resize((96, 64), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def grey(rgb: Samples) -> Samples:
    return np.asarray(Image.fromarray(rgb).convert("L"))


def alpha() -> Samples:
    return np.asarray(Image.linear_gradient("L").resize((96, 64)))


def widened(samples: Samples, bits: int) -> Samples:
    """8 bits as any other number of them."""
    return np.rint(samples / 255 * ((1 << bits) - 1)).astype(np.uint64)


def assert_looks_like(data: bytes, expected: Samples, tolerance: float = 2.0) -> None:
    """The file, against a PNG of these samples."""
    wanted = read(encoded(Image.fromarray(expected), "PNG")).pixels.astype(int)
    found = read(data)
    assert np.abs(found.pixels.astype(int) - wanted).mean() < tolerance
    assert (found.facts.width, found.facts.height, found.facts.format) == (96, 64, "TIFF")


@pytest.mark.parametrize("how", EVERY_WAY)
@pytest.mark.parametrize("bits", [6, 8, 10, 12, 14, 16, 24, 32])
def test_grey_of_any_depth_is_as_bright_as_it_was_written(how: dict[str, Any], bits: int, grey: Samples) -> None:
    assert_looks_like(Tiff(bits, **how).of(widened(grey, bits)), grey)
    white = Tiff(bits, MIN_IS_WHITE, **how).of(widened(255 - grey, bits))
    assert_looks_like(white, grey)


@pytest.mark.parametrize("how", EVERY_WAY)
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [4, 8, 10, 12, 14, 16, 32])
def test_colours_of_any_depth_are_those_that_were_written(
    how: dict[str, Any], planar: bool, bits: int, rgb: Samples
) -> None:
    data = Tiff(bits, RGB, planar=planar, **how).of(widened(rgb, bits))
    assert_looks_like(data, rgb, tolerance=6.0 if bits == 4 else 2.0)


@pytest.mark.parametrize("how", EVERY_WAY)
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_floats_of_any_width_are_scaled_alike(how: dict[str, Any], bits: int, rgb: Samples, grey: Samples) -> None:
    assert_looks_like(Tiff(bits, sample_format=FLOAT, **how).of(grey / 255), grey)
    for planar in (False, True):
        data = Tiff(bits, RGB, FLOAT, planar=planar, **how).of(rgb / 255)
        assert_looks_like(data, rgb)


@pytest.mark.parametrize("how", EVERY_WAY)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("extra", [UNSPECIFIED, ASSOCIATED, UNASSOCIATED])
def test_alpha_is_applied_where_the_file_says_that_it_is_alpha(
    how: dict[str, Any], bits: int, planar: bool, extra: int, rgb: Samples, grey: Samples
) -> None:
    for colours in (grey[:, :, None], rgb):
        stored = colours * (alpha()[:, :, None] / 255) if extra == ASSOCIATED else colours
        samples = widened(np.dstack([stored, alpha()]), bits)
        photometric = RGB if colours.shape[2] == 3 else 1
        data = Tiff(bits, photometric, extra=[extra], planar=planar, **how).of(samples)
        seen = colours if extra == UNSPECIFIED else np.dstack([colours, alpha()])
        assert_looks_like(data, seen[:, :, 0] if seen.shape[2] == 1 else seen)


@pytest.mark.parametrize("how", EVERY_WAY)
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("unit", [257, 1])
def test_a_colour_map_of_16_or_of_8_bits_gives_its_colours(
    how: dict[str, Any], bits: int, unit: int, rgb: Samples
) -> None:
    quantised = Image.fromarray(rgb).quantize(1 << bits)
    colours = np.array((quantised.getpalette() or [])[: 3 << bits] + [0] * 768)[: 3 << bits].reshape(-1, 3)
    colour_map = (colours * unit).T.ravel().tolist()
    data = Tiff(bits, PALETTE, colour_map=colour_map, **how).of(np.asarray(quantised))
    assert_looks_like(data, np.asarray(quantised.convert("RGB")))


@pytest.mark.parametrize("how", EVERY_WAY)
@pytest.mark.parametrize(("bits", "sample_format"), [(16, SIGNED), (32, SIGNED), (32, 1)])
@pytest.mark.parametrize("values", [8, 10, 12, 16])
def test_integers_of_few_bits_in_wide_samples_are_as_bright_as_those_bits(
    how: dict[str, Any], bits: int, sample_format: int, values: int, grey: Samples
) -> None:
    if values == bits:
        return
    data = Tiff(bits, sample_format=sample_format, **how).of(widened(grey, values))
    assert_looks_like(data, grey)


def test_signed_integers_of_16_bits_have_15_of_them(grey: Samples) -> None:
    for order in "<>":
        for compression in (1, DEFLATE):
            tiff = Tiff(16, sample_format=SIGNED, order=order, compression=compression)
            assert_looks_like(tiff.of(widened(grey, 15)), grey)


def test_floats_in_colour_beyond_white_are_white_and_do_not_darken_the_rest(rgb: Samples) -> None:
    for highlight in (1.5, 60_000.0, np.inf):
        values = rgb / 255
        values[:8, :8], values[8:16, :8] = highlight, -0.2
        seen = rgb.copy()
        seen[:8, :8], seen[8:16, :8] = 255, 0
        assert_looks_like(Tiff(32, RGB, FLOAT).of(values), seen)


@pytest.mark.parametrize("full", [1.0, 255.0, 65_535.0])
def test_floats_in_colour_of_any_scale_use_it(full: float, rgb: Samples) -> None:
    stretched = rgb.copy()
    stretched[0, 0], stretched[0, 1] = 0, 255
    assert_looks_like(Tiff(32, RGB, FLOAT).of(stretched / 255 * full), stretched)


def test_negative_values_are_scaled_by_their_range(grey: Samples) -> None:
    black_to_white = np.rint((grey - grey.min()) / (grey.max() - grey.min()) * 255).astype(np.uint8)
    for bits in (16, 32):
        for order in "<>":
            for compression in (1, DEFLATE):
                tiff = Tiff(bits, sample_format=SIGNED, order=order, compression=compression)
                assert_looks_like(tiff.of(grey.astype(int) * 100 - 12_000), black_to_white)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("how", [p for p in EVERY_WAY if "big-endian BigTIFF" not in str(p.id)])
def test_inks_have_their_colours(how: dict[str, Any], bits: int, planar: bool, rgb: Samples) -> None:
    inks = Image.fromarray(rgb).convert("CMYK")
    data = Tiff(bits, CMYK, planar=planar, **how).of(widened(np.asarray(inks), bits))
    assert_looks_like(data, np.asarray(inks.convert("RGB")))


@pytest.mark.parametrize("compression", [1, DEFLATE])
@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_colours_that_several_pixels_share_are_read(compression: int, subsampling: tuple[int, int]) -> None:
    across, down = subsampling

    def shared(part: Samples) -> bytes:
        out = bytearray()
        for top in range(0, len(part), down):
            for left in range(0, part.shape[1], across):
                unit = part[top : top + down, left : left + across].astype(int)
                out += bytes(unit[:, :, 0].ravel().tolist()) + bytes(
                    unit[:, :, 1:].mean(axis=(0, 1)).astype(int).tolist()
                )
        return zlib.compress(out) if compression == DEFLATE else bytes(out)

    samples = np.asarray(quadrants().convert("YCbCr"))
    data = Tiff(8, YCBCR, compression=compression, compress=shared, subsampling=subsampling).of(samples)
    assert_upright(read(data).pixels)


@pytest.mark.parametrize("how", [{"order": ">", "big": True}, {}])
def test_webp_in_a_tiff_is_read(how: dict[str, Any], rgb: Samples) -> None:
    def webp(part: Samples) -> bytes:
        return encoded(Image.fromarray(np.ascontiguousarray(part)), "WEBP", lossless=True)

    data = Tiff(8, RGB, compression=WEBP, compress=webp, **how).of(rgb)
    assert_looks_like(data, rgb)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_rare_kind_is_upright_however_the_camera_was_held(turn: int) -> None:
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = quadrants().transpose(inverse[turn]) if turn in inverse else quadrants()
    grey = read(encoded(quadrants().convert("L"), "PNG")).pixels.astype(int)
    for tiff, samples in (
        (Tiff(32, RGB, FLOAT, orientation=turn), np.asarray(image) / 255),
        (Tiff(12, orientation=turn), widened(np.asarray(image.convert("L")), 12)),
        (Tiff(16, RGB, planar=True, orientation=turn), widened(np.asarray(image), 16)),
    ):
        picture = read(tiff.of(samples))
        assert (picture.facts.width, picture.facts.height) == (96, 64)
        if tiff.photometric == RGB:
            assert_upright(picture.pixels)
        else:
            assert np.abs(picture.pixels.astype(int) - grey).mean() < 2


SOUND_BUT_UNREAD = {
    "log luv": lambda: Tiff(16, 32845, SIGNED).of(np.zeros((64, 96, 3), int)),
    "CIELab of 16 bits": lambda: Tiff(16, 8).of(np.zeros((64, 96, 3), int)),
    "complex numbers": lambda: Tiff(32, sample_format=6).of(np.zeros((64, 96), int)),
    "JPEG XL in a TIFF": lambda: Tiff(8, RGB, compression=JPEG_XL).of(np.zeros((64, 96, 3), int)),
    "a hundred channels": lambda: Tiff(8, extra=[0] * 99).of(np.zeros((64, 96, 100), int)),
    "inks in a big-endian BigTIFF": lambda: Tiff(8, CMYK, order=">", big=True).of(np.zeros((64, 96, 4), int)),
}


@pytest.mark.parametrize("name", SOUND_BUT_UNREAD)
def test_a_sound_tiff_of_a_kind_that_is_not_read_is_never_called_damaged(name: str) -> None:
    error = refused(SOUND_BUT_UNREAD[name]())
    assert error.reason is Reason.UNSUPPORTED, error.detail
    assert "TIFF" in error.detail and "convert" in error.detail


def test_without_the_extra_a_rare_kind_is_named_and_so_is_the_extra(rgb: Samples) -> None:
    for data in (Tiff(12, RGB).of(widened(rgb, 12)), Tiff(32, RGB, FLOAT).of(rgb / 255)):
        error = refused(data, not_installed)
        assert error.reason is Reason.UNSUPPORTED
        assert "TIFF" in error.detail and "simd-images[formats]" in error.detail


WITHOUT_THE_EXTRA = {
    "12-bit grey": lambda grey: Tiff(12).of(widened(grey, 12)),
    "32-bit grey": lambda grey: Tiff(32).of(widened(grey, 32)),
    "small integers": lambda grey: Tiff(32, sample_format=SIGNED).of(grey),
    "white zeros": lambda grey: Tiff(16, MIN_IS_WHITE).of(widened(255 - grey, 16)),
    "planes of 16 bits": lambda grey: Tiff(16, RGB, planar=True).of(widened(np.dstack([grey] * 3), 16)),
    "an 8-bit colour map": lambda grey: Tiff(8, PALETTE, colour_map=[*range(256)] * 3).of(grey),
}


@pytest.mark.parametrize("name", WITHOUT_THE_EXTRA)
def test_what_pillow_misreads_and_can_be_mended_needs_no_extra(name: str, grey: Samples) -> None:
    found = decode(WITHOUT_THE_EXTRA[name](grey), SIZE, LIMITS, load_module=not_installed).pixels.astype(int)
    assert np.abs(found - read(encoded(Image.fromarray(grey), "PNG")).pixels).mean() < 2.0


def test_a_rare_kind_with_too_many_pixels_is_refused_from_its_header() -> None:
    data = Tiff(12, RGB).of(np.zeros((64, 96, 3), int))
    at = data.index(struct.pack("<HHII", 256, 4, 1, 96))
    error = refused(data[: at + 8] + struct.pack("<I", 1_000_000) + data[at + 12 :])
    assert error.reason is Reason.TOO_MANY_PIXELS and "1000000 x 64" in error.detail


def test_a_small_picture_in_a_tile_of_gigapixels_is_refused_from_its_header() -> None:
    error = refused(Tiff(10, tile=(48, 64)).of(np.zeros((64, 96), int)).replace(*tile_of(48, 64, 60_000)))
    assert error.reason is Reason.TOO_MANY_PIXELS and "60000 x 60000" in error.detail


def tile_of(width: int, height: int, side: int) -> tuple[bytes, bytes]:
    """The tags of a tile's size, and those of a square one's."""
    tags = "<HHIIHHII"
    return struct.pack(tags, 322, 4, 1, width, 323, 4, 1, height), struct.pack(tags, 322, 4, 1, side, 323, 4, 1, side)


@pytest.mark.parametrize("compression", [1, DEFLATE])
@pytest.mark.parametrize("directory_first", [False, True])
def test_a_rare_kind_that_ends_early_is_truncated(compression: int, directory_first: bool, rgb: Samples) -> None:
    data = Tiff(12, RGB, compression=compression, directory_first=directory_first).of(widened(rgb, 12))
    assert_looks_like(data, rgb)
    assert refused(data[: int(len(data) * 0.8)]).reason is Reason.TRUNCATED


def test_a_tile_that_is_missing_leaves_no_memory_in_the_picture() -> None:
    data = Tiff(10, tile=(48, 32)).of(np.full((64, 96), 1023))
    at = data.index(struct.pack("<HHI", 325, 4, 4))
    (sizes,) = struct.unpack_from("<I", data, at + 8)
    broken = data[:sizes] + bytes(4) + data[sizes + 4 :]
    try:
        assert (read(broken).pixels[:12, :20] == 0).all()
    except ImageRejected as error:
        assert error.reason in (Reason.CORRUPT, Reason.TRUNCATED)
