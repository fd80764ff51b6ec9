"""A decoded picture -> 16 bytes that name what it shows, whichever file holds it.

BLAKE2b-128 over the size of the upright picture and its pixels, row by row. So that one picture has one digest:

* Grey, palettes and black and white count as the colours they are; grey of 16 bits whose values are all those of 8 bits
  counts as grey of 8.
* An alpha channel that is opaque throughout counts as none, and where a picture is transparent, its colour does not
  count: lossless WebP does not keep it.
* The colour profile is metadata, and does not count.

CMYK and other colours are never taken for RGB. What decoding leaves out cannot be compared: `decode.py` gives such a
file a digest of its own (`digest_of_file`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from simd.featurize.decode.pixels import BAND_PIXELS, SIDEWAYS, TURNS, Box

DIGEST_BYTES = 16

_OF_PIXELS, _OF_FILE = b"simd pixels 1", b"simd file 1"
_COLOURS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX")
"""The modes of 8 bits that are RGB in the end."""
_STEP = 257
"""What 16 bits have for each of the 256 values of 8 bits."""

Samples = npt.NDArray[Any]
Reader = Callable[[Image.Image], Samples]


def digest_of_pixels(image: Image.Image, orientation: int, band_pixels: int = BAND_PIXELS) -> bytes:
    """What names the picture.

    Args:
        image: decoded, of any mode.
        orientation: how the camera was held, 1 to 8 as in EXIF; anything else is upright.
        band_pixels: how much to look at at once; it decides about memory, and not about the result.
    """
    kind, read = _reader(image, band_pixels)
    width, height = image.size[::-1] if orientation in SIDEWAYS else image.size
    digest = hashlib.blake2b(f"{kind} {width}x{height}:".encode(), digest_size=DIGEST_BYTES, person=_OF_PIXELS)
    for box in _bands(width, height, band_pixels):
        band = image.crop(_unturned(box, width, height, orientation))
        if orientation in TURNS:
            band = band.transpose(TURNS[orientation])
        digest.update(np.ascontiguousarray(read(band)).data)
    return digest.digest()


def digest_of_file(data: bytes) -> bytes:
    """What names a file of which decoding shows a part only: no other content has it."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES, person=_OF_FILE).digest()


def _reader(image: Image.Image, band_pixels: int) -> tuple[str, Reader]:
    """What kind of samples a picture has in the end, and what makes them of a band of it."""
    if image.mode in _COLOURS:
        return _simplest(image, _colours_with_alpha if image.has_transparency_data else _colours, band_pixels)
    if image.mode.startswith("I"):
        return _of_integers(image, band_pixels)
    return image.mode, np.asarray


def _of_integers(image: Image.Image, band_pixels: int) -> tuple[str, Reader]:
    key = image.info.get("transparency")
    if isinstance(key, int):
        return _simplest(image, lambda band: _keyed(_wide(band), key), band_pixels)
    bands = (np.asarray(image.crop(box)) for box in _bands(*image.size, band_pixels))
    if image.mode == "I" and any(band.min() < 0 or band.max() > 0xFFFF for band in bands):
        return image.mode, np.asarray
    return _simplest(image, _wide, band_pixels)


def _simplest(image: Image.Image, read: Reader, band_pixels: int) -> tuple[str, Reader]:
    """The same without alpha that says nothing, and with 8 bits where 16 say no more."""
    opaque = eight = True
    for box in _bands(*image.size, band_pixels):
        samples = read(image.crop(box))
        full = np.iinfo(samples.dtype).max
        opaque = opaque and (samples.shape[2] in (1, 3) or bool((samples[:, :, -1] == full).all()))
        eight = eight and (samples.dtype == np.uint8 or not (samples % _STEP).any())
        if not opaque and not eight:
            break

    def simplest(band: Image.Image) -> Samples:
        samples = read(band)
        if opaque and samples.shape[2] in (2, 4):
            samples = samples[:, :, :-1]
        if not eight or samples.dtype == np.uint8:
            return samples
        samples = (samples // _STEP).astype(np.uint8)
        grey = [samples[:, :, :1]] * 3
        return np.concatenate([*grey, samples[:, :, 1:]], axis=2)

    return f"{'8' if eight else '16'} bits{'' if opaque else ' alpha'}", simplest


def _colours(band: Image.Image) -> Samples:
    return np.asarray(band.convert("RGB"))


def _colours_with_alpha(band: Image.Image) -> Samples:
    samples = np.array(_straight(band).convert("RGBA"))
    samples[samples[:, :, 3] == 0] = 0
    return samples


def _straight(band: Image.Image) -> Image.Image:
    """The picture with colours that are not multiplied by their alpha."""
    return band.convert({"La": "LA", "RGBa": "RGBA"}.get(band.mode, band.mode))


def _wide(band: Image.Image) -> Samples:
    return np.asarray(band).astype(np.uint16)[:, :, np.newaxis]


def _keyed(grey: Samples, key: int) -> Samples:
    """Grey values with alpha, one of them being transparent."""
    alpha = np.where(grey == key, 0, 0xFFFF).astype(np.uint16)
    return np.concatenate([np.where(alpha == 0, 0, grey), alpha], axis=2)


def _bands(width: int, height: int, pixels: int) -> Iterator[Box]:
    """Boxes of at most so many pixels: whole rows, or parts of one from the left to the right."""
    rows, columns = max(1, pixels // width), min(width, pixels)
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)


def _unturned(box: Box, width: int, height: int, orientation: int) -> Box:
    """Where a box of the upright picture of this size is before it is turned."""
    left, top, right, bottom = box
    if orientation in (2, 3, 6, 7):
        left, right = width - right, width - left
    if orientation in (3, 4, 7, 8):
        top, bottom = height - bottom, height - top
    return (top, left, bottom, right) if orientation in SIDEWAYS else (left, top, right, bottom)
