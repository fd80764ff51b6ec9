"""What is judged to be one picture, edited, may go: copies are told from what is like them."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from simd.insight.pairs.judge import judge, left_out
from simd.verify.features import LocalFeatures, extract
from simd.verify.opencv import available
from tests.verify.pictures import EDITS, drawing, photo, pixels

pytestmark = pytest.mark.skipif(not available(), reason="the extra `verify` is not installed")

PHOTOS = ("chelsea", "coffee", "astronaut", "great_wall", "lemurs", "horses")
FOUND = (
    "rescaled",
    "recompressed",
    "cropped",
    "cropped to a quarter",
    "masked",
    "marked",
    "colours",
    "grey",
    "mirrored",
)


def features(image: Image.Image) -> LocalFeatures:
    return extract(pixels(image))


@cache
def of_photo(name: str) -> LocalFeatures:
    return features(photo(name))


def arrow() -> Image.Image:
    image = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(image)
    draw.line((150, 280, 150, 40), fill="black", width=16)
    draw.polygon([(150, 20), (110, 90), (190, 90)], fill="black")
    draw.line((150, 280, 110, 240), fill="black", width=10)
    return image


def scene(moved: int = 0) -> Image.Image:
    """A drawing with a detail that may be elsewhere."""
    image = Image.new("RGB", (480, 360), "white")
    draw = ImageDraw.Draw(image)
    chance = np.random.default_rng(4)
    for _ in range(60):
        x, y, size = (int(value) for value in chance.integers((0, 0, 10), (420, 300, 60)))
        draw.rectangle(
            (x, y, x + size, y + size // 2), fill=tuple(chance.integers(0, 255, 3).tolist()), outline="black"
        )
    draw.ellipse((60 + moved, 60, 120 + moved, 120), fill="yellow", outline="black", width=4)
    draw.line((90 + moved, 90, 110 + moved, 70), fill="black", width=6)
    return image


@pytest.mark.parametrize("edit", FOUND)
def test_an_edited_photograph_is_the_same_picture_whichever_is_first(edit: str) -> None:
    for name in ("astronaut", "coffee", "lemurs"):
        copy = features(EDITS[edit](photo(name)))
        for found in (judge(of_photo(name), copy), judge(copy, of_photo(name))):
            assert found.same and found.mirrored == (edit == "mirrored"), name


def test_other_photographs_are_not() -> None:
    for one, other in itertools.combinations(PHOTOS, 2):
        assert not judge(of_photo(one), of_photo(other)).same


@pytest.mark.parametrize(("mirrored", "turned"), [*itertools.product((False, True), (0, 90, 180, 270))])
def test_how_a_copy_lies_in_the_other_is_told_without_its_mirror_image_being_kept(mirrored: bool, turned: int) -> None:
    image = photo("horses")
    seen = (ImageOps.mirror(image) if mirrored else image).rotate(-turned, expand=True)
    found = judge(features(seen), of_photo("horses"))
    assert (found.same, found.mirrored, found.turned) == (True, mirrored, turned)


def test_a_drawing_is_the_same_when_it_is_smaller_or_saved_anew() -> None:
    for edit in ("rescaled", "recompressed", "mirrored", "grey"):
        assert judge(features(scene()), features(EDITS[edit](scene()))).same, edit


def test_a_drawing_of_which_a_detail_is_another_is_another() -> None:
    assert not judge(features(scene()), features(scene(moved=200))).same
    assert not judge(features(drawing("A", "red")), features(drawing("B", "red"))).same


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_symbol_that_points_elsewhere_is_another(turned: int) -> None:
    assert judge(features(arrow()), features(arrow().rotate(turned))).same == (turned == 0)
    assert not judge(features(arrow()), features(ImageOps.mirror(arrow()))).same


def test_what_shows_nothing_or_is_too_small_is_left_out() -> None:
    images = (
        Image.new("RGB", (200, 200), "grey"),
        photo("chelsea").resize((24, 24)),
        photo("chelsea").resize((40, 30)),
    )
    assert [left_out(features(image)) for image in images] == ["flat", "tiny", ""]
