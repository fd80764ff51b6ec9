"""What a picture can be named by in a request, and which part of it is meant."""

from __future__ import annotations

from dataclasses import dataclass, field

from simd.errors import InvalidRequest
from simd.featurize.decode.renditions import LEAST_SIDE, Box
from simd.types import ImageId, Vector

_ROUNDING = 1e-6
"""So much may callers be off where they computed the edges."""


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """An image file's bytes."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerPath:
    """A file on the daemon's machine, inside a root."""

    path: bytes


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image that is indexed."""

    image_id: ImageId


@dataclass(frozen=True, slots=True)
class GivenVector:
    """An embedding: float32 `(dimension,)`, of any length greater than 0."""

    vector: Vector


Subject = ImageBytes | ServerPath | StoredImage | GivenVector


@dataclass(frozen=True, slots=True)
class Part:
    """An upright rectangle of a picture as displayed: its left and upper edge, its width and height, as parts of the
    picture's.

    Raises:
        InvalidRequest: it is no part of a picture; the field is `region`.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        sides = (("x", self.x, "width", self.width), ("y", self.y, "height", self.height))
        for edge, start, side, length in sides:
            # Written so that a NaN fails as well.
            if not length >= LEAST_SIDE - _ROUNDING or not length <= 1 + _ROUNDING:
                raise _no_part(f"its {side} {length:g} is not in {LEAST_SIDE}..1")
            if not start >= -_ROUNDING or not start + length <= 1 + _ROUNDING:
                raise _no_part(f"{edge} {start:g} and {side} {length:g} are not within 0..1 together")

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the picture."""
        return self.box == (0.0, 0.0, 1.0, 1.0)

    @property
    def box(self) -> Box:
        """The same by its four edges, none of them outside."""
        left, right = _edges(self.x, self.width)
        top, bottom = _edges(self.y, self.height)
        return left, top, right, bottom


def _edges(start: float, length: float) -> tuple[float, float]:
    end = min(1.0, max(start + length, LEAST_SIDE))
    return max(0.0, min(start, end - LEAST_SIDE)), end


def _no_part(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"the region is no part of a picture: {why}",
        field="region",
        remedy="give x, y, width and height as parts of the picture's width and height",
    )
