"""Icons: whole pictures, each stretched to a small square, as raw bytes; who draws one gives it its shape back."""

from __future__ import annotations

import numpy as np

from simd.types import Pixels

ICON_SIDE = 32
ICON_BYTES = ICON_SIDE * ICON_SIDE * 3
ICONS_VERSION = "rgb32-1"
"""Another one has all icons made anew."""
_MOST = 16
"""The sum of a box of no more pixels on each side fits into 16 bits."""


def icon_of(pixels: Pixels) -> bytes:
    """The icon of a picture that was stretched to another size: each pixel is the mean of a box.

    Args:
        pixels: uint8 `(height, width, 3)` RGB, such as a model's input.
    """
    even = _even(_even(pixels, 0), 1)
    tall, wide = even.shape[0] // ICON_SIDE, even.shape[1] // ICON_SIDE
    # Rows first, as they lie together in memory. So a model's input of 224 pixels takes a tenth of a millisecond, and
    # means over both axes at once five times that.
    rows = even.reshape(ICON_SIDE, tall, -1)
    sums = np.einsum("abc->ac", rows, dtype=np.uint16, casting="unsafe").reshape(ICON_SIDE, ICON_SIDE, wide, 3)
    count = tall * wide
    icon: Pixels = ((np.einsum("abcd->abd", sums) + count // 2) // count).astype(np.uint8)
    return icon.tobytes()


def icon_pixels(data: bytes) -> Pixels | None:
    """The pixels of an icon, uint8 `(32, 32, 3)` RGB; None where it is none."""
    return np.frombuffer(data, np.uint8).reshape(ICON_SIDE, ICON_SIDE, 3) if len(data) == ICON_BYTES else None


def _even(pixels: Pixels, axis: int) -> Pixels:
    """As many pixels along an axis as boxes divide evenly: where there are others, some left out or repeated."""
    side = pixels.shape[axis]
    wanted = ICON_SIDE * min(max(side // ICON_SIDE, 1), _MOST)
    return pixels if side == wanted else pixels.take(np.arange(wanted) * side // wanted, axis)
