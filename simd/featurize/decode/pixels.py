"""A decoded picture of any mode and size -> the model's input: uint8 `(height, width, 3)` RGB.

* Resizing is bicubic with antialiasing, which the default network was trained with, and stretches the whole picture.
  Boxes of pixels are averaged first, which is several times cheaper for large pictures. It comes before composing,
  turning and converting, which are then cheap; alpha is premultiplied meanwhile, so the result is the same.
* A large picture that must be converted is converted and reduced band by band: whole, it would be held once or twice
  more. The result is the same.
* Transparency is laid on nearly white.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from simd.featurize.decode.levels import extent, high_bits
from simd.types import Pixels

BAND_PIXELS = 1 << 18
"""A picture of more is converted in bands of about so many pixels, which fit the processor's caches."""

_REDUCING_GAP = 2.0
"""To how many times the size boxes are averaged. The vectors of photographs have a mean cosine of 0.9992 to those of
resizing at once; a JPEG of quality 85 changes as much (0.9990), and copies in other formats and sizes stay as near.
"""

_GROUND = (240, 240, 240)
"""What shows through where a picture is transparent. Nearly white, because that is what other programs flatten on (the
mean cosine of 400 cliparts to copies flattened on white is 0.90 with it and 0.79 with a medium grey), and not quite
white, so that a white logo does not vanish."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by the EXIF orientation; others need nothing."""
SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that swap width and height."""

Converter = Callable[[Image.Image], Image.Image]
Box = tuple[int, int, int, int]


def model_input(image: Image.Image, size: tuple[int, int], orientation: int, band_pixels: int = BAND_PIXELS) -> Pixels:
    """The pixels that a model takes.

    Args:
        image: decoded, of any mode.
        size: height and width to stretch it to.
        orientation: how the camera was held, 1 to 8 as in EXIF; anything else is upright.
        band_pixels: how much to convert at once; it decides about memory, and not about the result.

    Raises:
        ImageRejected: the picture has no finite value.
    """
    return np.array(on_ground(upright(image, size, orientation, band_pixels)), dtype=np.uint8)


def upright(image: Image.Image, size: tuple[int, int], orientation: int, band_pixels: int = BAND_PIXELS) -> Image.Image:
    """The picture stretched to a size and turned, as L, RGB, RGBA, RGBa or CMYK; for the rest see `model_input`."""
    height, width = size
    small = _resized(image, (height, width) if orientation in SIDEWAYS else (width, height), band_pixels)
    return small.transpose(TURNS[orientation]) if orientation in TURNS else small


def fitted(image: Image.Image, edge: int, orientation: int) -> tuple[int, int]:
    """Height and width of the upright picture, made so small that no edge is longer."""
    width, height = image.size[::-1] if orientation in SIDEWAYS else image.size
    scale = min(1.0, edge / max(width, height))
    return max(1, round(height * scale)), max(1, round(width * scale))


def on_ground(image: Image.Image) -> Image.Image:
    """What `upright` gave as RGB; where it is transparent, the ground shows through."""
    if image.mode not in ("RGBa", "RGBA"):
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (*_GROUND, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _resized(image: Image.Image, size: tuple[int, int], band_pixels: int) -> Image.Image:
    """The picture at this size, as L, RGB, RGBA, CMYK or RGBa, just as `Image.resize` does it in one call."""
    if image.size == size and image.has_transparency_data and image.mode not in ("La", "I;16"):
        return image.convert("RGBA")
    convert = _converter(image, band_pixels)
    if convert is None:
        return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=_REDUCING_GAP)
    columns, rows = (max(1, int(side / wanted / _REDUCING_GAP)) for side, wanted in zip(image.size, size, strict=True))
    # Where the last box is not a whole one, the picture ends within it.
    ends = (0.0, 0.0, image.width / columns, image.height / rows)
    reduced = _reduced(image, (columns, rows), convert, band_pixels)
    return reduced.resize(size, Image.Resampling.BICUBIC, box=ends)


def _reduced(image: Image.Image, factors: tuple[int, int], convert: Converter, band_pixels: int) -> Image.Image:
    """The picture converted, each box of so many columns and rows averaged."""
    columns, rows = factors
    joined: Image.Image | None = None
    for box in _bands(image, band_pixels, rows):
        part = convert(image.crop(box))
        if factors != (1, 1):
            part = part.reduce(factors)
        joined = joined or Image.new(part.mode, (-(-image.width // columns), -(-image.height // rows)))
        joined.paste(part, (0, box[1] // rows))
    assert joined is not None
    return joined


def _bands(image: Image.Image, pixels: int, multiple: int = 1) -> Iterator[Box]:
    """Boxes of about so many pixels, from the top to the bottom, each a multiple of so many rows."""
    rows = max(1, pixels // (image.width * multiple)) * multiple
    for top in range(0, image.height, rows):
        yield 0, top, image.width, min(top + rows, image.height)


def _converter(image: Image.Image, band_pixels: int) -> Converter | None:
    """What brings a band of a picture to a mode that can be resized: L, RGB or RGBa. None if it is in one already."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _keyed(image, _to_eight_bits(image, band_pixels))
    if _is_opaque(image, band_pixels):
        return lambda band: band.convert("RGB")
    if image.mode == "La":
        return lambda band: band.convert("LA").convert("RGBA").convert("RGBa")
    if image.has_transparency_data:
        return lambda band: band.convert("RGBA").convert("RGBa")
    if image.mode in ("L", "RGB", "CMYK"):
        return None
    return lambda band: band.convert("L" if image.mode == "1" else "RGB")


def _is_opaque(image: Image.Image, band_pixels: int) -> bool:
    """Whether a picture has an alpha channel that says nothing; without it, resizing is cheaper and the same."""
    return image.mode == "RGBA" and all(
        image.crop(box).getchannel("A").getextrema() == (255, 255) for box in _bands(image, band_pixels)
    )


def _to_eight_bits(image: Image.Image, band_pixels: int) -> Converter:
    """Grey values of a wider type as 0..255: 16-bit by its high byte, anything else by its own range."""
    scale = high_bits(16)
    if not image.mode.startswith("I;"):
        measured = extent(np.asarray(image.crop(box)) for box in _bands(image, band_pixels))
        if image.mode == "F" or not measured.within_16_bits:
            scale = measured.scale
    return lambda band: Image.fromarray(scale(np.asarray(band)))


def _keyed(image: Image.Image, convert: Converter) -> Converter:
    """The same, with the one grey value that is transparent, if there is one."""
    key = image.info.get("transparency")
    if key is None:
        return convert

    def with_alpha(band: Image.Image) -> Image.Image:
        alpha = Image.fromarray(np.where(np.asarray(band) == key, 0, 255).astype(np.uint8))
        return Image.merge("LA", (convert(band), alpha)).convert("RGBA").convert("RGBa")

    return with_alpha
