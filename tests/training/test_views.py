"""Doctored copies to learn from."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from training.views import SIDE, clean, doctored

SIZES = [(1, 1), (384, 3), (3, 384), (20, 384), (384, 256)]


def picture(size: tuple[int, int], seed: int = 1) -> Image.Image:
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_of_any_size_can_be_doctored_in_any_way(size: tuple[int, int]) -> None:
    image = picture(size)

    made = {doctored(image, random.Random(seed), image).size for seed in range(60)}

    assert made == {(SIDE, SIDE)}


def test_the_same_chance_makes_the_same_copy_and_another_one_another() -> None:
    image, other = picture((300, 200)), picture((200, 300), seed=2)

    copies = [doctored(image, random.Random(seed), other).tobytes() for seed in (1, 1, 2)]

    assert copies[0] == copies[1] != copies[2]


def test_the_picture_itself_is_left_as_it_was() -> None:
    image = picture((300, 200))
    before = image.tobytes()

    for seed in range(60):
        doctored(image, random.Random(seed), image)

    assert image.tobytes() == before
    assert clean(image).size == (SIDE, SIDE)
