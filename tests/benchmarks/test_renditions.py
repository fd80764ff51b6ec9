"""Pictures are decoded as the daemon decodes them, and kept by their content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.renditions import Pictures, fitted
from simd.featurize.decode.decode import DecodeLimits, decode


@dataclass(frozen=True)
class Bytes:
    content: bytes

    @property
    def identity(self) -> str:
        return self.content.hex()[:64]

    def read(self) -> bytes:
        return self.content


def test_pixels_are_the_decoders_and_black_where_there_are_none(photos: Path, tmp_path: Path) -> None:
    photo = sorted(photos.iterdir())[0].read_bytes()
    pictures = Pictures("some", [Bytes(b"no picture"), Bytes(photo)], processes=1, cache=tmp_path)
    black, found = pictures.stretched(224)
    assert not black.any()
    expected = decode(photo, (224, 224), DecodeLimits(max_bytes=1 << 29, max_pixels=1 << 28)).pixels
    np.testing.assert_array_equal(found, expected)
    assert pictures.stretched(288).shape == (2, 288, 288, 3)


def test_the_key_tells_the_content(photos: Path) -> None:
    one, other = (Pictures("some", [Bytes(content)], processes=1) for content in (b"one", b"other"))
    assert one.key != other.key
    assert one.key == Pictures("another name", [Bytes(b"one")], processes=2).key


def test_a_fitted_picture_keeps_its_shape_and_is_not_enlarged(photos: Path) -> None:
    path = sorted(photos.iterdir())[0]
    with Image.open(path) as image:
        width, height = image.size
    found = fitted(Bytes(path.read_bytes()), 128)
    assert max(found.shape[:2]) == 128
    assert abs(found.shape[1] / found.shape[0] - width / height) < 0.02
    assert fitted(Bytes(path.read_bytes()), 100_000).shape == (height, width, 3)
