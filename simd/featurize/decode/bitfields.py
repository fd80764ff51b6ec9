"""BMPs whose channels are bits of a word, in layouts that Pillow does not read: 4444, 10-10-10-2, 1555 with alpha."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image

from simd.featurize.decode.levels import Levels, Samples, high_bits, picture, rows

_BIT_FIELDS, _ALPHA_BIT_FIELDS = 3, 6
_PLAIN_HEADER, _HEADER_WITH_ALPHA = 40, 56
_MASKS_AT = 54

_OF_PILLOW = {
    16: {(0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)},
    32: {
        (0xFF0000, 0xFF00, 0xFF, 0),
        (0xFF000000, 0xFF0000, 0xFF00, 0),
        (0xFF000000, 0xFF00, 0xFF, 0),
        (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
        (0, 0, 0, 0),
    },
}


@dataclass(frozen=True, slots=True)
class BitFields:
    """A picture of words of `bits` bits.

    Attributes:
        masks: which of the bits are red, green, blue and alpha.
        start: where the words begin in the file.
        upwards: whether the last row comes first.
    """

    width: int
    height: int
    bits: int
    masks: tuple[int, int, int, int]
    start: int
    upwards: bool

    def decoded(self, data: bytes) -> Image.Image:
        """The picture.

        Raises:
            EOFError: the file ends before it does.
        """
        word = self.bits // 8
        stride = -(-self.width * word // 4) * 4
        missing = self.start + stride * self.height - len(data)
        if missing > 0:
            raise EOFError(f"{missing:,} bytes of its rows are missing")
        words = np.ndarray((self.height, self.width), f"<u{word}", data, self.start, (stride, word))
        if self.upwards:
            words = words[::-1]
        masks = self.masks if self.masks[3] else self.masks[:3]
        values = np.empty((*words.shape, len(masks)), np.uint8)
        for band in rows(words):
            for channel, mask in enumerate(masks):
                values[band, :, channel] = _channel(words[band], mask)
        return picture(values)


def bit_fields(data: bytes) -> BitFields | None:
    """How the words of a BMP are laid out; None where it has none, or Pillow reads it."""
    try:
        start, header, width, height, _, bits, compression = struct.unpack_from("<IIiiHHI", data, 10)
        if header < _PLAIN_HEADER or compression not in (_BIT_FIELDS, _ALPHA_BIT_FIELDS) or bits not in _OF_PILLOW:
            return None
        red, green, blue, alpha = struct.unpack_from("<4I", data, _MASKS_AT)
    except struct.error:
        return None
    if header < _HEADER_WITH_ALPHA and compression == _BIT_FIELDS:
        alpha = 0
    word = (1 << bits) - 1
    masks = (red & word, green & word, blue & word, alpha & word)
    if compression == _BIT_FIELDS and masks in _OF_PILLOW[bits]:
        return None
    return BitFields(width, abs(height), bits, masks, start, upwards=height > 0)


def _channel(words: Samples, mask: int) -> Levels:
    if not mask:
        return np.zeros(words.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    return high_bits((mask >> shift).bit_length())((words & mask) >> shift)
