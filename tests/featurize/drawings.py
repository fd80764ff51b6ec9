"""Small pictures to encode in every way, and how to look at what comes back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from simd.featurize.decode.decode import DecodeLimits
from simd.featurize.decode.renditions import Stretched
from simd.types import Pixels

LIMITS = DecodeLimits(max_bytes=1 << 24, max_pixels=1_000_000)
SIZE = (32, 48)
INPUT = Stretched(SIZE)
RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 40), (40, 50, 210), (250, 250, 250)


def quadrants(width: int = 96, height: int = 64) -> Image.Image:
    """Red and green above, blue and white below: every turn of it looks different."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """A file's bytes."""
    stream = io.BytesIO()
    image.save(stream, format_name, **options)
    return stream.getvalue()


def assert_upright(pixels: Pixels, tolerance: int = 24) -> None:
    """The quadrants are where `quadrants` put them."""
    assert pixels.dtype == np.uint8
    height, width, _ = pixels.shape
    for y, x, colour in ((1, 1, RED), (1, 3, GREEN), (3, 1, BLUE), (3, 3, WHITE)):
        found = pixels[y * height // 4, x * width // 4].astype(int)
        assert np.abs(found - colour).max() <= tolerance, (y, x, colour, found)
