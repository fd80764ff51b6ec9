"""Local features are made of what is decoded anyway, and never cost a picture its place in the index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simd.featurize.decode.decode import DecodeLimits, decode, render
from simd.featurize.decode.localfeatures import local_features
from simd.featurize.decode.renditions import Features, Rendition, Stretched, Thumbnail
from simd.featurize.workers.pool import DecodePool, WorkerSettings
from simd.verify.features import EDGE, MAX_BYTES, MAX_QUERY_BYTES, LocalFeatures, extract
from simd.verify.opencv import available
from simd.verify.verdict import compare
from tests.featurize.drawings import assert_upright, encoded, quadrants
from tests.featurize.test_decode import with_orientation
from tests.featurize.test_workers import PATIENCE_S

needs_opencv = pytest.mark.skipif(not available(), reason="without the extra `verify`")

LARGE = DecodeLimits(1 << 28, 100_000_000)
MODEL = Stretched((224, 224))


def features(data: bytes, *others: Rendition, mirrored: bool = False) -> bytes:
    made = render(data, [*others, Features(mirrored)], LARGE).made[-1]
    assert isinstance(made, bytes)
    return made


@pytest.fixture(scope="module")
def photo(photos: Path) -> Image.Image:
    with Image.open(photos / "china.jpg") as image:
        return image.convert("RGB")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    """A confined worker."""
    pool = DecodePool(1, WorkerSettings(LARGE))
    yield pool
    pool.close()


@needs_opencv
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "P"])
@pytest.mark.parametrize("size", [(1500, 1000), (600, 400), (512, 341), (300, 200)])
def test_they_are_those_of_the_picture_made_small(photo: Image.Image, size: tuple[int, int], mode: str) -> None:
    image = photo.resize(size).convert(mode)
    if mode == "RGBA":
        image.putalpha(200)
    made = features(encoded(image, "TIFF" if mode == "CMYK" else "PNG"))
    found = LocalFeatures.from_bytes(made)
    width, height = (round(side * min(1.0, EDGE / max(size))) for side in size)
    small = photo.resize((width, height), Image.Resampling.BOX)
    expected = extract(np.asarray(small))
    assert (found.width, found.grey.shape) == (expected.width, expected.grey.shape)
    if mode in ("RGB", "L"):
        assert np.abs(found.grey.astype(int) - expected.grey).mean() < 3
        assert compare(extract(np.asarray(small), mirrored=True), found).same
    assert len(made) <= MAX_BYTES


@needs_opencv
def test_the_mirror_image_is_found_by_a_query(photo: Image.Image) -> None:
    query = features(encoded(photo, "JPEG"), mirrored=True)
    stored = features(encoded(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG"))
    verdict = compare(LocalFeatures.from_bytes(query), LocalFeatures.from_bytes(stored))
    assert verdict.same and verdict.mirrored
    assert MAX_BYTES >= len(stored) < len(query) <= MAX_QUERY_BYTES


@needs_opencv
@pytest.mark.parametrize("turn", range(1, 9))
def test_they_are_of_the_upright_picture(turn: int) -> None:
    image, exif = with_orientation(turn)
    turned = LocalFeatures.from_bytes(features(encoded(image, "PNG", exif=exif)))
    upright = LocalFeatures.from_bytes(features(encoded(quadrants(), "PNG")))
    assert (turned.width, turned.height) == (upright.width, upright.height)
    assert np.abs(turned.grey.astype(int) - upright.grey).max() <= 2


@needs_opencv
@pytest.mark.parametrize("size", [(4000, 3000), (1400, 800), (3024, 3024), (640, 480), (3, 2000), (1, 1)])
def test_a_jpeg_that_is_shrunk_for_the_model_is_enough_for_them(photo: Image.Image, size: tuple[int, int]) -> None:
    data = encoded(photo.resize(size), "JPEG")
    alone = features(data)
    assert features(data, MODEL) == features(data, Thumbnail(64), MODEL, Stretched((8, 8))) == alone
    if alone:
        assert max(LocalFeatures.from_bytes(alone).grey.shape) == min(96, max(size))
    assert alone or min(size) < 4, "none can be made of a line"


@pytest.mark.parametrize("size", [(4000, 3000), (640, 480)])
def test_a_models_input_is_the_same_with_them(photo: Image.Image, size: tuple[int, int]) -> None:
    data = encoded(photo.resize(size), "JPEG")
    for model in (MODEL, Stretched((96, 96)), Stretched((480, 480))):
        pixels, _ = render(data, [model, Features()], LARGE).made
        assert np.array_equal(np.asarray(pixels), decode(data, model.size, LARGE).pixels)


def test_a_confined_worker_makes_them(pool: DecodePool, photo: Image.Image) -> None:
    data = encoded(photo, "JPEG")
    for _ in range(2):
        decoded = pool.submit_bytes(data, MODEL, Features(mirrored=True)).result(PATIENCE_S)
        assert decoded.pictures[MODEL].shape == (224, 224, 3)
        assert decoded.features == features(data, MODEL, mirrored=True)
        assert bool(decoded.features) == available(), "without OpenCV there are none, and the picture is there"
    assert pool.lost == 0


def test_a_worker_makes_them_of_a_file(pool: DecodePool, photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(photo, "PNG"))
    found = pool.submit_file(bytes(path), lambda _: (Features(),)).result(PATIENCE_S)
    assert (
        bool(found.features) == available()
        and found.features is not None
        and not found.pictures
        and found.facts is not None
    )


def test_pictures_without_a_single_corner_are_decoded_as_ever(pool: DecodePool) -> None:
    for image in (Image.new("RGB", (1, 1)), Image.new("L", (300, 200), 7), quadrants()):
        decoded = pool.submit_bytes(encoded(image, "PNG"), MODEL, Features()).result(PATIENCE_S)
        assert decoded.features is not None and len(decoded.features) <= MAX_BYTES
        assert bool(decoded.features) == available()
    assert_upright(decoded.pictures[MODEL])


class Unreadable(Image.Image):
    """A picture that makes whoever looks at it fail."""

    def getbands(self) -> tuple[str, ...]:
        """Of what it has."""
        raise RuntimeError("a bug")


def test_a_failure_that_nobody_thought_of_costs_the_features_and_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert local_features(Unreadable(), 1, mirrored=False) == b""
    [record] = caplog.records
    assert record.exc_info is not None and "local features" in record.message
