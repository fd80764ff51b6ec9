"""Damaged files of every format: a picture or a rejection each, and a pool that goes on."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from concurrent.futures import wait

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.decode import DecodeLimits
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from tests.featurize.drawings import INPUT, SIZE, encoded, quadrants
from tests.featurize.handmade import bmp
from tests.featurize.rawfile import dng
from tests.featurize.tiffs import DEFLATE, FLOAT, RGB, Tiff

LIMITS = DecodeLimits(max_bytes=1 << 22, max_pixels=4_000_000)
PATIENCE_S = 120.0


def seeds() -> dict[str, bytes]:
    """A small file of every format, some with metadata, alpha or frames to get lost in."""
    picture = quadrants(24, 16)
    clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    samples = np.asarray(picture)
    frames = {"save_all": True, "append_images": [clear.rotate(90), clear.rotate(180)]}
    found = {
        "JPEG": encoded(picture, "JPEG", exif=exif),
        "progressive JPEG": encoded(picture, "JPEG", progressive=True, quality=95),
        "CMYK JPEG": encoded(picture.convert("CMYK"), "JPEG"),
        "MPO": encoded(picture, "MPO", save_all=True, append_images=[picture]),
        "PNG": encoded(clear, "PNG", exif=exif),
        "palette PNG": encoded(picture.quantize(8), "PNG", transparency=1),
        "APNG": encoded(clear, "PNG", **frames),
        "GIF": encoded(clear, "GIF", **frames),
        "WEBP": encoded(clear, "WEBP", exif=exif, **frames),
        "lossless WEBP": encoded(clear, "WEBP", lossless=True),
        "TIFF": encoded(picture, "TIFF", compression="tiff_lzw", exif=exif),
        "JPEG TIFF": encoded(picture, "TIFF", compression="jpeg"),
        "BMP": encoded(picture.quantize(4), "BMP"),
        "AVIF": encoded(clear, "AVIF", exif=exif),
        "JPEG2000": encoded(clear, "JPEG2000"),
        "PPM": encoded(picture, "PPM"),
        "raw": dng(encoded(picture, "JPEG"), picture.size, sensor=32),
        "grey TIFF of 12 bits": Tiff(12).of(samples[:, :, 0].astype(int) * 16),
        "TIFF of colour planes": Tiff(16, RGB, planar=True).of(samples.astype(int) * 257),
        "BMP of bit fields": bmp(np.asarray(clear), 16, (0xF00, 0xF0, 0xF, 0xF000)),
        "TIFF of 10 bits": Tiff(10, RGB, tile=(16, 16), compression=DEFLATE).of(samples.astype(int) * 4),
        "big-endian BigTIFF of floats": Tiff(32, RGB, FLOAT, order=">", big=True).of(samples / 255),
    }
    if importlib.util.find_spec("pillow_heif"):
        importlib.import_module("pillow_heif").register_heif_opener()
        found["HEIC"] = encoded(clear, "HEIF", exif=exif.tobytes())
    if importlib.util.find_spec("pillow_jxl"):
        importlib.import_module("pillow_jxl")
        found["JXL"] = encoded(clear, "JXL")
    if importlib.util.find_spec("imagecodecs"):
        codecs = importlib.import_module("imagecodecs")
        wide = samples.astype(np.uint16) * 257
        found["JPEG-LS"] = bytes(codecs.jpegls_encode(samples))
        found["JPEG of 12 bits"] = bytes(codecs.jpeg8_encode(wide >> 4, bitspersample=12))
        found["deep JPEG2000"] = bytes(codecs.jpeg2k_encode(wide))
        found["animated JXL"] = bytes(codecs.jpegxl_encode(np.stack([samples, samples[::-1]])))
    return found


SEEDS = seeds()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with bytes overwritten, cut out, doubled, or cut off; numbers at the edges are likelier than others."""
    data = bytearray(SEEDS[draw(st.sampled_from(sorted(SEEDS)))])
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        count = draw(st.integers(1, 16))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + count] = draw(st.binary(min_size=count, max_size=count))
            case 1:
                data[at : at + 4] = draw(
                    st.sampled_from([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"])
                )
            case 2:
                del data[at : at + count]
            case 3:
                data[at:at] = data[at : at + count] * draw(st.integers(1, 200))
            case _:
                del data[at:]
    return bytes(data)


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    pool = DecodePool(2, WorkerSettings(LIMITS, timeout_s=20.0, memory_bytes=512 << 20))
    yield pool
    pool.close()


def assert_every_one_has_an_outcome(pool: DecodePool, files: list[bytes]) -> None:
    futures = [pool.submit_bytes(data, INPUT) for data in files]
    assert not wait(futures, PATIENCE_S).not_done
    for future in futures:
        error = future.exception()
        if error is None:
            assert future.result().pictures[INPUT].shape == (*SIZE, 3)
        else:
            assert isinstance(error, ImageRejected), error
            assert error.detail


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=st.lists(damaged(), min_size=1, max_size=16))
def test_a_damaged_file_gives_a_picture_or_a_rejection_and_the_pool_goes_on(
    pool: DecodePool, files: list[bytes]
) -> None:
    assert_every_one_has_an_outcome(pool, files)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=st.lists(damaged(), min_size=1, max_size=32))
def test_tens_of_thousands_of_damaged_files_give_a_picture_or_a_rejection_each(
    pool: DecodePool, files: list[bytes]
) -> None:
    assert_every_one_has_an_outcome(pool, files)


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_a_sound_file_of_every_format_is_decoded_by_the_same_pool(pool: DecodePool, name: str) -> None:
    error = pool.submit_bytes(SEEDS[name], INPUT).exception(PATIENCE_S)
    if isinstance(error, ImageRejected) and error.reason is Reason.UNSUPPORTED:
        assert "simd-images[formats]" in error.detail
    else:
        assert error is None
