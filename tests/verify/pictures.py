"""Pictures to compare, as they are given for extraction, and what is done to them."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from simd.types import Pixels
from simd.verify.features import EDGE

PHOTOS = Path(__file__).parents[2] / "samples" / "photos"


@cache
def photo(name: str) -> Image.Image:
    """A sample, at its full size."""
    with Image.open(PHOTOS / f"{name}.jpg") as image:
        return image.convert("RGB")


def drawing(label: str, colour: str) -> Image.Image:
    """A flat one: a coloured badge with letters on it."""
    image = Image.new("RGB", (400, 400), "white")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((40, 40, 360, 360), 60, fill=colour, outline="black", width=8)
    draw.polygon([(80, 320), (140, 200), (220, 330)], fill="white", outline="black", width=5)
    draw.text((70, 60), label, fill="black", font_size=110)
    return image


def pixels(image: Image.Image) -> Pixels:
    """uint8 `(height, width, 3)`, the longer edge `EDGE` or less."""
    small = image.copy()
    small.thumbnail((EDGE, EDGE))
    return np.asarray(small)


def _jpeg(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=15)
    return Image.open(out).convert("RGB")


def _part(image: Image.Image, low: float, high: float) -> Image.Image:
    width, height = image.size
    return image.crop((int(width * low), int(height * low), int(width * high), int(height * high)))


def _masked(image: Image.Image) -> Image.Image:
    copy, (width, height) = image.copy(), image.size
    ImageDraw.Draw(copy).rectangle((width // 4, height // 3, width * 3 // 5, height * 2 // 3), fill="black")
    return copy


def _marked(image: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", image.size)
    draw = ImageDraw.Draw(layer)
    size = max(image.size) // 16
    for row, top in enumerate(range(0, image.height, size * 3)):
        for left in range(-size * (row % 3), image.width, size * 6):
            draw.text((left, top), "sample", fill=(255, 255, 255, 110), font_size=size)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _coloured(image: Image.Image) -> Image.Image:
    return ImageEnhance.Color(ImageEnhance.Contrast(image).enhance(0.75)).enhance(1.5)


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "rescaled": lambda image: image.resize((image.width * 2 // 5, image.height * 2 // 5)),
    "recompressed": _jpeg,
    "cropped": lambda image: _part(image, 0.1, 0.9),
    "cropped to a quarter": lambda image: _part(image, 0.3, 0.8),
    "masked": _masked,
    "marked": _marked,
    "colours": _coloured,
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "mirrored": ImageOps.mirror,
    "turned a little": lambda image: image.rotate(12, Image.Resampling.BICUBIC, expand=True, fillcolor="white"),
    "several": lambda image: _jpeg(ImageOps.mirror(_part(image, 0.1, 0.85)).reduce(2)),
}
