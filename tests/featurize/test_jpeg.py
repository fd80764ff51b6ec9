"""JPEGs that lack their end, and JPEGs of other kinds than the usual ones."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.decode import decode
from simd.featurize.decode.jpeg import frame_of
from simd.types import ImageFacts, Pixels
from tests.featurize.drawings import LIMITS, SIZE, encoded, quadrants

END = b"\xff\xd9"


def not_installed(name: str) -> ModuleType:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def read(data: bytes) -> Pixels:
    return decode(data, SIZE, LIMITS).pixels


def refused(data: bytes) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        read(data)
    return caught.value


@pytest.fixture(scope="module")
def photo(photos: Path) -> Image.Image:
    with Image.open(photos / "chelsea.jpg") as image:
        return image.convert("RGB").resize((150, 100), Image.Resampling.BICUBIC)


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline": ("RGB", {}),
    "progressive": ("RGB", {"progressive": True}),
    "grey": ("L", {}),
    "inks": ("CMYK", {}),
    "4:4:4": ("RGB", {"subsampling": 0}),
    "restarts in every row": ("RGB", {"restart_marker_rows": 1}),
    "restarts in every block": ("RGB", {"restart_marker_blocks": 1}),
    "progressive with restarts": ("RGB", {"progressive": True, "restart_marker_rows": 1}),
}


@pytest.fixture(scope="module", params=KINDS)
def jpeg(request: pytest.FixtureRequest, photo: Image.Image) -> bytes:
    mode, options = KINDS[request.param]
    data = encoded(photo.convert(mode), "JPEG", quality=85, **options)
    assert data.endswith(END)
    return data


@pytest.mark.parametrize("lost", [1, 2])
def test_a_jpeg_without_its_end_mark_is_read_because_every_pixel_is_there(jpeg: bytes, lost: int) -> None:
    assert np.array_equal(read(jpeg[:-lost]), read(jpeg))


def test_zeros_in_place_of_the_end_mark_change_nothing(jpeg: bytes) -> None:
    assert np.array_equal(read(jpeg[:-2] + bytes(5000)), read(jpeg))


def test_a_jpeg_that_lacks_a_bit_of_its_last_pixels_is_truncated(jpeg: bytes) -> None:
    scan = jpeg.rindex(b"\xff\xda")
    for end in [*range(len(jpeg) - 40, len(jpeg) - 3), *range(scan, len(jpeg) - 40, 61)]:
        assert refused(jpeg[:end]).reason is Reason.TRUNCATED, len(jpeg) - end


@pytest.mark.parametrize("part", [0.3, 0.7])
@pytest.mark.parametrize("zeros", [2000, 200_000])
def test_a_jpeg_whose_rest_is_zeros_is_truncated_and_not_half_a_picture(jpeg: bytes, part: float, zeros: int) -> None:
    """As a download leaves it that was given its room beforehand."""
    assert refused(jpeg[: int(len(jpeg) * part)] + bytes(zeros)).reason in (Reason.TRUNCATED, Reason.CORRUPT)


def test_a_progressive_jpeg_cut_between_two_scans_is_truncated(photo: Image.Image) -> None:
    data = encoded(photo, "JPEG", progressive=True, quality=85)
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 4
    for scan in scans[1:]:
        # Huffman tables may stand before a scan.
        tables = data.rfind(b"\xff\xc4", 0, scan)
        for end in (scan, tables):
            assert refused(data[:end]).reason is Reason.TRUNCATED


def test_what_follows_the_end_of_a_jpeg_changes_nothing(jpeg: bytes) -> None:
    for more in (b"\0", bytes(5000), b"a film of the moment before" * 100):
        assert np.array_equal(read(jpeg + more), read(jpeg))


codecs = pytest.importorskip("imagecodecs")

COLOURS = np.asarray(quadrants())

WIDE = {
    "JPEG-LS": codecs.jpegls_encode(COLOURS),
    "grey JPEG-LS": codecs.jpegls_encode(COLOURS[:, :, 0].copy()),
    "JPEG-LS of 16 bits": codecs.jpegls_encode(COLOURS.astype(np.uint16) * 257),
    "12 bits": codecs.jpeg8_encode(COLOURS.astype(np.uint16) * 16 + 8, bitspersample=12, level=95),
    "lossless": codecs.jpeg8_encode(COLOURS, lossless=True),
    "grey, lossless of 16 bits": codecs.jpeg8_encode(
        COLOURS[:, :, 0].astype(np.uint16) * 257, bitspersample=16, lossless=True
    ),
}


@pytest.mark.parametrize("name", WIDE)
def test_a_jpeg_of_a_rare_kind_looks_like_the_usual_one(name: str) -> None:
    image = Image.fromarray(COLOURS[:, :, 0].copy() if "grey" in name else COLOURS)
    wanted = read(encoded(image, "PNG")).astype(int)
    picture = decode(bytes(WIDE[name]), SIZE, LIMITS)
    assert np.abs(picture.pixels.astype(int) - wanted).mean() < 2
    assert picture.facts == ImageFacts(96, 64, "JPEG", False)


@pytest.mark.parametrize("name", ["JPEG-LS", "JPEG-LS of 16 bits", "12 bits", "grey, lossless of 16 bits"])
def test_without_the_extra_a_rare_kind_of_jpeg_is_named_and_so_is_the_extra(name: str) -> None:
    with pytest.raises(ImageRejected) as caught:
        decode(bytes(WIDE[name]), SIZE, LIMITS, load_module=not_installed)
    assert caught.value.reason is Reason.UNSUPPORTED
    assert "JPEG" in caught.value.detail and "simd-images[formats]" in caught.value.detail


@pytest.mark.parametrize(("process", "name"), [(0xC5, "hierarchical"), (0xCF, "hierarchical"), (0xCB, "lossless")])
def test_a_jpeg_of_a_kind_that_nothing_reads_is_named_and_not_called_damaged(process: int, name: str) -> None:
    data = encoded(quadrants(), "JPEG").replace(b"\xff\xc0", bytes((0xFF, process)), 1)
    error = refused(data)
    assert error.reason is Reason.UNSUPPORTED and name in error.detail


def test_a_jpeg_whose_height_comes_later_is_not_read_and_not_called_damaged() -> None:
    data = bytearray(encoded(quadrants(), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 2] = b"\0\0"
    error = refused(bytes(data))
    assert error.reason is Reason.UNSUPPORTED and "DNL" in error.detail


def test_a_rare_kind_with_too_many_pixels_is_refused_from_its_header() -> None:
    data = bytearray(WIDE["JPEG-LS"])
    struct.pack_into(">HH", data, data.index(b"\xff\xf7") + 5, 60_000, 60_000)
    error = refused(bytes(data))
    assert error.reason is Reason.TOO_MANY_PIXELS and "60000 x 60000" in error.detail


@pytest.mark.parametrize("name", ["JPEG-LS", "12 bits", "grey, lossless of 16 bits"])
@pytest.mark.parametrize("fraction", [0.4, 0.8])
def test_a_rare_kind_cut_short_is_truncated(name: str, fraction: float) -> None:
    assert refused(bytes(WIDE[name][: int(len(WIDE[name]) * fraction)])).reason is Reason.TRUNCATED


def test_the_frame_is_found_behind_whatever_segments_come_before_it() -> None:
    exif = Image.Exif()
    exif[0x010E] = "\xff\xc1 is no frame here" * 500
    stream = io.BytesIO()
    quadrants(80, 50).save(stream, "JPEG", exif=exif, comment=b"\xff\xf7 nor here")
    frame = frame_of(stream.getvalue())
    assert frame is not None and (frame.width, frame.height, frame.bits, frame.process) == (80, 50, 8, 0xC0)
    assert frame_of(stream.getvalue()[:300]) is None
