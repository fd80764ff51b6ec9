"""The bytes of a file -> the model's input and other renditions of the picture.

Pure: bytes in, pixels out. It runs in a worker process, one image at a time, and adjusts Pillow's process-wide limits
while it does, so two threads of one process must not decode at once. Queries and indexing use this same code: a
different decoder would move the vectors.

* The content decides the format; only what `formats.READ` names and the extra `formats` adds is opened.
* The pixel limit is checked from the header, before anything is decoded.
* A JPEG is shrunk while it is decoded, to no less than one and a half times the model's size: photographs of 1400 x 800
  cost half of what they do whole, and their vectors have a mean cosine of 0.9994 to those of the whole.
* A picture is decoded once for all renditions, large enough for the largest. A model's input alone is made of the JPEG
  that was shrunk for it, decoded once more if need be: a vector must not depend on what else was made. Local features
  are made of a model's picture if that is large enough, so that they cost no decoding. A digest is made of the whole.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.depth import bits_per_sample
from simd.featurize.decode.digest import digest_of_file
from simd.featurize.decode.extra import Importer
from simd.featurize.decode.formats import SNIFF_BYTES, Format, Reader, sniff
from simd.featurize.decode.frames import has_pages, is_animated
from simd.featurize.decode.headers import ends_early
from simd.featurize.decode.opened import DecodeLimits, Opened, unsupported
from simd.featurize.decode.opening import Opener
from simd.featurize.decode.pixels import SIDEWAYS
from simd.featurize.decode.rendering import rendered
from simd.featurize.decode.renditions import Digest, Features, Rendition, Stretched, enough, work_bytes
from simd.types import ImageFacts, Pixels, Size

T = TypeVar("T")

__all__ = [
    "DECODER_VERSION", "SNIFF_BYTES", "DecodeLimits", "Picture", "Rendered", "check_bytes", "check_start", "decode",
    "render",
]  # fmt: skip

DECODER_VERSION = "2: stretch, boxes 2x, bicubic, jpeg draft 1.5x, exif turn, ground 240, 16-bit >> 8, float by range"
"""What decides the pixels. It is part of the model fingerprint: change it whenever the pixels change of pictures that
were decoded right. Pictures that were not are too rare for everything to be embedded anew (docs/models.md)."""

_ORIENTATION_TAG = 0x0112

_MAX_TEXT_BYTES = 16 << 20
"""How large one compressed text or colour profile of a PNG may be. Pillow refuses the picture beyond 1 MiB, which
descriptions by other programs exceed; 64 MiB are its limit for all of them."""

_BITS, _FINEST_BITS = 8, 32
"""Of a sample of a decoded picture: mostly, and in grey."""

_SMALL_BYTES = 1 << 20
"""A file of no more than that is read whole before it is looked at."""

_MEMORY_WORDS = ("out of memory", "insufficient memory", "not enough memory", "cannot allocate", "unsufficient memory")


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image: the model's input and what is known about the original."""

    pixels: Pixels
    facts: ImageFacts


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was made of an image, in the order in which it was asked for, and what is known about the original."""

    made: tuple[Pixels | bytes, ...]
    facts: ImageFacts


def render(
    data: bytes,
    wanted: Sequence[Rendition],
    limits: DecodeLimits,
    admit: Callable[[int], None] = lambda memory: None,
    load_module: Importer = importlib.import_module,
) -> Rendered:
    """Decode one image, and make renditions of it.

    Args:
        data: the whole file.
        wanted: at least one.
        limits: what it may cost.
        admit: called once with the bytes of memory that this will take, about and at most, before it takes them;
            what it raises comes out of here.
        load_module: imports the libraries of the extra `formats`.

    Raises:
        ImageRejected: it cannot be indexed; the reason and a sentence say why.
    """
    check_bytes(len(data), limits)
    found = _format_of(data, len(data))
    made: dict[Rendition, Pixels | bytes] = {}
    with _pillow_with_our_limits():
        decodings = _told(
            found, data, lambda: _decodings(lambda side: Opener(limits, side, load_module).open(found, data), wanted)
        )
        opened = decodings[0].opened
        pixels = opened.width * opened.height
        work = sum(work_bytes(rendition, pixels) for rendition in set(wanted))
        admit(max(decoding.opened.memory for decoding in decodings) + work)
        turn = 1
        for decoding in decodings:
            turn = _told(found, data, partial(_render, found, data, decoding, made))
    width, height = (opened.height, opened.width) if turn in SIDEWAYS else (opened.width, opened.height)
    return Rendered(tuple(made[rendition] for rendition in wanted), ImageFacts(width, height, opened.format))


def decode(
    data: bytes,
    size: Size,
    limits: DecodeLimits,
    admit: Callable[[int], None] = lambda memory: None,
    load_module: Importer = importlib.import_module,
) -> Picture:
    """Decode one image to the model's input of this height and width; for the rest see `render`."""
    done = render(data, [Stretched(size)], limits, admit, load_module)
    [pixels] = done.made
    assert not isinstance(pixels, bytes)
    return Picture(pixels, done.facts)


@dataclass(frozen=True, slots=True)
class _Decoding:
    """A picture that is opened, and what is to be made of it."""

    opened: Opened
    wanted: list[Rendition]


def _decodings(open_for: Callable[[int], Opened], wanted: Sequence[Rendition]) -> list[_Decoding]:
    """How often a picture has to be decoded, and for what: once for each scale.

    Args:
        open_for: opens it, of which a side this long is enough.
        wanted: as for `render`.
    """
    most = max((enough(rendition) for rendition in wanted if not isinstance(rendition, Digest)), default=0)
    models = sorted(enough(rendition) for rendition in wanted if isinstance(rendition, Stretched))
    by_side: dict[int, list[Rendition]] = {}
    for rendition in wanted:
        match rendition:
            case Stretched() | Digest():
                side = enough(rendition)
            case Features():
                side = next((side for side in models if side >= enough(rendition)), most)
            case _:
                side = most
        by_side.setdefault(side, []).append(rendition)
    found: list[_Decoding] = []
    for side, here in by_side.items():
        opened = open_for(side)
        same = [known for known in found if known.opened.scale == opened.scale is not None]
        if same:
            same[0].wanted.extend(here)
        else:
            found.append(_Decoding(opened, here))
    return found


def _render(found: Format, data: bytes, decoding: _Decoding, made: dict[Rendition, Pixels | bytes]) -> int:
    """Put what is made of a picture where it belongs; how the camera was held."""
    image = decoding.opened.load()
    turn = _orientation(image)
    for rendition in decoding.wanted:
        if isinstance(rendition, Digest) and _holds_more(found, data, image):
            made[rendition] = digest_of_file(data)
        else:
            made[rendition] = rendered(image, rendition, turn)
    return turn


def _holds_more(found: Format, data: bytes, image: Image.Image) -> bool:
    """Whether a file has more to it than was decoded: frames, pages, finer samples."""
    is_fine = image.mode == "F" or image.mode.startswith("I")
    return (
        is_animated(found, data)
        or has_pages(found, data)
        or bits_per_sample(found, data) > (_FINEST_BITS if is_fine else _BITS)
    )


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
