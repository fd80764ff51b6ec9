"""Whole pictures laid over each other: what has no details is compared as well, and nothing may be added."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from simd.verify.features import LocalFeatures, extract
from simd.verify.opencv import available
from simd.verify.overlay import agree, shows_something
from tests.verify.pictures import drawing, photo, pixels

pytestmark = pytest.mark.skipif(not available(), reason="the extra `verify` is not installed")


def features(image: Image.Image) -> LocalFeatures:
    return extract(pixels(image))


def same(one: Image.Image, other: Image.Image, *, mirrored: bool = False, quarter_turns: int = 0) -> bool:
    return agree(features(one), features(other), mirrored=mirrored, quarter_turns=quarter_turns)


def sky(colour: tuple[int, int, int] = (60, 110, 200), slope: float = 0.3) -> Image.Image:
    """A gradient, brighter below and to one side."""
    y, x = np.mgrid[0:300, 0:400] / 300
    light = np.clip(0.4 + 0.5 * y + slope * x * x, 0, 1)
    return Image.fromarray((light[..., None] * np.array(colour)).clip(0, 255).astype(np.uint8))


def blurred() -> Image.Image:
    return photo("coffee").filter(ImageFilter.GaussianBlur(25))


@pytest.mark.parametrize("picture", [sky(), blurred(), drawing("AB", "gold"), photo("chelsea")])
def test_a_picture_that_was_made_smaller_and_a_little_darker_is_the_same(picture: Image.Image) -> None:
    small = ImageEnhance.Brightness(picture.resize((picture.width // 3, picture.height // 3))).enhance(0.92)
    assert same(picture, small) and same(small, picture)


def test_a_sky_of_another_form_or_colour_is_another_sky() -> None:
    assert not same(sky(), sky(slope=-0.3))
    assert not same(sky(), sky(colour=(200, 110, 60)))


def test_nothing_may_be_added_anywhere() -> None:
    with_bird = sky()
    ImageDraw.Draw(with_bird).ellipse((200, 100, 216, 112), fill="black")
    assert not same(sky(), with_bird) and not same(with_bird, sky())
    assert not same(drawing("AB", "gold"), drawing("AC", "gold"))


def test_a_part_of_a_picture_is_not_the_whole() -> None:
    picture = photo("chelsea")
    assert not same(picture, picture.crop((0, 0, picture.width * 3 // 4, picture.height * 3 // 4)))
    assert not same(picture, picture.crop((0, 0, picture.width // 2, picture.height)))


@pytest.mark.parametrize("quarter_turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_it_is_laid_as_it_is_said_to_lie(mirrored: bool, quarter_turns: int) -> None:
    picture = photo("chelsea")
    lying = picture.rotate(90 * quarter_turns, expand=True)
    stored = ImageOps.mirror(lying) if mirrored else lying
    assert same(picture, stored, mirrored=mirrored, quarter_turns=quarter_turns)
    assert not same(picture, stored, mirrored=not mirrored, quarter_turns=quarter_turns)


def test_a_picture_of_one_colour_shows_nothing() -> None:
    assert not shows_something(features(Image.new("RGB", (200, 200), "teal")))
    assert not same(Image.new("RGB", (200, 200), "teal"), Image.new("RGB", (200, 200), "teal"))
    assert shows_something(features(sky()))
