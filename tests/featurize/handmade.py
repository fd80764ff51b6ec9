"""Files written byte by byte: sound kinds that the usual writers do not write."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.featurize.drawings import encoded

_BIT_FIELDS = 3


def bmp(rgba: npt.NDArray[np.uint8], bits: int, masks: tuple[int, int, int, int], *, downwards: bool = False) -> bytes:
    """A BMP whose channels are bits of a word."""
    height, width, _ = rgba.shape
    words = np.zeros((height, width), np.uint64)
    for channel, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1 if mask else 0
        full = mask >> shift
        words |= np.rint(rgba[:, :, channel] / 255 * full).astype(np.uint64) << np.uint64(shift)
    rows = words.astype(f"<u{bits // 8}")[:: 1 if downwards else -1]
    padding = bytes(-width * bits // 8 % 4)
    content = b"".join(row.tobytes() + padding for row in rows)
    header = struct.pack(
        "<IiiHHIIiiII4I", 108, width, -height if downwards else height, 1, bits, _BIT_FIELDS, 0, 0, 0, 0, 0, *masks
    )
    header = header.ljust(108, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(content), 0, 0, 14 + len(header)) + header + content


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples: npt.NDArray[np.uint16], key: tuple[int, ...] = ()) -> bytes:
    """A PNG of 16 bits a sample, one colour of which may be transparent."""
    height, width = samples.shape[:2]
    colours = 0 if samples.ndim == 2 else 2
    header = struct.pack(">IIBBBBB", width, height, 16, colours, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    transparent = _chunk(b"tRNS", struct.pack(f">{len(key)}H", *key)) if key else b""
    content = _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + transparent + content


def gif(frame: Image.Image, left: int, top: int, **options: Any) -> bytes:
    """A GIF of 96 x 64 whose one frame stands somewhere on it."""
    data = bytearray(encoded(frame, "GIF", **options))
    struct.pack_into("<HH", data, 6, 96, 64)
    at = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, *frame.size))
    struct.pack_into("<HH", data, at + 1, left, top)
    return bytes(data)


def webp(frame: Image.Image, left: int, top: int) -> bytes:
    """An animated WebP of 96 x 64 without alpha, whose first frame stands somewhere on it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    def three(value: int) -> bytes:
        return value.to_bytes(3, "little")

    def animated(image: Image.Image, x: int, y: int) -> bytes:
        place = three(x // 2) + three(y // 2) + three(image.width - 1) + three(image.height - 1) + three(100) + b"\0"
        return chunk(b"ANMF", place + encoded(image, "WEBP", lossless=True)[12:])

    body = b"WEBP" + chunk(b"VP8X", b"\x02\0\0\0" + three(95) + three(63)) + chunk(b"ANIM", bytes(6))
    body += animated(frame, left, top) + animated(Image.new("RGB", (96, 64)), 0, 0)
    return b"RIFF" + struct.pack("<I", len(body)) + body
