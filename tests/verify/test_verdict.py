"""Edits of a picture are told from other pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from simd.types import Pixels
from simd.verify.features import EDGE, LocalFeatures, extract
from simd.verify.verdict import available, compare

pytestmark = pytest.mark.skipif(not available(), reason="the extra `verify` is not installed")

PHOTOS = Path(__file__).parents[2] / "samples" / "photos"


def photo(name: str) -> Image.Image:
    """A sample as it is given for extraction."""
    with Image.open(PHOTOS / f"{name}.jpg") as image:
        picture = image.convert("RGB")
    picture.thumbnail((EDGE, EDGE))
    return picture


def pixels(image: Image.Image) -> Pixels:
    """uint8 `(height, width, 3)`."""
    return np.asarray(image)


def test_a_picture_is_the_same_as_itself() -> None:
    features = extract(pixels(photo("chelsea")))
    verdict = compare(features, features)
    assert verdict.same and verdict.share == 1.0 and not verdict.mirrored and verdict.quarter_turns == 0


def test_unlike_pictures_differ() -> None:
    verdict = compare(extract(pixels(photo("chelsea")), mirrored=True), extract(pixels(photo("kitten"))))
    assert not verdict.same


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_how_a_picture_was_turned_is_told(mirrored: bool, turns: int) -> None:
    image = photo("chelsea")
    turned = (ImageOps.mirror(image) if mirrored else image).rotate(-90 * turns, expand=True)
    verdict = compare(extract(pixels(turned), mirrored=True), extract(pixels(image)))
    assert (verdict.same, verdict.mirrored, verdict.quarter_turns) == (True, mirrored, turns)


def test_features_survive_their_bytes() -> None:
    features = extract(pixels(photo("chelsea")), mirrored=True)
    again = LocalFeatures.from_bytes(features.to_bytes())
    assert again.to_bytes() == features.to_bytes()
    assert compare(again, features) == compare(features, features)
