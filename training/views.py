"""Doctored copies of a picture, at random: what the network learns to see through.

Broader than the edits that `benchmarks/quality.py` measures with, and not the same code. Perspective, noise, turned
hues, mosaics, vignettes and framing as in a screenshot are left out on purpose: they are measured as never seen.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

SIDE = 224

_Edit = Callable[[Image.Image, random.Random], Image.Image]
_WORDS = "sample draft copy preview stock photo archive property shop.org demo hello 2024 (r) mine".split()


def clean(picture: Image.Image) -> Image.Image:
    """The picture as it is indexed: stretched to the model's size."""
    return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def doctored(picture: Image.Image, chance: random.Random, other: Image.Image) -> Image.Image:
    """A copy edited in several ways, in any order, stretched to the model's size.

    Args:
        picture: RGB.
        chance: decides; equal states give equal copies.
        other: what the copy may be laid upon.
    """
    edits = [edit for share, edit in _EDITS if chance.random() < share]
    if chance.random() < 0.12:
        edits.append(lambda image, chance: _inset(image, chance, other))
    chance.shuffle(edits)
    for edit in edits:
        picture = edit(picture, chance)
    return clean(_jpeg(picture, chance) if chance.random() < 0.5 else picture)


def _crop(image: Image.Image, chance: random.Random) -> Image.Image:
    share, aspect = chance.uniform(0.35, 0.97), chance.uniform(0.85, 1.18)
    width = max(1, int(min(image.width, image.width * share * aspect)))
    height = max(1, int(min(image.height, image.height * share / aspect)))
    left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _turn(image: Image.Image, chance: random.Random) -> Image.Image:
    angle = chance.uniform(-35, 35) if chance.random() < 0.85 else chance.choice([90, 180, 270])
    fill = chance.choice([(0, 0, 0), (255, 255, 255), (chance.randint(0, 255),) * 3])
    expand = chance.random() < 0.6
    return image.rotate(angle, Image.Resampling.BILINEAR, expand=expand, fillcolor=fill)


def _mirror(image: Image.Image, chance: random.Random) -> Image.Image:
    return ImageOps.mirror(image)


def _mask(image: Image.Image, chance: random.Random) -> Image.Image:
    image = image.copy()
    draw = ImageDraw.Draw(image)
    for _ in range(chance.randint(1, 3)):
        width, height = (max(1, int(side * chance.uniform(0.1, 0.5))) for side in image.size)
        left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
        grey = (chance.choice([0, 128, 255]),) * 3
        fill = _colour(chance) if chance.random() < 0.5 else grey
        draw.rectangle((left, top, left + width, top + height), fill=fill)
    return image


def _write(image: Image.Image, chance: random.Random) -> Image.Image:
    """Words over the picture, tiled or here and there, half transparent."""
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    size = max(8, int(image.width * chance.uniform(0.05, 0.22)))
    text = " ".join(chance.sample(_WORDS, chance.randint(1, 3)))
    fill = (*chance.choice([(255, 255, 255), (0, 0, 0), _colour(chance)]), chance.randint(70, 255))
    font = ImageFont.load_default(size)
    if chance.random() < 0.6:
        across, down = size * chance.randint(4, 9), int(size * chance.uniform(1.5, 4)) + 1
        for top in range(0, image.height, down):
            for left in range(-size, image.width, across):
                draw.text((left + chance.randint(0, size), top), text, font=font, fill=fill)
    else:
        for _ in range(chance.randint(1, 4)):
            place = chance.randint(-size, image.width - 1), chance.randint(0, image.height - 1)
            draw.text(place, text, font=font, fill=fill)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _recolour(image: Image.Image, chance: random.Random) -> Image.Image:
    image = ImageEnhance.Brightness(image).enhance(chance.uniform(0.5, 1.6))
    image = ImageEnhance.Contrast(image).enhance(chance.uniform(0.5, 1.6))
    return ImageEnhance.Color(image).enhance(chance.uniform(0, 1.8))


def _drain(image: Image.Image, chance: random.Random) -> Image.Image:
    return ImageOps.grayscale(image).convert("RGB") if chance.random() < 0.7 else ImageOps.posterize(image, 3)


def _blur(image: Image.Image, chance: random.Random) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(chance.uniform(0.4, 2)))


def _shrink(image: Image.Image, chance: random.Random) -> Image.Image:
    scale, aspect = chance.uniform(0.2, 0.7), chance.uniform(0.8, 1.25)
    size = max(32, int(image.width * scale)), max(32, int(image.height * scale * aspect))
    return image.resize(size, Image.Resampling.BILINEAR)


def _border(image: Image.Image, chance: random.Random) -> Image.Image:
    return ImageOps.expand(image, max(1, int(min(image.size) * chance.uniform(0.03, 0.2))), _colour(chance))


def _inset(image: Image.Image, chance: random.Random, other: Image.Image) -> Image.Image:
    width, height = (int(side * chance.uniform(1.1, 1.7)) + 1 for side in image.size)
    ground = other.resize((width, height))
    ground.paste(image, (chance.randint(0, width - image.width), chance.randint(0, height - image.height)))
    return ground


def _jpeg(image: Image.Image, chance: random.Random) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=chance.randint(6, 60))
    return Image.open(stream).convert("RGB")


def _colour(chance: random.Random) -> tuple[int, int, int]:
    return chance.randint(0, 255), chance.randint(0, 255), chance.randint(0, 255)


_EDITS: tuple[tuple[float, _Edit], ...] = (
    (0.7, _crop),
    (0.35, _turn),
    (0.3, _mirror),
    (0.3, _mask),
    (0.35, _write),
    (0.5, _recolour),
    (0.1, _drain),
    (0.15, _blur),
    (0.35, _shrink),
    (0.1, _border),
)
"""How often each is used."""
