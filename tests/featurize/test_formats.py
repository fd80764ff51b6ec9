"""What the extra `formats` adds, what is said without it, and formats that look like others."""

from __future__ import annotations

import importlib
import io
import struct
import zlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from simd.errors import ImageRejected, Reason
from simd.featurize.decode import formats
from simd.featurize.decode.decode import DecodeLimits, Picture, decode
from simd.featurize.decode.formats import sniff
from simd.featurize.decode.headers import declared_size
from simd.types import ImageFacts
from tests.featurize.drawings import BLUE, GREEN, LIMITS, RED, SIZE, WHITE, assert_upright, encoded, quadrants
from tests.featurize.rawfile import dng

heif = pytest.importorskip("pillow_heif")
pytest.importorskip("pillow_jxl")
pytest.importorskip("rawpy")
heif.register_heif_opener()


def not_installed(name: str) -> ModuleType:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def installed(name: str) -> ModuleType:
    return importlib.import_module(name)


def read(data: bytes, limits: DecodeLimits = LIMITS) -> Picture:
    return decode(data, SIZE, limits, load_module=installed)


def refused(data: bytes, limits: DecodeLimits = LIMITS) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        read(data, limits)
    return caught.value


def preview(size: tuple[int, int] = (96, 64), turned: Image.Transpose | None = None) -> bytes:
    image = quadrants(*size)
    return encoded(image.transpose(turned) if turned is not None else image, "JPEG", quality=95)


EXTRA = {
    "HEIC": encoded(quadrants(), "HEIF", quality=90),
    "JPEG XL": encoded(quadrants(), "JXL"),
    "raw photograph": dng(preview(), (96, 64)),
}


@pytest.mark.parametrize("name", EXTRA)
def test_a_format_of_the_extra_is_read_where_it_is_installed(name: str) -> None:
    assert_upright(read(EXTRA[name]).pixels)


@pytest.mark.parametrize("name", EXTRA)
def test_a_format_whose_decoder_is_missing_is_named_and_so_is_the_extra(name: str) -> None:
    with pytest.raises(ImageRejected) as caught:
        decode(EXTRA[name], SIZE, LIMITS, load_module=not_installed)
    assert caught.value.reason is Reason.UNSUPPORTED
    assert name in caught.value.detail
    assert "simd-images[formats]" in caught.value.detail and "--retry" in caught.value.detail


def test_the_facts_of_heic_and_jpeg_xl_are_of_the_picture() -> None:
    assert read(EXTRA["HEIC"]).facts == ImageFacts(96, 64, "HEIF", False)
    assert read(EXTRA["JPEG XL"]).facts == ImageFacts(96, 64, "JXL", False)


@pytest.mark.parametrize("turn", [1, 3, 6, 8])
def test_a_heic_photograph_is_upright_however_the_camera_was_held(turn: int) -> None:
    inverse = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    exif = Image.Exif()
    exif[0x0112] = turn
    image = quadrants().transpose(inverse[turn]) if turn in inverse else quadrants()
    picture = read(encoded(image, "HEIF", quality=90, exif=exif.tobytes()))
    assert_upright(picture.pixels)
    assert (picture.facts.width, picture.facts.height) == (96, 64)


def test_the_thumbnail_that_a_heic_carries_is_not_taken_for_the_picture() -> None:
    picture = heif.from_pillow(quadrants(800, 600))
    buffer = io.BytesIO()
    picture.save(buffer, format="HEIF", thumbnails=[512])
    whole = np.asarray(quadrants(800, 600).resize(SIZE[::-1], Image.Resampling.BICUBIC), int)
    assert np.abs(read(buffer.getvalue()).pixels.astype(int) - whole).mean() < 4


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
@pytest.mark.parametrize("name", ["HEIF", "JXL"])
def test_grey_and_transparent_heic_and_jpeg_xl_look_as_they_do_in_png(name: str, mode: str) -> None:
    if name == "HEIF" and mode == "LA":
        mode = "RGBA"
    image = quadrants().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image = image.convert(mode)
    as_png = read(encoded(image, "PNG")).pixels.astype(int)
    options: dict[str, Any] = {"lossless": True} if name == "JXL" else {"quality": 95}
    assert np.abs(read(encoded(image, name, **options)).pixels.astype(int) - as_png).mean() < 4


def test_sixteen_bit_jpeg_xl_is_scaled_by_its_range() -> None:
    values = Image.fromarray(np.full((64, 96), 30000, np.uint16))
    assert (read(encoded(values, "JXL", lossless=True)).pixels == 30000 >> 8).all()


def test_a_jpeg_kept_inside_a_jpeg_xl_is_read_as_the_jpeg() -> None:
    plugin = importlib.import_module("pillow_jxl")
    jpeg = preview()
    data = plugin.Encoder(mode="RGB", quality=90, num_threads=0)(jpeg, 96, 64, jpeg_encode=True)
    assert_upright(read(data).pixels)
    assert read(data).facts.format == "JXL"


# The quadrants, turned to be seen as EXIF's orientation 6 says; the header says so. Made by cjxl 0.7.
TURNED_JPEG_XL = bytes.fromhex(
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c200000004a6a786c63ff0a178e05028a4b0208020100cc004b28"
    "37d61fbc5750300546d41ff763dc18df9d1708020030d28885f3f1d7a7ff5425c1b1f781447f80a4a87e040ac594c0eb24"
)


def test_a_turned_jpeg_xl_is_upright_and_its_facts_are_as_displayed() -> None:
    codecs = pytest.importorskip("imagecodecs")
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = encoded(quadrants().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    for data in (TURNED_JPEG_XL, codecs.jpegxl_encode_jpeg(jpeg, usecontainer=True)):
        picture = read(bytes(data))
        assert_upright(picture.pixels)
        assert picture.facts == ImageFacts(96, 64, "JXL", False)


def test_a_raw_photograph_gives_the_cameras_preview_and_the_facts_of_the_sensor() -> None:
    picture = read(EXTRA["raw photograph"])
    assert_upright(picture.pixels)
    assert picture.facts == ImageFacts(64, 64, "RAW", False)


def test_a_raw_photograph_taken_sideways_is_upright() -> None:
    data = dng(preview(turned=Image.Transpose.ROTATE_90), (64, 96), turn=6)
    assert_upright(read(data).pixels)


def test_a_preview_stored_as_pixels_is_read_and_turned() -> None:
    for turn, turned in ((1, None), (6, Image.Transpose.ROTATE_90), (3, Image.Transpose.ROTATE_180)):
        image = quadrants() if turned is None else quadrants().transpose(turned)
        assert_upright(read(dng(image.tobytes(), image.size, compression=1, turn=turn)).pixels)


def test_a_raw_photograph_without_a_preview_says_so() -> None:
    error = refused(dng(None, (0, 0)))
    assert error.reason is Reason.UNSUPPORTED and "preview" in error.detail


def test_a_raw_photograph_is_not_taken_for_the_tiny_tiff_that_it_begins_with() -> None:
    tiny = Image.new("RGB", (16, 12))
    found = sniff(dng(tiny.tobytes(), tiny.size, compression=1))
    assert found is not None and found.name == "RAW"
    plain = sniff(encoded(quadrants(), "TIFF"))
    assert plain is formats.TIFF


@pytest.mark.parametrize("big_endian", [False, True])
def test_a_tiff_is_told_from_raw_photographs_in_either_byte_order(big_endian: bool) -> None:
    order, mark = (">", b"MM\0*") if big_endian else ("<", b"II*\0")
    entries = [(254, 1), (330, 999)]
    directory = struct.pack(order + "H", 2) + b"".join(struct.pack(order + "HHII", tag, 4, 1, v) for tag, v in entries)
    found = sniff(mark + struct.pack(order + "I", 8) + directory)
    assert found is not None and found.name == "RAW"
    assert sniff(mark + struct.pack(order + "I", 4000)) is formats.TIFF


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"FUJIFILMCCD-RAW 0201", "Fujifilm"),
        (b"IIU\0\x08\0\0\0", "Panasonic"),
        (b"IIRO\x08\0\0\0", "Olympus"),
        (b"II*\0\x10\0\0\0CR\x02\0", "Canon CR2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "Canon CR3"),
    ],
)
def test_the_makers_raw_formats_are_known_and_a_damaged_one_is_refused(start: bytes, name: str) -> None:
    found = sniff(start)
    assert found is not None and found.name == "RAW" and name in found.described
    assert refused(start + bytes(200)).reason in (Reason.UNSUPPORTED, Reason.CORRUPT)


@pytest.mark.parametrize("size", [(1, 1), (96, 64), (600, 500), (1024, 1024), (3000, 2000), (640, 480), (10_000, 3)])
@pytest.mark.parametrize("container", [False, True])
def test_the_size_of_a_jpeg_xl_is_read_from_its_header(size: tuple[int, int], container: bool) -> None:
    data = encoded(Image.new("L", size), "JXL", effort=1, use_container=container)
    assert declared_size(formats.JPEG_XL, data) == size


def test_a_picture_of_the_extra_with_too_many_pixels_is_refused_from_its_header() -> None:
    for data in (
        encoded(Image.new("L", (1200, 1000)), "JXL", effort=1)[:200],
        encoded(Image.new("L", (1200, 1000)), "HEIF"),
        dng(preview((1200, 1000)), (1200, 1000)),
    ):
        error = refused(data)
        assert error.reason is Reason.TOO_MANY_PIXELS and "1200 x 1000" in error.detail


@pytest.mark.parametrize("name", ["HEIC", "JPEG XL", "raw photograph"])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_a_file_of_the_extra_cut_short_is_refused_and_not_half_a_picture(name: str, fraction: float) -> None:
    data = EXTRA[name] if name != "raw photograph" else dng(preview((800, 600)), (800, 600))
    error = refused(data[: int(len(data) * fraction)])
    assert error.reason in (Reason.TRUNCATED, Reason.CORRUPT, Reason.NOT_AN_IMAGE, Reason.UNSUPPORTED)


def test_a_heic_that_is_none_is_read_as_what_it_is() -> None:
    """Files named .heic that hold a JPEG: the content decides."""
    assert read(preview()).facts.format == "JPEG"


def test_an_avif_is_no_heic_though_they_share_a_container() -> None:
    assert sniff(encoded(quadrants(), "AVIF")) is formats.AVIF
    assert sniff(EXTRA["HEIC"]) is formats.HEIF


@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, WHITE])
def test_cmyk_and_ycck_jpeg_have_their_true_colours_and_not_the_inverted_ones(colour: tuple[int, int, int]) -> None:
    inks = Image.new("RGB", (32, 32), colour).convert("CMYK")
    assert np.abs(read(encoded(inks, "JPEG", quality=95)).pixels.astype(int) - colour).max() < 16
    # YCCK is CMYK whose negative was converted to YCbCr; Adobe's mark says so, and stores everything inverted.
    negative = Image.new("RGB", (32, 32), tuple(255 - value for value in colour)).convert("YCbCr")
    channels = [band.point(lambda value: 255 - value) for band in negative.split()]
    data = bytearray(encoded(Image.merge("CMYK", [*channels, Image.new("L", (32, 32), 0)]), "JPEG", quality=95))
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    data[transform] = 2
    assert np.abs(read(bytes(data)).pixels.astype(int) - colour).max() < 16


def test_progressive_and_baseline_jpeg_give_the_same_picture() -> None:
    baseline, progressive = (encoded(quadrants(), "JPEG", quality=90, progressive=p) for p in (False, True))
    assert np.array_equal(read(baseline).pixels, read(progressive).pixels)


def test_an_interlaced_png_gives_the_picture() -> None:
    """Adam7 by hand: Pillow writes none. One grey pixel in each of the passes of an 8 x 8 picture."""
    rows = [(1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8)]
    raw = b"".join((b"\0" + b"\x64" * width) * height for height, width in rows)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1))
    data += chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    assert (read(data).pixels == 100).all()


def test_the_first_of_many_pages_of_a_tiff_is_the_picture_and_tiles_and_inks_are_read() -> None:
    pages = encoded(quadrants(), "TIFF", save_all=True, append_images=[Image.new("RGB", (10, 10))] * 3)
    assert_upright(read(pages).pixels)
    assert read(pages).facts == ImageFacts(96, 64, "TIFF", False)
    inks = read(encoded(quadrants().convert("CMYK"), "TIFF", compression="tiff_lzw"))
    assert_upright(inks.pixels, tolerance=60)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        assert_upright(read(encoded(quadrants(), "TIFF", compression=compression)).pixels)
