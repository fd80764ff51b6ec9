"""Sample values of any type -> 0..255, and pictures of 8 bits a channel from arrays of them.

Unsigned integers of up to 16 bits keep their high bits, so that equal values give equal pixels in every picture.
Floats, and integers that are negative or wider, have no scale of their own: their smallest and greatest value decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from simd.errors import ImageRejected, Reason

Samples = npt.NDArray[Any]
Levels = npt.NDArray[np.uint8]
Scale = Callable[[Samples], Levels]

_BAND_SAMPLES = 1 << 20
"""About so many samples are converted at once: whole, a large picture would be held twice more."""
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_PREMULTIPLIED = {2: "La", 4: "RGBa"}


@dataclass(frozen=True, slots=True)
class Extent:
    """The smallest and the greatest finite value of a picture."""

    low: float
    high: float

    @property
    def within_16_bits(self) -> bool:
        """Whether integers of this extent fit into 16 unsigned bits."""
        return self.low >= 0 and self.high <= 0xFFFF

    def scale(self, values: Samples) -> Levels:
        """The values as 0..255; what is not finite is black."""
        low, high = (0.0, 1.0) if 0.0 <= self.low and self.high <= 1.0 else (self.low, self.high)
        factor = 255.0 / (high - low) if high > low else 0.0
        scaled = np.where(np.isfinite(values), (values.astype(np.float64) - low) * factor, 0.0)
        return np.rint(scaled).astype(np.uint8)


def extent(bands: Iterable[Samples]) -> Extent:
    """The extent of all values.

    Raises:
        ImageRejected: none is finite.
    """
    low, high = float("inf"), float("-inf")
    for band in bands:
        finite = band[np.isfinite(band)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise ImageRejected(Reason.CORRUPT, "the picture holds no finite value")
    return Extent(low, high)


def high_bits(bits: int) -> Scale:
    """The scale of unsigned integers of so many bits, at most 32."""
    if bits >= 8:
        return lambda values: (values >> (bits - 8)).astype(np.uint8)
    table = np.rint(np.arange(1 << bits) * (255 / ((1 << bits) - 1))).astype(np.uint8)
    return lambda values: table[values.astype(np.uint8)]


def rows(samples: Samples) -> Iterator[slice]:
    """The bands of a picture, `(height, width)` or `(height, width, channels)`."""
    step = max(1, _BAND_SAMPLES // max(1, samples[0].size))
    for top in range(0, len(samples), step):
        yield slice(top, top + step)


def levels(samples: Samples, scale: Scale) -> Levels:
    """The samples as 0..255, band by band."""
    out = np.empty(samples.shape, np.uint8)
    for band in rows(samples):
        out[band] = scale(samples[band])
    return out


def picture(values: Levels, premultiplied: bool = False) -> Image.Image:
    """The picture of `(height, width)` or `(height, width, channels)`: grey or colours, and with them maybe alpha.

    Args:
        values: 1 to 4 channels.
        premultiplied: whether the colours were multiplied by the alpha.
    """
    height, width = values.shape[:2]
    channels = values[0, 0].size
    mode = _PREMULTIPLIED[channels] if premultiplied else _MODES[channels]
    return Image.frombytes(mode, (width, height), values.tobytes())
