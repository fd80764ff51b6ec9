"""Pictures inside Qt's resource files (`.rcc`), by their paths in them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEAD = struct.Struct(">4s4I")
_NODE = struct.Struct(">IH8s")
_DEFLATED, _DIRECTORY = 1, 2


@dataclass(frozen=True, slots=True)
class Resource:
    """A file in a resource file.

    Attributes:
        file: the resource file.
        name: its path in it.
        start: where its content begins.
        length: of its content, in bytes.
        deflated: whether it is kept compressed.
    """

    file: Path
    name: str
    start: int
    length: int
    deflated: bool

    @property
    def identity(self) -> str:
        """The resource file's name and size, and its own path."""
        return f"{self.file.name} {self.file.stat().st_size} {self.name}"

    def read(self) -> bytes:
        """Its bytes."""
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            data = stream.read(self.length)
        return zlib.decompress(data[4:]) if self.deflated else data


def resources(file: Path) -> Iterator[Resource]:
    """All files in a resource file, in its own order.

    Raises:
        ValueError: it is no resource file.
    """
    data = file.read_bytes()
    magic, version, tree, contents, names = _HEAD.unpack_from(data)
    if magic != b"qres":
        raise ValueError(f"{file} is no file of Qt's resources")
    size = 22 if version >= 2 else 14
    folders = [(0, "")]
    while folders:
        number, prefix = folders.pop()
        _, _, rest = _NODE.unpack_from(data, tree + number * size)
        count, first = struct.unpack(">II", rest)
        for child in range(first, first + count):
            name_at, flags, rest = _NODE.unpack_from(data, tree + child * size)
            length = int.from_bytes(data[names + name_at :][:2], "big")
            name = f"{prefix}/{data[names + name_at + 6 :][: 2 * length].decode('utf-16-be')}"
            if flags & _DIRECTORY:
                folders.append((child, name))
            else:
                start = contents + int.from_bytes(rest[4:], "big")
                yield Resource(
                    file, name, start + 4, int.from_bytes(data[start : start + 4], "big"), bool(flags & _DEFLATED)
                )
