"""JPEG 2000 with more than 8 bits a channel.

Pillow rounds such samples of several channels to 8 bits without a bound, so what is nearly white becomes black. Those
of one channel it keeps as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from simd.featurize.decode.boxes import inside
from simd.featurize.decode.levels import Levels, Samples, levels, picture

_START = b"\xff\x4f\xff\x51"
_COUNT_AT, _COMPONENTS_AT = 40, 42
_BY_NUMBER, _CMYK = 1, 12


@dataclass(frozen=True, slots=True)
class Deep:
    """A picture of several channels with more than 8 bits.

    Attributes:
        bits: of the deepest channel.
        channels: how many.
        alike: whether all have as many bits, and are unsigned.
        cmyk: whether they are inks.
        start: where the picture itself begins in the file; 0 where the file says by number what its colours are.
    """

    bits: int
    channels: int
    alike: bool
    cmyk: bool
    start: int

    @property
    def decodable(self) -> bool:
        """Whether `decoded` takes it."""
        return self.alike and not self.cmyk and self.bits <= 16 and self.channels in (2, 3, 4)

    @property
    def described(self) -> str:
        """With an article, to complete "it is ..."."""
        return f"a JPEG 2000 picture of {self.channels} channels with up to {self.bits} bits"

    def decoded(self, data: bytes, decode: Callable[..., Samples]) -> Image.Image:
        """The picture.

        Args:
            data: the whole file.
            decode: `imagecodecs.jpeg2k_decode`.

        Raises:
            Exception: the file is damaged.
        """
        # Without its container it has no colour profile to be converted by; no other format here is.
        return picture(levels(decode(memoryview(data)[self.start :]), self._rounded))

    def _rounded(self, values: Samples) -> Levels:
        shift = self.bits - 8
        rounded: Levels = np.minimum((values.astype(np.uint32) + (1 << (shift - 1))) >> shift, 255).astype(np.uint8)
        return rounded


def deep(data: bytes) -> Deep | None:
    """What its header says of a file; None where it is one that Pillow reads right, or cannot be read."""
    container = data[:4] != _START
    start = next((box.start for box in inside(data, b"jp2c")), len(data)) if container else 0
    head = data[start : start + _COMPONENTS_AT]
    if head[:4] != _START or len(head) < _COMPONENTS_AT:
        return None
    (channels,) = struct.unpack_from(">H", head, _COUNT_AT)
    precisions = data[start + _COMPONENTS_AT : start + _COMPONENTS_AT + 3 * channels : 3]
    bits = max((1 + (precision & 0x7F) for precision in precisions), default=0)
    if channels < 2 or bits <= 8:
        return None
    colours = next((box.start for box in inside(data, b"jp2h", b"colr")), None) if container else None
    method, number = (data[colours], data[colours + 3 : colours + 7]) if colours else (_BY_NUMBER, b"")
    return Deep(
        bits=bits,
        channels=channels,
        alike=len(set(precisions)) == 1 and precisions[0] < 0x80,
        cmyk=method == _BY_NUMBER and int.from_bytes(number, "big") == _CMYK,
        start=0 if method == _BY_NUMBER else start,
    )
