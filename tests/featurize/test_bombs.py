"""Small files that would cost much: refused from their header, or decoded without paying for what they claim."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.decode import DecodeLimits, decode
from simd.featurize.workers.pool import Decoded, DecodePool, WorkerSettings
from tests.featurize.drawings import INPUT, SIZE, assert_upright, encoded, quadrants

DEFAULTS = DecodeLimits(max_bytes=512 << 20, max_pixels=250_000_000)
PATIENCE_S = 60.0
LITTLE_MEMORY = 64 << 20


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    """A worker that may take next to nothing, so that paying for a bomb shows."""
    pool = DecodePool(1, WorkerSettings(DEFAULTS, timeout_s=10.0, memory_bytes=LITTLE_MEMORY))
    yield pool
    pool.close()


def result(pool: DecodePool, data: bytes) -> Decoded | ImageRejected:
    future = pool.submit_bytes(data, INPUT)
    error = future.exception(PATIENCE_S)
    if error is None:
        return future.result()
    assert isinstance(error, ImageRejected), error
    return error


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, extra: bytes = b"", content: bytes | None = None) -> bytes:
    """A grey PNG; `content` are its uncompressed rows."""
    rows = bytes((width + 1) * height) if content is None else content
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def patched(data: bytes, at: int, form: str, *values: int) -> bytes:
    copy = bytearray(data)
    struct.pack_into(form, copy, at, *values)
    return bytes(copy)


def tiff_with(tag: int, kind: int, count: int, value: int, data: bytes) -> bytes:
    """A TIFF with one entry of its first directory replaced."""
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    for place in range(at + 2, at + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", data, place)[0] == tag:
            return patched(data, place, "<HHII", tag, kind, count, value)
    raise AssertionError(f"no tag {tag}")


def jpeg_bomb() -> bytes:
    data = encoded(quadrants(), "JPEG")
    return patched(data, data.index(b"\xff\xc0") + 5, ">HH", 65_500, 65_500)


def tiff_bomb() -> bytes:
    return tiff_with(257, 4, 1, 100_000, tiff_with(256, 4, 1, 100_000, encoded(quadrants(), "TIFF")))


def gif_bomb() -> bytes:
    return patched(encoded(quadrants(), "GIF"), 6, "<HH", 65_535, 65_535)


def gif_frame_bomb() -> bytes:
    data = encoded(quadrants(), "GIF")
    return patched(data, data.index(b",", 13) + 5, "<HH", 65_535, 65_535)


def webp_bomb() -> bytes:
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"\xff\xff\x01\xff\xff\x01"


def bmp_bomb() -> bytes:
    return patched(encoded(quadrants(), "BMP"), 18, "<ii", 100_000, 100_000)


def jpeg_2000_bomb() -> bytes:
    data = encoded(quadrants(), "JPEG2000", no_jp2=True)
    return patched(data, data.index(b"\xff\x51") + 6, ">II", 100_000, 100_000)


HEADER_BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: png(100_000, 100_000, content=b""),
    "JPEG": jpeg_bomb,
    "TIFF": tiff_bomb,
    "GIF": gif_bomb,
    "GIF frame": gif_frame_bomb,
    "WEBP": webp_bomb,
    "BMP": bmp_bomb,
    "PPM": lambda: b"P6 100000 100000 255\n" + bytes(100),
    "JPEG2000": jpeg_2000_bomb,
    "JXL": lambda: b"\xff\x0a" + ((0b11 << 1 | 99_999 << 3 | 1 << 33) & ((1 << 80) - 1)).to_bytes(10, "little"),
}


@pytest.mark.parametrize("name", HEADER_BOMBS)
def test_a_picture_of_gigapixels_is_refused_from_its_header_within_little_memory(pool: DecodePool, name: str) -> None:
    error = result(pool, HEADER_BOMBS[name]())
    assert isinstance(error, ImageRejected)
    assert error.reason is Reason.TOO_MANY_PIXELS, error.detail


def test_an_avif_of_gigapixels_is_refused_within_little_memory(pool: DecodePool) -> None:
    data = encoded(quadrants(), "AVIF")
    error = result(pool, patched(data, data.index(b"ispe") + 8, ">II", 100_000, 100_000))
    assert isinstance(error, ImageRejected)
    assert error.reason in (Reason.CORRUPT, Reason.TOO_MANY_PIXELS), error.detail


def test_rows_that_inflate_beyond_the_picture_are_not_inflated(pool: DecodePool) -> None:
    decoded = result(pool, png(2, 2, content=bytes(200 << 20)))
    assert isinstance(decoded, Decoded)


@pytest.mark.parametrize("kind", [b"iTXt", b"zTXt", b"iCCP"])
def test_metadata_that_inflates_to_much_is_refused_within_little_memory(pool: DecodePool, kind: bytes) -> None:
    head = b"k\0\1\0\0\0" if kind == b"iTXt" else b"k\0\0"
    error = result(pool, png(2, 2, extra=chunk(kind, head + zlib.compress(bytes(200 << 20), 9))))
    assert isinstance(error, ImageRejected) and error.reason is Reason.CORRUPT
    assert "decode_memory_bytes" not in error.detail


def test_a_rejection_keeps_nothing_of_what_was_inflated() -> None:
    bomb = png(2, 2, extra=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(200 << 20), 9)))
    tracemalloc.start()
    try:
        with pytest.raises(ImageRejected) as rejected:
            decode(bomb, SIZE, DEFAULTS)
        assert tracemalloc.get_traced_memory()[0] < 1 << 20, rejected.value
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [b"iTXt", b"zTXt", b"iCCP"])
def test_metadata_of_some_megabytes_spoils_nothing(pool: DecodePool, kind: bytes) -> None:
    head = b"k\0\1\0\0\0" if kind == b"iTXt" else b"k\0\0"
    assert isinstance(result(pool, png(2, 2, extra=chunk(kind, head + zlib.compress(bytes(4 << 20), 9)))), Decoded)


def test_a_gif_of_a_hundred_thousand_frames_costs_its_first(pool: DecodePool) -> None:
    data = encoded(quadrants(16, 12), "GIF")
    frame = data[data.index(b",", 13) : -1]
    assert isinstance(result(pool, data[:-1] + frame * 100_000 + b";"), Decoded)


def test_directories_of_a_tiff_that_go_in_a_circle_are_not_followed(pool: DecodePool) -> None:
    data = encoded(quadrants(), "TIFF")
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    decoded = result(pool, patched(data, at + 2 + 12 * entries, "<I", at))
    assert isinstance(decoded, Decoded)
    assert_upright(decoded.pictures[INPUT])


def test_a_tag_that_claims_gigabytes_is_refused_within_little_memory(pool: DecodePool) -> None:
    for tag in (258, 273, 279):
        outcome = result(pool, tiff_with(tag, 4, 0x7FFFFFFF, 8, encoded(quadrants(), "TIFF")))
        assert isinstance(outcome, Decoded) or outcome.reason is Reason.CORRUPT, outcome.detail


def test_exif_that_claims_gigabytes_or_goes_in_a_circle_spoils_nothing(pool: DecodePool) -> None:
    claims = b"\x01\0\x12\x01\x03\0\xff\xff\xff\x7f\x08\0\0\0\x08\0\0\0"
    circle = b"\x02\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x25\x88\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"
    for exif in (claims, circle):
        decoded = result(pool, encoded(quadrants(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + exif))
        assert isinstance(decoded, Decoded)


def test_an_endless_number_in_a_header_is_refused(pool: DecodePool) -> None:
    error = result(pool, b"P6 " + b"9" * 100_000 + b" 1 255\n")
    assert isinstance(error, ImageRejected) and error.reason is Reason.CORRUPT


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_wallpaper_of_168_megapixels_is_decoded_with_the_default_limits(mode: str, photos: Path) -> None:
    with Image.open(photos / "china.jpg") as photo:
        image = photo.convert("RGB").resize((14_500, 11_600))
    stream = io.BytesIO()
    (image.quantize(64) if mode == "P" else image.convert(mode)).save(stream, "PNG", compress_level=1)
    whole = np.asarray(image.resize(SIZE[::-1], Image.Resampling.BICUBIC), int)
    pool = DecodePool(1, WorkerSettings(DEFAULTS, memory_bytes=1 << 30))
    try:
        decoded = result(pool, stream.getvalue())
    finally:
        pool.close()
    assert isinstance(decoded, Decoded), decoded.detail
    assert np.abs(decoded.pictures[INPUT].astype(int) - whole).mean() < 12


def test_a_picture_of_24_megapixels_is_decoded_with_a_tenth_of_the_default_memory(photos: Path) -> None:
    with Image.open(photos / "china.jpg") as photo:
        data = encoded(photo.convert("RGBA").resize((6000, 4000)), "PNG", compress_level=1)
    pool = DecodePool(1, WorkerSettings(DEFAULTS, memory_bytes=200 << 20))
    try:
        assert isinstance(result(pool, data), Decoded)
    finally:
        pool.close()
