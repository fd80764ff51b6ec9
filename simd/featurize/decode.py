"""The bytes of a file -> the model's input: uint8 `(height, width, 3)` RGB, the whole picture stretched to it.

Pure: bytes in, pixels out. It runs in a worker process, one image at a time, and adjusts Pillow's process-wide limits
while it does, so two threads of one process must not decode at once. Queries and indexing use this same code: a
different decoder would move the vectors.

* The content decides the format; only `READ_FORMATS` are opened.
* The pixel limit is checked from the header, before anything is decoded.
* A JPEG is shrunk while it is decoded, to no less than twice the model's size.
* Transparency is laid on the grey that is zero to the default network: nothing, rather than a colour.
* Resizing is bicubic with antialiasing, which the default network was trained with. It comes before composing,
  turning and converting, which are then cheap; alpha is premultiplied meanwhile, so the result is the same.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from simd.errors import ImageRejected, Reason
from simd.featurize.formats import READ_FORMATS, ends_early, sniff, webp_size
from simd.types import ImageFacts, Pixels

DECODER_VERSION = "1: stretch, bicubic, jpeg draft 2x, exif turn, ground 240, 16-bit >> 8, float by range"
"""What decides the pixels. It is part of the model fingerprint: change it whenever they change."""

# Image.open knows a format once its plugin is imported; nothing is then imported while a hostile file is open.
_PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
_GROUND = (240, 240, 240)
"""What shows through where a picture is transparent. Nearly white, because that is what other programs flatten on (the
mean cosine of 400 cliparts to copies flattened on white is 0.90 with it and 0.79 with a medium grey), and not quite
white, so that a white logo does not vanish."""

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one image may cost: bytes of its file, pixels of its picture."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image: the model's input and what is known about the original."""

    pixels: Pixels
    facts: ImageFacts


def decode(data: bytes, size: tuple[int, int], limits: DecodeLimits) -> Picture:
    """Decode one image.

    Args:
        data: the whole file.
        size: height and width of the model's input.
        limits: what it may cost.

    Raises:
        ImageRejected: it cannot be indexed; the reason and a sentence say why.
    """
    if not data:
        raise ImageRejected(Reason.EMPTY, "the file is empty (0 bytes)")
    if len(data) > limits.max_bytes:
        raise too_many_bytes(len(data), limits)
    with _pillow_without_limits():
        try:
            return _decode(data, size, limits)
        except ImageRejected:
            raise
        except Exception as error:
            raise _broken(data, error) from error


def too_many_bytes(size: int, limits: DecodeLimits) -> ImageRejected:
    """The rejection of a file that is too large to read."""
    return ImageRejected(
        Reason.TOO_MANY_BYTES,
        f"the file has {size:,} bytes, more than the {limits.max_bytes:,} allowed; raise `max_image_bytes` to admit it",
    )


@contextmanager
def _pillow_without_limits() -> Iterator[None]:
    """Switch off Pillow's own pixel limit and warnings: `DecodeLimits` is the limit, and a rejection says why."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _decode(data: bytes, size: tuple[int, int], limits: DecodeLimits) -> Picture:
    height, width = size
    if declared := webp_size(data):
        _check_pixels(*declared, limits)
    with Image.open(io.BytesIO(data), formats=READ_FORMATS) as image:
        format_name = "JPEG" if image.format == "MPO" else str(image.format)
        full_width, full_height = image.size
        _check_pixels(full_width, full_height, limits)
        image.draft(None, (2 * max(size), 2 * max(size)))
        image.load()
        turn = _orientation(image)
        sideways = turn in _SIDEWAYS
        small = _eight_bit(image).resize((height, width) if sideways else (width, height), Image.Resampling.BICUBIC)
    if turn in _TURNS:
        small = small.transpose(_TURNS[turn])
    if sideways:
        full_width, full_height = full_height, full_width
    pixels = np.array(_on_ground(small), dtype=np.uint8)
    return Picture(pixels, ImageFacts(full_width, full_height, format_name))


def _check_pixels(width: int, height: int, limits: DecodeLimits) -> None:
    if width < 1 or height < 1:
        raise ImageRejected(Reason.CORRUPT, f"the picture says that it is {width} x {height} pixels")
    if width * height > limits.max_pixels:
        raise ImageRejected(
            Reason.TOO_MANY_PIXELS,
            f"the picture is {width} x {height} = {width * height:,} pixels, more than the {limits.max_pixels:,} "
            "allowed; raise `max_image_pixels` to admit it",
        )


def _orientation(image: Image.Image) -> int:
    """How the camera was held, 1 to 8. EXIF data that cannot be read says nothing, and spoils nothing."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - a broken EXIF block raises almost anything, and the picture is still good
        return 1
    return value if isinstance(value, int) else 1


def _eight_bit(image: Image.Image) -> Image.Image:
    """The picture in a mode that can be resized as it is: L, RGB, RGBA or CMYK."""
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_eight_bit_range(np.asarray(image)))
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    if image.mode == "1":
        return image.convert("L")
    return image.convert("RGB")


def _eight_bit_range(values: npt.NDArray[Any]) -> Pixels:
    """Grey values of a wider type as 0..255: 16-bit by its high byte, anything else by its own range."""
    if values.dtype.kind == "u" or (values.dtype.kind == "i" and values.min() >= 0 and values.max() <= 0xFFFF):
        return (values >> 8).astype(np.uint8)
    finite = np.isfinite(values)
    if not finite.any():
        raise ImageRejected(Reason.CORRUPT, "the picture holds no finite value")
    low, high = float(values[finite].min()), float(values[finite].max())
    if 0.0 <= low and high <= 1.0:
        low, high = 0.0, 1.0
    scale = 255.0 / (high - low) if high > low else 0.0
    scaled = np.where(finite, (values.astype(np.float64) - low) * scale, 0.0)
    return np.rint(scaled).astype(np.uint8)


def _on_ground(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (*_GROUND, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def _broken(data: bytes, error: Exception) -> ImageRejected:
    """The rejection that an exception of Pillow stands for."""
    if isinstance(error, MemoryError):
        return _out_of_memory()
    found = sniff(data)
    if found is None:
        return ImageRejected(Reason.NOT_AN_IMAGE, f"the content ({len(data):,} bytes) is no image format that is known")
    if not found.read:
        return ImageRejected(
            Reason.UNSUPPORTED,
            f"this is a file of the format {found.name}, which simd does not read; convert it to JPEG, PNG or WebP",
        )
    why = "its header cannot be read" if isinstance(error, UnidentifiedImageError) else str(error) or repr(error)
    if isinstance(error, EOFError) or "truncated" in why.lower() or ends_early(found.name, data):
        return ImageRejected(
            Reason.TRUNCATED, f"the {found.name} file stops before its picture does, after {len(data):,} bytes ({why})"
        )
    if "memory" in why.lower():
        # Python says it with a class, the C libraries behind Pillow with words.
        return _out_of_memory()
    return ImageRejected(Reason.CORRUPT, f"the {found.name} file is damaged ({why})")


def _out_of_memory() -> ImageRejected:
    return ImageRejected(
        Reason.OUT_OF_MEMORY,
        "decoding needs more memory than one image may use; raise `decode_memory_bytes` to admit it",
    )
