"""The map, as plain Python values.

Paths are as in `answers`; times are seconds since the epoch. Places are 0 to 1, from the left and from the top.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simd.v1 import insight_service_pb2


@dataclass(frozen=True, slots=True)
class AtlasColour:
    """What a colour of frames, such as "#0072b2", means: a root, label or tier, or "others"; both are empty for images
    that have none."""

    colour: str
    name: str
    images: int


@dataclass(frozen=True, slots=True)
class AtlasStatus:
    """How the map is.

    Attributes:
        state: "ready", "none" (there is none yet), "laying_out" (the first one is being made) or "off".
        detail: why there is none, or why it is not kept up, and what helps; else empty.
        revision: another number after every change.
        images: how many are on it.
        pending: how many are searchable and not on it yet.
        added: how many have come since it was laid out.
        side: how many cells it has on each side; each image has one of its own.
        levels: the level whose tiles show every image.
        laid_out: when it was laid out; None without a map.
        done, total: how far a layout under way is; both 0 if there is none.
        colours: what the colours mean, the commonest first.
    """

    state: str
    detail: str
    revision: int
    images: int
    pending: int
    added: int
    side: int
    levels: int
    laid_out: float | None
    done: int
    total: int
    colours: tuple[AtlasColour, ...]

    @property
    def settled(self) -> bool:
        """Whether there is a map, every searchable image is on it, and none is laid out."""
        return self.state == "ready" and not self.pending and not self.total


@dataclass(frozen=True, slots=True)
class AtlasPlace:
    """An image on the map: one of its files, where it is, and what people said it is, sorted."""

    path: str
    image_id: str
    x: float
    y: float
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AtlasCell:
    """A cell of a tile that is not empty: where it is in the tile, the image that is shown, and how many are in it."""

    column: int
    row: int
    image_id: str
    images: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class AtlasTile:
    """A part of the map.

    Attributes:
        data: the picture's file; empty if nothing is there, or it is `unchanged`.
        content_type: such as "image/webp".
        etag: names what is drawn.
        unchanged: whether the caller has it already.
        cells: what is shown, row by row.
        size: the edge of what is drawn, in pixels.
    """

    data: bytes
    content_type: str
    etag: str
    unchanged: bool
    cells: tuple[AtlasCell, ...]
    size: int


def status(answer: insight_service_pb2.DescribeAtlasResponse) -> AtlasStatus:
    """How the map is."""
    laid_out = answer.laid_out_time.ToMilliseconds() / 1000 if answer.HasField("laid_out_time") else None
    colours = tuple(AtlasColour(one.colour, one.name, one.images) for one in answer.colours)
    return AtlasStatus(
        answer.state, answer.detail, answer.revision, answer.images, answer.pending, answer.added, answer.side,
        answer.levels, laid_out, answer.done, answer.total, colours,
    )  # fmt: skip


def place(answer: insight_service_pb2.AtlasPlace) -> AtlasPlace:
    """An image on the map."""
    path = os.fsdecode(answer.path_bytes or answer.path.encode())
    return AtlasPlace(path, answer.image_id, answer.place.x, answer.place.y, tuple(answer.labels))


def tile(answer: insight_service_pb2.GetAtlasTileResponse) -> AtlasTile:
    """A part of the map."""
    cells = (
        AtlasCell(cell.column, cell.row, cell.image_id, cell.images, cell.width, cell.height) for cell in answer.cells
    )
    return AtlasTile(answer.data, answer.content_type, answer.etag, answer.unchanged, tuple(cells), answer.size)
