"""Local features are small, the same for the same pixels, and whole or refused."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.errors import DamagedFeatures, InvalidRequest
from simd.types import Pixels
from simd.verify.features import EDGE, MAX_BYTES, MAX_QUERY_BYTES, LocalFeatures, extract
from simd.verify.opencv import available
from tests.verify.pictures import photo, pixels

pytestmark = pytest.mark.skipif(not available(), reason="the extra `verify` is not installed")


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    """As much to keep as a picture of this size can have."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def sealed(body: bytes) -> bytes:
    """With a checksum that fits."""
    return body + struct.pack("<I", zlib.crc32(body))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, EDGE), st.integers(1, EDGE), st.booleans())
def test_features_survive_their_bytes_which_are_few(height: int, width: int, mirrored: bool) -> None:
    features = extract(noise(height, width), mirrored=mirrored)
    data = features.to_bytes()
    assert len(data) <= (MAX_QUERY_BYTES if mirrored else MAX_BYTES)
    again = LocalFeatures.from_bytes(data)
    assert again.to_bytes() == data
    for name in ("points", "descriptors", "grey", "chroma"):
        np.testing.assert_array_equal(getattr(again, name), getattr(features, name))
    assert (again.mirrored is None) == (not mirrored)
    assert (again.width, again.height) == (features.width, features.height)


def test_the_limit_of_bytes_is_met_by_the_fullest_picture() -> None:
    full = extract(noise(EDGE, EDGE))
    assert len(full.points) > 200
    assert len(full.to_bytes()) <= MAX_BYTES


def test_the_same_pixels_give_the_same_features() -> None:
    given_ = pixels(photo("chelsea"))
    assert extract(given_, mirrored=True).to_bytes() == extract(given_.copy(), mirrored=True).to_bytes()


def test_the_picture_is_left_as_it_is() -> None:
    given_ = pixels(photo("chelsea")).copy()
    given_.flags.writeable = False
    before = given_.copy()
    extract(given_, mirrored=True)
    np.testing.assert_array_equal(given_, before)


def test_points_lie_in_the_picture() -> None:
    features = extract(pixels(photo("chelsea")))
    assert max(features.width, features.height) == 1.0
    assert (features.points >= 0).all()
    assert (features.points <= [features.width, features.height]).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((EDGE + 1, 8, 3), np.uint8), np.zeros((0, 8, 3), np.uint8), np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32),
    ],
    ids=lambda wrong: f"{wrong.dtype} {wrong.shape}",
)  # fmt: skip
def test_what_is_no_such_picture_is_refused(wrong: Pixels) -> None:
    with pytest.raises(InvalidRequest):
        extract(wrong)


def test_every_cut_and_every_flipped_byte_is_seen() -> None:
    data = extract(noise(40, 60)).to_bytes()
    for end in range(len(data)):
        with pytest.raises(DamagedFeatures):
            LocalFeatures.from_bytes(data[:end])
    for at in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[at] ^= 0x41
        with pytest.raises(DamagedFeatures):
            LocalFeatures.from_bytes(bytes(damaged))
    with pytest.raises(DamagedFeatures):
        LocalFeatures.from_bytes(data + b"\0")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_header_that_was_never_written_is_refused_whatever_the_checksum(data: st.DataObject) -> None:
    body = bytearray(extract(noise(40, 60)).to_bytes()[:-4])
    at = data.draw(st.integers(0, 14))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != body[at]))
    body[at] = value
    # A picture of another aspect is all that a header may say instead.
    try:
        features = LocalFeatures.from_bytes(sealed(bytes(body)))
    except DamagedFeatures:
        return
    assert max(features.width, features.height) == 1.0
    assert len(features.points) == len(features.descriptors) <= 256


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_refused(data: bytes) -> None:
    for given_ in (data, sealed(data), sealed(b"slf1" + data)):
        with pytest.raises(DamagedFeatures):
            LocalFeatures.from_bytes(given_)
