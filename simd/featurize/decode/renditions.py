"""What can be made of a picture: values that say which, how much of the picture that takes, and how large it comes out.

All are of the upright picture, with its transparency laid on the ground that models see (`pixels.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from simd.errors import InvalidRequest
from simd.featurize.decode.digest import DIGEST_BYTES
from simd.featurize.decode.pixels import BAND_PIXELS
from simd.types import Size
from simd.verify.features import EDGE, MAX_BYTES, MAX_QUERY_BYTES

EDGES = range(16, 4097)
QUALITIES = range(1, 101)
Format = Literal["jpeg", "webp"]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as parts of the upright picture's width and height."""

LEAST_SIDE = 0.001
"""How narrow or low a region may be: JPEGs are decoded whole for small ones."""
_ENOUGH = 1.5
"""How many times the size of what is made is all that is needed of a picture."""
_FILE_BYTES, _FILE_BYTES_PER_PIXEL = 1 << 16, 4
"""How large the file of a thumbnail may be. Noise at the highest quality takes three bytes a pixel."""
_WHOLE_SIDE = 1 << 31
"""No picture is larger."""
_FEATURE_SIDE = 336
"""Features tell as much on a picture that a JPEG was shrunk to for the default model, so that it is decoded once."""
_WORK_BYTES_PER_PIXEL = 24
"""What resizing, turning, laying on the ground and encoding hold at most of what is made."""


@dataclass(frozen=True, slots=True)
class Stretched:
    """uint8 `(height, width, 3)` RGB, the whole picture stretched to the size: a model's input. Its pixels are the
    same whatever else is made of the picture."""

    size: Size

    def __post_init__(self) -> None:
        _check_size(self.size)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A file to be shown, in sRGB and without metadata: the longer edge is `edge`, or less as nothing is enlarged."""

    edge: int
    quality: int = 80
    format: Format = "jpeg"

    def __post_init__(self) -> None:
        _check("edge", self.edge, EDGES)
        _check("quality", self.quality, QUALITIES)
        if self.format not in get_args(Format):
            raise InvalidRequest(f"no thumbnail is made as {self.format!r:.40}", field="format", remedy="jpeg or webp")


@dataclass(frozen=True, slots=True)
class Grey:
    """uint8 `(height, width)`: the longer edge is `edge`, or less as nothing is enlarged."""

    edge: int

    def __post_init__(self) -> None:
        _check("edge", self.edge, EDGES)


@dataclass(frozen=True, slots=True)
class Region:
    """uint8 `(height, width, 3)` RGB: a part of the picture, stretched to the size."""

    box: Box
    size: Size

    def __post_init__(self) -> None:
        _check_size(self.size)
        left, top, right, bottom = self.box
        if not (0 <= left <= right - LEAST_SIDE and right <= 1 and 0 <= top <= bottom - LEAST_SIDE and bottom <= 1):
            raise InvalidRequest(
                f"the region {self.box} is none of the picture",
                field="box",
                remedy=f"0 <= left < right <= 1, 0 <= top < bottom <= 1, and no side below {LEAST_SIDE}",
            )


@dataclass(frozen=True, slots=True)
class Features:
    """The local features by which two pictures are compared (`simd.verify`), as bytes; b"" where they cannot be made,
    for want of the extra `verify` or by a failure: they do not decide whether a picture is indexed.

    `mirrored` adds what lets them be found in the mirror image.
    """

    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Digest:
    """`DIGEST_BYTES` bytes that name what the picture shows at its full size (`digest.py`), whichever file holds it."""


Rendition = Stretched | Thumbnail | Grey | Region | Features | Digest
Array = Stretched | Grey | Region
"""What is made of these is pixels; of the others it is bytes."""

_KINDS: dict[str, Callable[..., Rendition]] = {kind.__name__.lower(): kind for kind in get_args(Rendition)}


def to_json(rendition: Rendition) -> list[Any]:
    """A rendition as plain JSON: its kind and its fields."""
    return [type(rendition).__name__.lower(), *dataclasses.astuple(rendition)]


def from_json(said: Sequence[Any]) -> Rendition:
    """The rendition that `to_json` wrote."""
    kind, *fields = said
    return _KINDS[kind](*(tuple(field) if isinstance(field, list) else field for field in fields))


def enough(rendition: Rendition) -> int:
    """A picture whose sides are this long need not be any larger for it."""
    match rendition:
        case Thumbnail(edge=edge) | Grey(edge):
            return int(_ENOUGH * edge)
        case Stretched(size):
            return int(_ENOUGH * max(size))
        case Region((left, top, right, bottom), size):
            return int(_ENOUGH * max(size) / min(right - left, bottom - top))
        case Features():
            return _FEATURE_SIDE
        case Digest():
            return _WHOLE_SIDE


def max_bytes(rendition: Rendition) -> int:
    """Of what is made; of stretched pictures, regions and digests it is the exact number."""
    match rendition:
        case Thumbnail(edge=edge):
            return edge * edge * _FILE_BYTES_PER_PIXEL + _FILE_BYTES
        case Grey(edge):
            return edge * edge
        case Stretched((height, width)) | Region(size=(height, width)):
            return height * width * 3
        case Features(mirrored):
            return MAX_QUERY_BYTES if mirrored else MAX_BYTES
        case Digest():
            return DIGEST_BYTES


def work_bytes(rendition: Rendition, pixels: int) -> int:
    """What making it of a decoded picture of so many pixels takes in memory, about and at most."""
    match rendition:
        case Thumbnail(edge=edge) | Grey(edge):
            return min(edge * edge, pixels) * _WORK_BYTES_PER_PIXEL
        case Stretched((height, width)):
            return height * width * _WORK_BYTES_PER_PIXEL
        case Region((left, top, right, bottom), (height, width)):
            part = int((right - left) * (bottom - top) * pixels)
            return height * width * _WORK_BYTES_PER_PIXEL + part * 4
        case Features():
            return min(EDGE * EDGE, pixels) * _WORK_BYTES_PER_PIXEL
        case Digest():
            return min(BAND_PIXELS, pixels) * _WORK_BYTES_PER_PIXEL


def _check(field: str, value: int, allowed: range) -> None:
    if value not in allowed:
        raise InvalidRequest(f"the {field} {value} is not in {allowed.start}..{allowed.stop - 1}", field=field)


def _check_size(size: Size) -> None:
    for side in size:
        _check("size", side, range(1, EDGES.stop))
