"""What the bytes of a picture say of it before it is opened: its size where opening would be too late, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simd.featurize import formats
from simd.featurize.formats import Format

_JXL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def declared_size(found: Format, data: bytes | memoryview) -> tuple[int, int] | None:
    """Width and height, for the formats whose decoders allocate or decode the whole picture to open it.

    None for the other formats, and when the header cannot be read.
    """
    if found is formats.WEBP:
        return _webp_size(data)
    return _jxl_size(data) if found is formats.JPEG_XL else None


def ends_early(found: Format, data: bytes | memoryview) -> bool:
    """Whether a file stops before its own end mark or its declared size."""
    tail = bytes(data[-64:])
    match found.name:
        case "JPEG":
            return b"\xff\xd9" not in tail
        case "PNG":
            return b"IEND" not in tail
        case "GIF":
            return not tail.rstrip(b"\0").endswith(b";")
        case "WEBP":
            return int.from_bytes(data[4:8], "little") + 8 > len(data)
        case "BMP":
            return int.from_bytes(data[2:6], "little") > len(data)
        case "AVIF" | "JPEG2000" | "HEIF":
            return _boxes_end(data) > len(data)
        case "JXL":
            return data[:2] != b"\xff\x0a" and _boxes_end(data) > len(data)
    return False


@dataclass(frozen=True, slots=True)
class _Box:
    """A box of an ISO container: its type, where its content starts, and where it says that it ends."""

    kind: bytes
    start: int
    end: int


def _boxes(data: bytes | memoryview) -> Iterator[_Box]:
    at = 0
    while at + 8 <= len(data):
        size, header = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if size == 0:
            size = len(data) - at
        if size < header:
            return
        yield _Box(bytes(data[at + 4 : at + 8]), at + header, at + size)
        at += size


def _boxes_end(data: bytes | memoryview) -> int:
    return max((box.end for box in _boxes(data)), default=0)


def _webp_size(data: bytes | memoryview) -> tuple[int, int] | None:
    if len(data) < 30:
        return None
    match bytes(data[12:16]):
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            return (int.from_bytes(data[26:28], "little") & 0x3FFF), (int.from_bytes(data[28:30], "little") & 0x3FFF)
    return None


class _Bits:
    """Reads numbers of a few bits, lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._bits & ((1 << count) - 1)
        self._bits >>= count
        return value


def _jxl_size(data: bytes | memoryview) -> tuple[int, int] | None:
    stream = _jxl_codestream(data)
    if stream[:2] != b"\xff\x0a":
        return None
    bits = _Bits(stream[2:12])
    side = _jxl_small_side if bits.take(1) else _jxl_side
    height = side(bits)
    ratio = bits.take(3)
    if ratio == 0:
        return side(bits), height
    across, down = _JXL_RATIOS[ratio - 1]
    return height * across // down, height


def _jxl_small_side(bits: _Bits) -> int:
    return 8 * (bits.take(5) + 1)


def _jxl_side(bits: _Bits) -> int:
    return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])


def _jxl_codestream(data: bytes | memoryview) -> bytes:
    """The first bytes of the picture itself, which may stand in a container, whole or in parts."""
    if data[:2] == b"\xff\x0a":
        return bytes(data[:16])
    for box in _boxes(data):
        if box.kind in (b"jxlc", b"jxlp"):
            start = box.start + (4 if box.kind == b"jxlp" else 0)
            return bytes(data[start : start + 16])
    return b""
