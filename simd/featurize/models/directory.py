"""The first directory of a TIFF, classic or BigTIFF, in either byte order: which tags it has, and their integers.

Nothing is believed: a tag whose values lie outside the file has none.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

MAX_ENTRIES = 256
_MAX_VALUES = 1 << 16

_LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""Types of integers, as `struct` knows them."""


class Directory:
    """The tags of one directory.

    Attributes:
        order: "<" or ">", as `struct` knows them.
        big: whether it is of a BigTIFF.
        has_next: whether another directory follows, as of a second page.

    Args:
        data: the whole file.
        entries: type, count, and where the values are, of each tag.
    """

    def __init__(
        self,
        data: bytes | memoryview,
        order: str,
        big: bool,
        has_next: bool,
        entries: Mapping[int, tuple[int, int, int]],
    ) -> None:
        self.order = order
        self.big = big
        self.has_next = has_next
        self._data = data
        self._entries = entries

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def values(self, tag: int) -> tuple[int, ...]:
        """The integers of a tag; none where it is missing, is of another type, or lies outside the file."""
        kind, count, at = self._entries.get(tag, (0, 0, 0))
        if kind not in _LETTERS or count > _MAX_VALUES:
            return ()
        try:
            return struct.unpack_from(f"{self.order}{count}{_LETTERS[kind]}", self._data, at)
        except (struct.error, OverflowError):
            return ()

    def value(self, tag: int, default: int) -> int:
        """The first integer of a tag."""
        return next(iter(self.values(tag)), default)


def first_directory(data: bytes | memoryview) -> Directory | None:
    """The first directory of a TIFF, or None where there is none to be read."""
    order = "<" if data[:1] == b"I" else ">"
    try:
        (version,) = struct.unpack_from(order + "H", data, 2)
        if version not in (42, 43):
            return None
        big = version == 43
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        at += 8 if big else 2
        entries = dict(_entry(data, order, big, at + (20 if big else 12) * n) for n in range(min(count, MAX_ENTRIES)))
    except (struct.error, OverflowError):
        return None
    next_at = at + (20 if big else 12) * count
    following = int.from_bytes(data[next_at : next_at + (8 if big else 4)], "little" if order == "<" else "big")
    return Directory(data, order, big, 0 < following < len(data), entries)


def _entry(data: bytes | memoryview, order: str, big: bool, at: int) -> tuple[int, tuple[int, int, int]]:
    """A tag, and the type, count and place of its values: in the entry itself where they fit."""
    tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
    room, field = (8, at + 12) if big else (4, at + 8)
    if kind in _LETTERS and struct.calcsize(order + _LETTERS[kind]) * count <= room:
        return tag, (kind, count, field)
    (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, field)
    return tag, (kind, count, place)
