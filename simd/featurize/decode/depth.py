"""How many bits a sample of a picture has in its file, by its bytes: decoding may leave fewer of them."""

from __future__ import annotations

import re

from simd.featurize.decode.bitfields import bit_fields
from simd.featurize.decode.boxes import inside
from simd.featurize.decode.formats import SNIFF_BYTES, Format
from simd.featurize.decode.jpeg import frame_of
from simd.featurize.decode.jpeg2000 import deep
from simd.featurize.decode.jxl import header_of
from simd.featurize.models.directory import first_directory

_UNKNOWN = 64
"""Where it cannot be told, it may be more than is decoded."""
_PNG_DEPTH_AT = 24
_TIFF_BITS = 258
_HVC_DEPTH_AT = 17
_PNM_COMMENT = re.compile(rb"#[^\r\n]*")


def bits_per_sample(found: Format, data: bytes) -> int:
    """Of the channel that has most; 8 stands for all that have no more."""
    match found.name:
        case "PNG":
            return data[_PNG_DEPTH_AT]
        case "TIFF":
            tags = first_directory(data)
            return max(tags.values(_TIFF_BITS), default=1) if tags else _UNKNOWN
        case "JPEG":
            frame = frame_of(data)
            return frame.bits if frame else _UNKNOWN
        case "JPEG2000":
            found_deep = deep(data)
            return found_deep.bits if found_deep else 8
        case "JXL":
            header = header_of(data)
            return header.bits if header else _UNKNOWN
        case "AVIF" | "HEIF":
            return _in_boxes(data)
        case "PPM":
            return _of_pnm(data)
        case "BMP":
            fields = bit_fields(data)
            return max(mask.bit_count() for mask in fields.masks) if fields else 8
        case "RAW":
            # Its preview is what is decoded.
            return _UNKNOWN
    return 8


def _in_boxes(data: bytes) -> int:
    """Of the pictures, their tiles and their alpha: each has its own configuration of the codec."""
    path = (b"meta", b"iprp", b"ipco")
    av1 = [10 if data[box.start + 2] & 0x40 else 8 for box in inside(data, *path, b"av1C") if box.start + 2 < len(data)]
    hevc = [
        8 + (data[box.start + _HVC_DEPTH_AT] & 7)
        for box in inside(data, *path, b"hvcC")
        if box.start + _HVC_DEPTH_AT < len(data)
    ]
    return max(av1 + hevc, default=_UNKNOWN)


def _of_pnm(data: bytes) -> int:
    if data[1:2] in b"14":
        return 1
    words = _PNM_COMMENT.sub(b"", data[2:SNIFF_BYTES]).split(None, 3)
    return int(words[2]).bit_length() if len(words) > 2 and words[2].isdigit() else _UNKNOWN
