"""TIFFs of any kind, byte by byte: what the usual writers do not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
UNCOMPRESSED, DEFLATE = 1, 8

_SHORT, _LONG, _LONG8 = 3, 4, 16
_Entry = tuple[int, int, Sequence[int]]
_LETTERS = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}


@dataclass(frozen=True)
class Tiff:
    """How a TIFF is written.

    Attributes:
        order: "<" or ">".
        big: whether it is a BigTIFF.
        tile: width and height of its tiles; without, it is in strips of `rows` rows.
        directory_first: whether the directory stands before the strips or tiles.
        compress: what each strip or tile becomes, where `compression` is another than the two that are known here.
    """

    bits: int
    photometric: int = MIN_IS_BLACK
    sample_format: int = UNSIGNED
    extra: Sequence[int] = ()
    planar: bool = False
    order: str = "<"
    big: bool = False
    compression: int = UNCOMPRESSED
    rows: int = 24
    tile: tuple[int, int] | None = None
    colour_map: Sequence[int] = ()
    orientation: int = 1
    compress: Callable[[Samples], bytes] | None = None
    directory_first: bool = False
    subsampling: Sequence[int] = ()

    def of(self, samples: Samples) -> bytes:
        """The file: `(height, width)` or `(height, width, channels)`."""
        samples = samples.reshape(*samples.shape[:2], -1)
        parts = [(part := self._encoded(each)) + b"\0" * (len(part) % 2) for each in self._parts(samples)]
        start = 16 if self.big else 8
        head = self._directory(self._all(samples, [0] * len(parts), parts), start)
        at = start + len(head) if self.directory_first else start
        offsets = [at + sum(len(part) for part in parts[:n]) for n in range(len(parts))]
        content = b"".join(parts)
        directory_at = start if self.directory_first else start + len(content)
        directory = self._directory(self._all(samples, offsets, parts), directory_at)
        body = directory + content if self.directory_first else content + directory
        return self._head(directory_at) + body

    def _all(self, samples: Samples, offsets: list[int], parts: list[bytes]) -> list[_Entry]:
        places = self._places(offsets, [len(part) for part in parts])
        return sorted(entry for entry in [*self._entries(samples), *places] if entry[2])

    def _parts(self, samples: Samples) -> list[Samples]:
        channels = samples.shape[2]
        planes = [samples[:, :, n : n + 1] for n in range(channels)] if self.planar else [samples]
        return [part for plane in planes for part in (self._tiles(plane) if self.tile else self._strips(plane))]

    def _strips(self, plane: Samples) -> list[Samples]:
        return [plane[top : top + self.rows] for top in range(0, len(plane), self.rows)]

    def _tiles(self, plane: Samples) -> list[Samples]:
        assert self.tile
        width, height = self.tile
        wide = np.pad(plane, ((0, -len(plane) % height), (0, -plane.shape[1] % width), (0, 0)))
        tops, lefts = range(0, len(wide), height), range(0, wide.shape[1], width)
        return [wide[top : top + height, left : left + width] for top in tops for left in lefts]

    def _encoded(self, part: Samples) -> bytes:
        if self.compress:
            return self.compress(part)
        plain = self._packed(part.reshape(len(part), -1))
        return zlib.compress(plain) if self.compression == DEFLATE else plain

    def _packed(self, rows: Samples) -> bytes:
        if self.sample_format == FLOAT:
            return rows.astype(f"{self.order}f{self.bits // 8}").tobytes()
        if self.bits in (8, 16, 32):
            return rows.astype(f"{self.order}{'i' if self.sample_format == SIGNED else 'u'}{self.bits // 8}").tobytes()
        if self.bits == 24:
            four = rows.astype(f"{self.order}u4").view(np.uint8).reshape(len(rows), -1, 4)
            return (four[:, :, :3] if self.order == "<" else four[:, :, 1:]).tobytes()
        shifts = np.arange(self.bits - 1, -1, -1, dtype=np.uint64)
        digits = (rows[:, :, None].astype(np.uint64) >> shifts) & np.uint64(1)
        return np.packbits(digits.astype(np.uint8).reshape(len(rows), -1), axis=1).tobytes()

    def _entries(self, samples: Samples) -> list[_Entry]:
        height, width, channels = samples.shape
        return [
            (256, _LONG, [width]),
            (257, _LONG, [height]),
            (258, _SHORT, [self.bits] * channels),
            (259, _SHORT, [self.compression]),
            (262, _SHORT, [self.photometric]),
            (274, _SHORT, [self.orientation]),
            (277, _SHORT, [channels]),
            (284, _SHORT, [2 if self.planar else 1]),
            (320, _SHORT, self.colour_map),
            (338, _SHORT, self.extra),
            (339, _SHORT, [self.sample_format] * channels),
            (530, _SHORT, self.subsampling),
        ]

    def _places(self, offsets: list[int], sizes: list[int]) -> list[_Entry]:
        kind = _LONG8 if self.big else _LONG
        if self.tile:
            width, height = self.tile
            return [(322, _LONG, [width]), (323, _LONG, [height]), (324, kind, offsets), (325, kind, sizes)]
        return [(273, kind, offsets), (278, _LONG, [self.rows]), (279, kind, sizes)]

    def _head(self, directory_at: int) -> bytes:
        mark = b"II" if self.order == "<" else b"MM"
        if self.big:
            return mark + struct.pack(self.order + "HHHQ", 43, 8, 0, directory_at)
        return mark + struct.pack(self.order + "HI", 42, directory_at)

    def _directory(self, entries: list[_Entry], at: int) -> bytes:
        count, offset, inline = ("Q", "Q", 8) if self.big else ("H", "I", 4)
        rest_at = at + struct.calcsize(f"={count}") + len(entries) * (12 + inline if self.big else 12) + inline
        out, rest = struct.pack(self.order + count, len(entries)), b""
        for tag, kind, values in entries:
            packed = struct.pack(f"{self.order}{len(values)}{_LETTERS[kind]}", *values)
            place = packed.ljust(inline, b"\0")
            if len(packed) > inline:
                place = struct.pack(self.order + offset, rest_at + len(rest))
                rest += packed + b"\0" * (len(packed) % 2)
            out += struct.pack(self.order + "HH" + offset, tag, kind, len(values)) + place
        return out + bytes(inline) + rest
