"""The bytes of a file -> the model's input: uint8 `(height, width, 3)` RGB, the whole picture stretched to it.

Pure: bytes in, pixels out. It runs in a worker process, one image at a time, and adjusts Pillow's process-wide limits
while it does, so two threads of one process must not decode at once. Queries and indexing use this same code: a
different decoder would move the vectors.

* The content decides the format; only what `formats.READ` names and the extra `formats` adds is opened.
* The pixel limit is checked from the header, before anything is decoded.
* A JPEG is shrunk while it is decoded, to no less than one and a half times the model's size: photographs of 1400 x 800
  cost half of what they do whole, and their vectors have a mean cosine of 0.9994 to those of the whole.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.extra import Importer
from simd.featurize.decode.formats import SNIFF_BYTES, Format, Reader, sniff
from simd.featurize.decode.headers import ends_early
from simd.featurize.decode.opened import DecodeLimits, Opened, unsupported
from simd.featurize.decode.opening import Opener
from simd.featurize.decode.pixels import SIDEWAYS, model_input
from simd.types import ImageFacts, Pixels

T = TypeVar("T")

__all__ = ["DECODER_VERSION", "SNIFF_BYTES", "DecodeLimits", "Picture", "check_bytes", "check_start", "decode"]

DECODER_VERSION = "2: stretch, boxes 2x, bicubic, jpeg draft 1.5x, exif turn, ground 240, 16-bit >> 8, float by range"
"""What decides the pixels. It is part of the model fingerprint: change it whenever the pixels change of pictures that
were decoded right. Pictures that were not are too rare for everything to be embedded anew (docs/models.md)."""

_ORIENTATION_TAG = 0x0112
_ENOUGH = 1.5
"""How many times the model's size is all that is needed of a picture."""

_MAX_TEXT_BYTES = 16 << 20
"""How large one compressed text or colour profile of a PNG may be. Pillow refuses the picture beyond 1 MiB, which
descriptions by other programs exceed; 64 MiB are its limit for all of them."""

_SMALL_BYTES = 1 << 20
"""A file of no more than that is read whole before it is looked at."""

_MEMORY_WORDS = ("out of memory", "insufficient memory", "not enough memory", "cannot allocate", "unsufficient memory")


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image: the model's input and what is known about the original."""

    pixels: Pixels
    facts: ImageFacts


def decode(
    data: bytes,
    size: tuple[int, int],
    limits: DecodeLimits,
    admit: Callable[[int], None] = lambda memory: None,
    load_module: Importer = importlib.import_module,
) -> Picture:
    """Decode one image.

    Args:
        data: the whole file.
        size: height and width of the model's input.
        limits: what it may cost.
        admit: called once with the bytes of memory that decoding will take, about and at most, before it takes them;
            what it raises comes out of here.
        load_module: imports the libraries of the extra `formats`.

    Raises:
        ImageRejected: it cannot be indexed; the reason and a sentence say why.
    """
    check_bytes(len(data), limits)
    found = _format_of(data, len(data))
    with _pillow_with_our_limits():
        opened = _told(found, data, lambda: Opener(limits, int(_ENOUGH * max(size)), load_module).open(found, data))
        admit(opened.memory)
        pixels, turn = _told(found, data, lambda: _loaded(opened, size))
    width, height = (opened.height, opened.width) if turn in SIDEWAYS else (opened.width, opened.height)
    return Picture(pixels, ImageFacts(width, height, opened.format))


def _loaded(opened: Opened, size: tuple[int, int]) -> tuple[Pixels, int]:
    """The model's input, and how the camera was held."""
    image = opened.load()
    turn = _orientation(image)
    return model_input(image, size, turn), turn


def check_start(size: int, start: bytes, limits: DecodeLimits) -> None:
    """Refuse what can be told to be no picture before all of it is read: that is, what is large.

    Args:
        size: of the file, in bytes.
        start: its first `SNIFF_BYTES`.
        limits: as `decode` has them.

    Raises:
        ImageRejected: it is empty, too large, or no picture that is read.
    """
    check_bytes(size, limits)
    if size > _SMALL_BYTES:
        _format_of(start, size)


def _format_of(start: bytes, size: int) -> Format:
    """What a file of `size` bytes that starts so is, if it is read."""
    found = sniff(start)
    if found is None:
        raise ImageRejected(Reason.NOT_AN_IMAGE, f"the content ({size:,} bytes) is no image format that is known")
    if found.reader is Reader.NONE:
        raise unsupported(found.described)
    return found


def check_bytes(size: int, limits: DecodeLimits) -> None:
    """Refuse a file by its size in bytes, which can be told before it is read.

    Raises:
        ImageRejected: it is empty, or too large.
    """
    if not size:
        raise ImageRejected(Reason.EMPTY, "the file is empty (0 bytes)")
    if size > limits.max_bytes:
        raise ImageRejected(
            Reason.TOO_MANY_BYTES,
            f"the file has {size:,} bytes, more than the {limits.max_bytes:,} allowed; "
            "raise `max_image_bytes` to admit it",
        )


@contextmanager
def _pillow_with_our_limits() -> Iterator[None]:
    """Switch off Pillow's own pixel limit and warnings: `DecodeLimits` is the limit, and a rejection says why."""
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
    Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = None, _MAX_TEXT_BYTES
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = before


def _orientation(image: Image.Image) -> int:
    """How the camera was held, 1 to 8. EXIF data that cannot be read says nothing, and spoils nothing."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - a broken EXIF block raises almost anything, and the picture is still good
        return 1
    return value if isinstance(value, int) else 1


def _told(found: Format, data: bytes, act: Callable[[], T]) -> T:
    """Turn whatever a library raises at a damaged file into the rejection that it stands for.

    The traceback is dropped: it would keep what the library was working on, megabytes of it, as long as the rejection.
    """
    try:
        return act()
    except ImageRejected:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged file makes libraries raise almost anything
        raise _broken(found, data, error) from error.with_traceback(None)


def _broken(found: Format, data: bytes, error: Exception) -> ImageRejected:
    why = "its header cannot be read" if isinstance(error, UnidentifiedImageError) else str(error) or repr(error)
    words = why.lower()
    # Python says it with a class, the C libraries behind Pillow with words.
    if isinstance(error, MemoryError) or any(said in words for said in _MEMORY_WORDS):
        return ImageRejected(
            Reason.OUT_OF_MEMORY,
            "decoding needs more memory than one image may use; raise `decode_memory_bytes` to admit it",
        )
    if isinstance(error, EOFError) or "truncated" in words or ends_early(found, data):
        return ImageRejected(
            Reason.TRUNCATED, f"the {found.name} file stops before its picture does, after {len(data):,} bytes ({why})"
        )
    return ImageRejected(Reason.CORRUPT, f"the {found.name} file is damaged ({why})")
