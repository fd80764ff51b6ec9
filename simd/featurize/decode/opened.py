"""A picture whose header was read and held against the limits, and whose pixels are not decoded yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from simd.errors import ImageRejected, Reason


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one image may cost: bytes of its file, pixels of its picture."""

    max_bytes: int
    max_pixels: int

    def admit(self, width: int, height: int) -> None:
        """Refuse a picture by its size.

        Raises:
            ImageRejected: it has too many pixels, or none.
        """
        if width < 1 or height < 1:
            raise ImageRejected(Reason.CORRUPT, f"the picture says that it is {width} x {height} pixels")
        if width * height > self.max_pixels:
            raise ImageRejected(
                Reason.TOO_MANY_PIXELS,
                f"the picture is {width} x {height} = {width * height:,} pixels, more than the "
                f"{self.max_pixels:,} allowed; raise `max_image_pixels` to admit it",
            )


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture that is within the limits.

    Attributes:
        format: the name of its format.
        width: in pixels, of the original.
        height: in pixels, of the original.
        memory: bytes that decoding it takes, about and at most.
        load: decodes it.
        scale: it is decoded at one part in so many of its width and height; None where only decoding tells.
    """

    format: str
    width: int
    height: int
    memory: int
    load: Callable[[], Image.Image]
    scale: int | None = 1


def unsupported(described: str) -> ImageRejected:
    """The rejection of a sound file of a kind that is not read; the words complete "it is ..."."""
    return ImageRejected(
        Reason.UNSUPPORTED, f"it is {described}, which simd does not read; convert it to JPEG, PNG or WebP"
    )
