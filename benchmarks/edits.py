"""What people do to a picture before it comes back: functions of a picture and of chance.

Written apart from the views that the default model learns from (`training/`). The kinds in `UNSEEN` it never learns
from at all: they tell whether it learned to see through edits or through these edits.
"""

from __future__ import annotations

import colorsys
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from benchmarks.renditions import of_any_size

Change = Callable[[Image.Image, random.Random], Image.Image]
"""An RGB picture and the source of chance -> the edited picture, RGB; equal states of chance give equal edits."""

EDGE = 640
"""The longer side of what is edited, in pixels: larger pictures are made smaller first, as the web does."""

_LEAST_SIDE = 24


@dataclass(frozen=True, slots=True)
class Edit:
    """A kind of edit, and how its result is saved.

    Attributes:
        name: in the table.
        change: makes it.
        quality: lowest and highest quality of the JPEG; None saves a PNG.
    """

    name: str
    change: Change
    quality: tuple[int, int] | None = None

    def file(self, picture: Image.Image, chance: random.Random) -> bytes:
        """The file of an edited copy."""
        edited, out = self.change(picture, chance), io.BytesIO()
        if self.quality is None:
            edited.save(out, "PNG", compress_level=1)
        else:
            edited.save(out, "JPEG", quality=chance.randint(*self.quality))
        return out.getvalue()


def opened(file: Path | IO[bytes]) -> Image.Image:
    """RGB, at most `EDGE` long, laid on white as most programs do, and not on simd's ground."""
    with of_any_size(), Image.open(file) as image:
        layered = image.convert("RGBA")
    layered.thumbnail((EDGE, EDGE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    ground = Image.new("RGBA", layered.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, layered).convert("RGB")


def rescale(image: Image.Image, chance: random.Random) -> Image.Image:
    """A fifth to three fifths of the size."""
    share = chance.uniform(0.2, 0.6)
    size = [max(_LEAST_SIDE, round(side * share)) for side in image.size]
    return image.resize((size[0], size[1]), Image.Resampling.BILINEAR)


def crop(image: Image.Image, chance: random.Random) -> Image.Image:
    """70 to 85 % of each side."""
    return _part(image, chance, 0.70, 0.85)


def hard_crop(image: Image.Image, chance: random.Random) -> Image.Image:
    """40 to 55 % of each side."""
    return _part(image, chance, 0.40, 0.55)


def mask(image: Image.Image, chance: random.Random) -> Image.Image:
    """A box of one colour over 25 to 45 % of each side."""
    image = image.copy()
    width, height = (round(side * chance.uniform(0.25, 0.45)) for side in image.size)
    left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
    ImageDraw.Draw(image).rectangle((left, top, left + width, top + height), fill=_colour(chance))
    return image


def watermark(image: Image.Image, chance: random.Random) -> Image.Image:
    """Words tiled over all of it, half transparent."""
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    size = max(8, round(max(image.size) * chance.uniform(0.06, 0.1)))
    text = chance.choice(("preview only", "(c) pictures.example", "NOT FOR SALE", "stock image"))
    ink = (*chance.choice(((255, 255, 255), (0, 0, 0), (128, 128, 128))), chance.randint(90, 160))
    font = ImageFont.load_default(size)
    step = round(draw.textlength(text, font=font)) + size
    for line, top in enumerate(range(0, image.height, 2 * size)):
        for left in range(-(line % 2) * step // 2, image.width, step):
            draw.text((left, top), text, font=font, fill=ink)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def colour(image: Image.Image, chance: random.Random) -> Image.Image:
    """Brightness, contrast and saturation up or down."""
    image = ImageEnhance.Brightness(image).enhance(chance.uniform(0.7, 1.35))
    image = ImageEnhance.Contrast(image).enhance(chance.uniform(0.6, 1.5))
    return ImageEnhance.Color(image).enhance(chance.uniform(0.2, 1.8))


def mirror(image: Image.Image, chance: random.Random) -> Image.Image:
    """Left is right."""
    return ImageOps.mirror(image)


def rotate(image: Image.Image, chance: random.Random) -> Image.Image:
    """8 to 25 degrees either way, the corners filled."""
    angle = chance.choice((-1, 1)) * chance.uniform(8, 25)
    fill = chance.choice(((255, 255, 255), (0, 0, 0)))
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=fill)


def combo(image: Image.Image, chance: random.Random) -> Image.Image:
    """Cropped, then written over, then made smaller; saved as a JPEG."""
    return rescale(watermark(crop(image, chance), chance), chance)


def perspective(image: Image.Image, chance: random.Random) -> Image.Image:
    """Seen from the side: each corner moved inwards by up to a fifth of the sides."""
    width, height = image.size
    dx, dy = ([chance.uniform(0.0, 0.2) * side for _ in range(4)] for side in image.size)
    ends = [(dx[0], dy[0]), (width - dx[1], dy[1]), (width - dx[2], height - dy[2]), (dx[3], height - dy[3])]
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    lines, values = [], []
    for (x, y), (u, v) in zip(ends, corners, strict=True):
        lines += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solved = np.linalg.solve(np.array(lines, np.float64), np.array(values, np.float64)).tolist()
    method, resample = Image.Transform.PERSPECTIVE, Image.Resampling.BICUBIC
    return image.transform(image.size, method, solved, resample, fillcolor=(255, 255, 255))


def noise(image: Image.Image, chance: random.Random) -> Image.Image:
    """Gaussian noise of 15 to 40 grey levels."""
    generator = np.random.default_rng(chance.getrandbits(32))
    grain = generator.normal(0.0, chance.uniform(15, 40), (image.height, image.width, 3))
    return _image(np.asarray(image, np.float32) + grain)


def hue(image: Image.Image, chance: random.Random) -> Image.Image:
    """Every hue turned by 40 to 320 degrees."""
    bands = list(image.convert("HSV").split())
    turn = round(chance.uniform(40, 320) / 360 * 256)
    bands[0] = bands[0].point([(value + turn) % 256 for value in range(256)])
    return Image.merge("HSV", bands).convert("RGB")


def mosaic(image: Image.Image, chance: random.Random) -> Image.Image:
    """24 to 48 squares along the longer side."""
    share = chance.randint(24, 48) / max(image.size)
    small = image.resize([max(4, round(side * share)) for side in image.size], Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.NEAREST)


def vignette(image: Image.Image, chance: random.Random) -> Image.Image:
    """Dark towards the corners, or towards one side and tinted."""
    x, y = np.meshgrid(np.linspace(-1, 1, image.width), np.linspace(-1, 1, image.height))
    depth = chance.uniform(0.5, 0.85)
    if chance.random() < 0.5:
        light = 1 - depth * np.clip((x**2 + y**2) / 2, 0, 1)
        return _image(np.asarray(image, np.float32) * light[:, :, None])
    side = (x if chance.random() < 0.5 else y) * chance.choice((-1, 1))
    share = (depth * (side + 1) / 2)[:, :, None]
    return _image(np.asarray(image, np.float32) * (1 - share) + np.array(_colour(chance), np.float32) * share)


def screenshot(image: Image.Image, chance: random.Random) -> Image.Image:
    """As a window shows it: a title above, a caption below, room around, 40 to 75 % of each side."""
    width, height = (round(side / chance.uniform(0.4, 0.75)) for side in image.size)
    dark = chance.random() < 0.5
    ground, ink = ((32, 33, 36), (232, 234, 237)) if dark else ((250, 250, 250), (32, 33, 36))
    page = Image.new("RGB", (width, height), ground)
    left, top = (width - image.width) // 2, round((height - image.height) * chance.uniform(0.3, 0.7))
    page.paste(image, (left, top))
    draw = ImageDraw.Draw(page)
    size = max(7, (height - image.height) // 8)
    font = ImageFont.load_default(size)
    draw.rectangle((0, 0, width, 2 * size), fill=_colour(chance))
    draw.text((size, size // 2), "pictures.example - my album", font=font, fill=(255, 255, 255))
    for line in range(2):
        draw.text((left, top + image.height + size // 2 + line * 2 * size), "liked by many of us", font=font, fill=ink)
    return page


def unchanged(image: Image.Image, chance: random.Random) -> Image.Image:
    """As it is: for what happens while it is saved."""
    return image


TRAINED = (
    Edit("rescale", rescale),
    Edit("jpeg", unchanged, quality=(8, 25)),
    Edit("crop", crop),
    Edit("hard_crop", hard_crop),
    Edit("mask", mask),
    Edit("watermark", watermark),
    Edit("colour", colour),
    Edit("mirror", mirror),
    Edit("rotate", rotate),
    Edit("combo", combo, quality=(30, 60)),
)
"""Kinds of which the default model's training has its own versions."""

UNSEEN = (
    Edit("perspective", perspective),
    Edit("noise", noise),
    Edit("hue", hue),
    Edit("mosaic", mosaic),
    Edit("vignette", vignette),
    Edit("screenshot", screenshot),
)
"""Kinds of which it has none."""

EDITS = {edit.name: edit for edit in (*TRAINED, *UNSEEN)}


def _part(image: Image.Image, chance: random.Random, least: float, most: float) -> Image.Image:
    width, height = (max(_LEAST_SIDE, round(side * chance.uniform(least, most))) for side in image.size)
    left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _colour(chance: random.Random) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(chance.random(), chance.uniform(0, 1), chance.uniform(0.2, 1))
    return round(255 * red), round(255 * green), round(255 * blue)


def _image(pixels: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
