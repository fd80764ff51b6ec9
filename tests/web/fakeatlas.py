"""A map in this process, as a daemon has it: pictures of one colour each, in cells of their own."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from simd.v1 import insight_service_pb2 as wire

_CELLS = 8
_CELL = 32
_COLOURS = ("#1f77b4", "#d95f02")
_A_MESSAGE = 1000

Cells = npt.NDArray[np.int64]


class Atlas:
    """Pictures in the cells nearest to the middle of a map.

    Args:
        images: how many.
        side: of the map in cells.
    """

    def __init__(self, images: int, side: int) -> None:
        self.side = side
        self.levels = (side // _CELLS).bit_length() - 1
        rows, columns = np.divmod(np.arange(side * side), side)
        half = (side - 1) / 2
        nearest = np.argsort((rows - half) ** 2 + (columns - half) ** 2, kind="stable")[:images]
        self.rows, self.columns = rows[nearest], columns[nearest]

    @cached_property
    def _by_level(self) -> dict[int, tuple[Cells, Cells]]:
        return {}

    def level(self, level: int) -> tuple[Cells, Cells]:
        """Of each cell of a level: the picture that is shown, -1 for none, and how many there are."""
        if level not in self._by_level:
            edge = _CELLS << level
            cells = (self.rows * edge // self.side) * edge + self.columns * edge // self.side
            shown, counts = np.full(edge * edge, -1), np.bincount(cells, minlength=edge * edge)
            shown[cells[::-1]] = np.arange(len(cells))[::-1]
            self._by_level[level] = shown.reshape(edge, edge), counts.reshape(edge, edge)
        return self._by_level[level]


def image_id(number: int) -> str:
    """The id of a picture of the map."""
    return f"{number:032x}"


def shape(number: int) -> tuple[int, int]:
    """Its width and height."""
    return (40, 30) if number % 3 else (30, 40)


class FakeAtlas:
    """Answers what the page asks of a map.

    Attributes:
        atlas: what is on it.
        state: how it is.
        drawn: how many tiles were drawn.
        laid_out: how often it was to be laid out anew.
    """

    def __init__(self, images: int = 20, side: int = 16) -> None:
        self.atlas = Atlas(images, side)
        self.state = "ready"
        self.detail = ""
        self.revision = 1
        self.pending = self.added = self.drawn = self.laid_out = self.done = self.total = 0

    def DescribeAtlas(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.colour not in ("", "root", "label", "tier"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"colour={request.colour} is none of root, label, tier")
        images = len(self.atlas.rows)
        colours = [
            wire.AtlasColour(colour=colour, name=name, images=images // 2)
            for colour, name in zip(_COLOURS, ("/pictures", "/more/pictures"), strict=True)
        ]
        response = wire.DescribeAtlasResponse(
            state=self.state, detail=self.detail, pending=self.pending, done=self.done, total=self.total
        )
        if self.state == "ready":
            response.revision, response.images, response.added = self.revision, images, self.added
            response.side, response.levels = self.atlas.side, self.atlas.levels
            response.colours.extend(colours if request.colour else ())
        return response

    def Atlas(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        found = self._within(request)
        total = len(found)
        found = found[: request.limit or None]
        for begin in range(0, max(1, total), _A_MESSAGE):
            places = [self.place(number) for number in found[begin : begin + _A_MESSAGE]]
            yield wire.AtlasResponse(places=places, total_size=0 if begin else total)

    def GetAtlasTile(self, request: Any, context: grpc.ServicerContext) -> Any:
        level, row, column = request.level, request.row, request.column
        if level > self.atlas.levels or max(row, column) >= 1 << level:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"there is no tile {level}/{column}/{row}")
        part = slice(row * _CELLS, (row + 1) * _CELLS), slice(column * _CELLS, (column + 1) * _CELLS)
        shown, counts = (cells[part] for cells in self.atlas.level(level))
        etag = hashlib.sha256(f"{request.colour} {shown.tobytes()!r}".encode()).hexdigest()[:16]
        cells = [
            wire.AtlasCell(
                row=y,
                column=x,
                image_id=image_id(shown[y, x]),
                images=counts[y, x],
                width=shape(shown[y, x])[0],
                height=shape(shown[y, x])[1],
            )
            for y, x in np.argwhere(shown >= 0)
        ]
        response = wire.GetAtlasTileResponse(etag=etag, cells=cells, size=256, unchanged=request.etag == etag)
        if cells and not response.unchanged:
            self.drawn += 1
            response.data, response.content_type = self._draw(shown, request.colour), "image/webp"
        return response

    def LayOutAtlas(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.state == "off":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, self.detail)
        self.laid_out += 1
        return wire.LayOutAtlasResponse()

    def place(self, number: int) -> Any:
        """Where a picture is."""
        return wire.AtlasPlace(
            image_id=image_id(number),
            path=f"/pictures/{number % 7}/picture {number}.jpg",
            place=wire.AtlasPoint(
                x=(self.atlas.columns[number] + 0.5) / self.atlas.side,
                y=(self.atlas.rows[number] + 0.5) / self.atlas.side,
            ),
            labels=["even"] if number % 2 == 0 else [],
        )

    def _within(self, request: Any) -> list[int]:
        if request.image_ids:
            numbers = [int(one, 16) for one in request.image_ids]
            return [number for number in numbers if number < len(self.atlas.rows)]
        x, y = (self.atlas.columns + 0.5) / self.atlas.side, (self.atlas.rows + 0.5) / self.atlas.side
        inside = np.zeros(len(x), bool)
        points = [(point.x, point.y) for point in request.polygon]
        for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
            if y0 != y1:
                inside ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
        return [int(number) for number in np.flatnonzero(inside)]

    def _draw(self, shown: Cells, colour: str) -> bytes:
        tile = Image.new("RGBA", (_CELLS * _CELL, _CELLS * _CELL))
        draw = ImageDraw.Draw(tile)
        for y, x in np.argwhere(shown >= 0):
            number = int(shown[y, x])
            longer = 26 if colour else 30
            width, height = (longer, longer * 3 // 4) if shape(number)[0] == 40 else (longer * 3 // 4, longer)
            left, top = x * _CELL + (_CELL - width) // 2, y * _CELL + (_CELL - height) // 2
            box = left, top, left + width - 1, top + height - 1
            if colour:
                draw.rectangle((box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 2), _COLOURS[number % 2])
            draw.rectangle(box, tuple(hashlib.md5(str(number).encode()).digest()[:3]))
        out = io.BytesIO()
        tile.save(out, "WEBP", quality=80)
        return out.getvalue()
