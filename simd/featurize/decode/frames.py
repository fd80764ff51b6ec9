"""Whether a file holds more pictures than the one that is decoded, by its bytes: nothing is decoded for it."""

from __future__ import annotations

from enum import IntEnum

from simd.featurize.decode import formats
from simd.featurize.decode.boxes import boxes
from simd.featurize.decode.formats import Format
from simd.featurize.decode.jxl import header_of
from simd.featurize.models.directory import first_directory

_GIF_HEADER_BYTES = 13
_PNG_SIGNATURE_BYTES = 8
_WEBP_CHUNKS_AT = 12


class Block(IntEnum):
    """What a block of a GIF begins with."""

    EXTENSION = 0x21
    IMAGE = 0x2C


def is_animated(found: Format, data: bytes | memoryview) -> bool:
    """Whether the file has frames that are shown one after another; pages, and previews of the picture, are none."""
    match found.name:
        case "GIF":
            return _has_second_image(data)
        case "PNG":
            return _apng_frames(data) > 1
        case "WEBP":
            return _has_second_frame(data)
        case "AVIF" | "HEIF":
            return any(box.kind == b"moov" for box in boxes(data))
        case "JXL":
            header = header_of(data)
            return header is not None and header.animated
    return False


def has_pages(found: Format, data: bytes | memoryview) -> bool:
    """Whether the file has pages beyond the first, which alone is decoded."""
    tags = first_directory(data) if found is formats.TIFF else None
    return tags is not None and tags.has_next


def _has_second_image(data: bytes | memoryview) -> bool:
    """Whether a GIF has a second image: the blocks up to it are skipped."""
    at = _GIF_HEADER_BYTES + _colour_table_bytes(data, _GIF_HEADER_BYTES - 3)
    images = 0
    while at < len(data) and images < 2:
        match data[at]:
            case Block.EXTENSION:
                at = _after_blocks(data, at + 2)
            case Block.IMAGE:
                images += 1
                at = _after_blocks(data, at + 11 + _colour_table_bytes(data, at + 9))
            case _:
                break
    return images > 1


def _colour_table_bytes(data: bytes | memoryview, flags_at: int) -> int:
    flags = data[flags_at] if flags_at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes | memoryview, at: int) -> int:
    """Where a chain of blocks ends, each of which says how long it is."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _apng_frames(data: bytes | memoryview) -> int:
    at = _PNG_SIGNATURE_BYTES
    while at + 12 <= len(data) and (kind := data[at + 4 : at + 8]) != b"IDAT":
        if kind == b"acTL":
            return int.from_bytes(data[at + 8 : at + 12], "big")
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return 1


def _has_second_frame(data: bytes | memoryview) -> bool:
    frames = 0
    at = _WEBP_CHUNKS_AT
    while at + 8 <= len(data) and frames < 2:
        frames += data[at : at + 4] == b"ANMF"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return frames > 1
