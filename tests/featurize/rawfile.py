"""A raw photograph as a camera writes it, in the open format DNG: sensor values, and a preview in JPEG or as pixels."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 10: 8}
_BYTE, _TEXT, _SHORT, _LONG, _RATIONAL = _SIZES
_Entry = tuple[int, int, Sequence[int]]


def dng(
    preview: bytes | None, preview_size: tuple[int, int], *, compression: int = 7, turn: int = 1, sensor: int = 64
) -> bytes:
    """The file's bytes.

    Args:
        preview: a JPEG (compression 7) or RGB values (compression 1); None for a file without.
        preview_size: width and height of it.
        turn: how the camera was held, as in EXIF.
        sensor: width and height of the sensor, in pixels.
    """
    values = np.full((sensor, sensor), 1000, "<u2").tobytes()
    content = bytearray(8)
    preview_at = _append(content, preview or b"")
    values_at = _append(content, values)
    raw: list[_Entry] = [
        (254, _LONG, [0]),
        (256, _LONG, [sensor]),
        (257, _LONG, [sensor]),
        (258, _SHORT, [16]),
        (259, _SHORT, [1]),
        (262, _SHORT, [32803]),
        (273, _LONG, [values_at]),
        (277, _SHORT, [1]),
        (278, _LONG, [sensor]),
        (279, _LONG, [len(values)]),
        (33421, _SHORT, [2, 2]),
        (33422, _BYTE, [0, 1, 1, 2]),
    ]
    camera: list[_Entry] = [
        (271, _TEXT, b"simd\0"),
        (272, _TEXT, b"test\0"),
        (274, _SHORT, [turn]),
        (50706, _BYTE, [1, 4, 0, 0]),
        (50721, _RATIONAL, [1, 0, 0, 0, 1, 0, 0, 0, 1]),
        (50778, _SHORT, [21]),
    ]
    if preview is None:
        first = _append_directory(content, raw + camera)
    else:
        sub = _append_directory(content, raw)
        width, height = preview_size
        shown: list[_Entry] = [
            (254, _LONG, [1]),
            (256, _LONG, [width]),
            (257, _LONG, [height]),
            (258, _SHORT, [8, 8, 8]),
            (259, _SHORT, [compression]),
            (262, _SHORT, [6 if compression == 7 else 2]),
            (273, _LONG, [preview_at]),
            (277, _SHORT, [3]),
            (278, _LONG, [height]),
            (279, _LONG, [len(preview)]),
            (330, _LONG, [sub]),
        ]
        first = _append_directory(content, shown + camera)
    content[:8] = b"II*\0" + struct.pack("<I", first)
    return bytes(content)


def _append(content: bytearray, part: bytes) -> int:
    at = len(content)
    content += part + b"\0" * (len(part) % 2)
    return at


def _append_directory(content: bytearray, entries: list[_Entry]) -> int:
    at = len(content)
    rest_at = at + 2 + 12 * len(entries) + 4
    directory, rest = struct.pack("<H", len(entries)), b""
    for tag, kind, values in sorted(entries):
        packed = _packed(kind, values)
        field = packed.ljust(4, b"\0")
        if len(packed) > 4:
            field = struct.pack("<I", rest_at + len(rest))
            rest += packed + b"\0" * (len(packed) % 2)
        directory += struct.pack("<HHI", tag, kind, len(values)) + field
    content += directory + bytes(4) + rest
    return at


def _packed(kind: int, values: Sequence[int]) -> bytes:
    if kind == _RATIONAL:
        return b"".join(struct.pack("<ii", value, 1) for value in values)
    return struct.pack(f"<{len(values)}{'BHI'[_SIZES[kind] // 2]}", *values)
