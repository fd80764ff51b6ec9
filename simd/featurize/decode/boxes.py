"""The boxes of an ISO container, which AVIF, HEIC, JPEG 2000 and JPEG XL share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its type, where its content starts, and where it says that it ends."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes | memoryview, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes that follow each other in this part of a file; the last may say that it ends beyond."""
    at, end = start, len(data) if end is None else min(end, len(data))
    while at + 8 <= end:
        size, header = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if size == 0:
            size = end - at
        if size < header:
            return
        yield Box(bytes(data[at + 4 : at + 8]), at + header, at + size)
        at += size


def inside(data: bytes | memoryview, *path: bytes) -> Iterator[Box]:
    """The boxes of the last type of a path that lie in boxes of the types before it."""
    spans = [(0, len(data))]
    for kind in path[:-1]:
        # The first bytes of some boxes that hold others are a version.
        skipped = 4 if kind == b"meta" else 0
        spans = [(box.start + skipped, box.end) for span in spans for box in boxes(data, *span) if box.kind == kind]
    yield from (box for span in spans for box in boxes(data, *span) if box.kind == path[-1])
