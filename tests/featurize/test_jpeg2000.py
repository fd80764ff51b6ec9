"""JPEG 2000 of more than 8 bits a channel."""

from __future__ import annotations

import struct
from types import ModuleType

import numpy as np
import pytest
from PIL import ImageCms

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.decode import decode
from tests.featurize.drawings import LIMITS, SIZE

codecs = pytest.importorskip("imagecodecs")


def not_installed(name: str) -> ModuleType:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["jp2", "j2k"])
def test_the_white_of_a_deep_jpeg_2000_is_white_and_the_black_is_black(bits: int, channels: int, name: str) -> None:
    full = (1 << bits) - 1
    samples = np.full((64, 96, channels), full, np.uint16)
    samples[:, 48:, : channels - 1 if channels in (2, 4) else channels] = 0
    samples = samples[:, :, 0] if channels == 1 else samples
    data = codecs.jpeg2k_encode(samples, bitspersample=bits, level=0, codecformat=name)
    pixels = decode(bytes(data), SIZE, LIMITS).pixels
    assert (pixels[:, :20] == 255).all() and (pixels[:, 28:] == 0).all()


def test_without_the_extra_a_deep_jpeg_2000_is_named_and_so_is_the_extra() -> None:
    data = bytes(codecs.jpeg2k_encode(np.full((64, 96, 3), 65535, np.uint16), level=0))
    with pytest.raises(ImageRejected) as caught:
        decode(data, SIZE, LIMITS, load_module=not_installed)
    assert caught.value.reason is Reason.UNSUPPORTED
    assert "JPEG 2000" in caught.value.detail and "simd-images[formats]" in caught.value.detail


def test_a_deep_jpeg_2000_with_a_colour_profile_has_the_pixels_of_the_one_without() -> None:
    samples = np.linspace(0, 65535, 64 * 96 * 3).reshape(64, 96, 3).astype(np.uint16)
    data = bytes(codecs.jpeg2k_encode(samples, level=0, codecformat="jp2"))
    at = data.index(b"colr") - 4
    (size,) = struct.unpack_from(">I", data, at)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    colours = struct.pack(">I4sBBB", 11 + len(profile), b"colr", 2, 0, 0) + profile
    header = data.index(b"jp2h") - 4
    (header_size,) = struct.unpack_from(">I", data, header)
    grown = struct.pack(">I", header_size + len(colours) - size)
    with_profile = data[:header] + grown + data[header + 4 : at] + colours + data[at + size :]
    assert np.array_equal(decode(with_profile, SIZE, LIMITS).pixels, decode(data, SIZE, LIMITS).pixels)


def test_a_deep_jpeg_2000_of_inks_is_not_read_and_not_called_damaged() -> None:
    data = bytearray(codecs.jpeg2k_encode(np.zeros((64, 96, 4), np.uint16), level=0, codecformat="jp2"))
    struct.pack_into(">BBBI", data, data.index(b"colr") + 4, 1, 0, 0, 12)
    with pytest.raises(ImageRejected) as caught:
        decode(bytes(data), SIZE, LIMITS)
    assert caught.value.reason is Reason.UNSUPPORTED and "JPEG 2000" in caught.value.detail
