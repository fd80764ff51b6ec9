"""What a picture can be named by in a request."""

from __future__ import annotations

from dataclasses import dataclass, field

from simd.types import ImageId, Vector


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
