"""What the bytes of a picture say of it before it is opened: its size where opening would be too late, and its end."""

from __future__ import annotations

from simd.featurize.decode import formats
from simd.featurize.decode.boxes import boxes, inside
from simd.featurize.decode.formats import Format
from simd.featurize.decode.jxl import header_of
from simd.featurize.models.directory import first_directory


def declared_size(found: Format, data: bytes | memoryview) -> tuple[int, int] | None:
    """Width and height, for the formats whose decoders allocate or decode the whole picture to open it.

    None for the other formats, and when the header cannot be read.
    """
    if found is formats.WEBP:
        return _webp_size(data)
    header = header_of(data) if found is formats.JPEG_XL else None
    return (header.width, header.height) if header else None


def first_frame(found: Format, data: bytes | memoryview) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of an animation's first frame on its canvas; None where it is all of that."""
    if found is not formats.WEBP or data[12:16] != b"VP8X":
        return None
    at = 12
    while at + 8 <= len(data):
        if data[at : at + 4] == b"ANMF" and at + 20 <= len(data):
            left, top, width, height = (int.from_bytes(data[at + n : at + n + 3], "little") for n in (8, 11, 14, 17))
            return 2 * left, 2 * top, 2 * left + width + 1, 2 * top + height + 1
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return None


def avif_size(data: bytes | memoryview) -> tuple[int, int]:
    """Width and height of the largest picture that an AVIF describes; zeros where it describes none."""
    found = (data[box.start + 4 : box.start + 12] for box in inside(data, b"meta", b"iprp", b"ipco", b"ispe"))
    sizes = [(int.from_bytes(size[:4], "big"), int.from_bytes(size[4:], "big")) for size in found]
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


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
        case "TIFF":
            return _tiff_end(data) > len(data)
    return False


def _tiff_end(data: bytes | memoryview) -> int:
    """Where the last strip or tile ends; past every end where not even the directory is there."""
    tags = first_directory(data)
    if tags is None:
        return len(data) + 1
    strips, tiles = ((273, 279), (324, 325))
    places = [(tags.values(offsets), tags.values(sizes)) for offsets, sizes in (strips, tiles)]
    return max((at + size for offsets, sizes in places for at, size in zip(offsets, sizes, strict=False)), default=0)


def _boxes_end(data: bytes | memoryview) -> int:
    return max((box.end for box in boxes(data)), default=0)


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
