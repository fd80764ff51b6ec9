"""Images on the map: one, or those within a line that somebody drew around them; and these as a file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import AsyncGenerator, Callable
from typing import Any

from simctl.answers import path_of
from simctl.output import json_path
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from simd.v1 import insight_service_pb2 as wire
from simd.web import parameters
from simd.web.answers import BadRequest
from simd.web.daemon import Daemon
from simd.web.leaving import Streamed, while_here

MOST_TOLD = 1000
"""Of a selection; all of it is told as a file."""

Line = Callable[[Any], bytes]


class MapSelection:
    """Args:
    daemon: has the map.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/map/pictures/{image_id}", self.picture),
            Route("/api/map/selection", self.selection, methods=["POST"]),
            Route("/api/map/selection/file", self.file, methods=["POST"]),
        ]

    async def picture(self, request: Request) -> JSONResponse:
        """Where an image is on the map, and what it is."""
        image_id = parameters.image_id(request.path_params["image_id"])
        _, places = await while_here(request, self._places(wire.AtlasRequest(image_ids=[image_id], limit=1)))
        if not places:
            raise BadRequest("the picture is not on the map, or not yet", field="image_id", status=404)
        return JSONResponse(places[0])

    async def selection(self, request: Request) -> JSONResponse:
        """What is within `{"polygon": [[x, y], ...]}`: how many images, and the first of them."""
        call = wire.AtlasRequest(polygon=_polygon(await parameters.document(request)), limit=MOST_TOLD)
        total, places = await while_here(request, self._places(call))
        return JSONResponse({"total": total, "places": places})

    async def file(self, request: Request) -> Streamed:
        """All that is within `polygon`, a line each: `as` is "paths", "csv" or "ids"."""
        said = await parameters.document(request)
        kind = said.get("as")
        if kind not in _FILES:
            raise BadRequest(f"as is one of {', '.join(_FILES)}", field="as")
        name, content_type, head, line = _FILES[kind]
        messages = self._daemon.stream(self._daemon.insight.Atlas, wire.AtlasRequest(polygon=_polygon(said)))

        async def begun() -> Any:
            return await anext(messages, None)

        try:
            # Where no daemon answers this is an error, and no file that ends early.
            first = await while_here(request, begun())
        except BaseException:
            await messages.aclose()
            raise
        saved = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Streamed(_lines(first, messages, head, line), content_type, saved)

    async def _places(self, call: wire.AtlasRequest) -> tuple[int, list[dict[str, object]]]:
        messages = self._daemon.stream(self._daemon.insight.Atlas, call)
        total, places = 0, []
        try:
            async for message in messages:
                total = total or message.total_size
                places += [_document(place) for place in message.places]
        finally:
            await messages.aclose()
        return total, places


async def _lines(first: Any, messages: AsyncGenerator[Any], head: bytes, line: Line) -> AsyncGenerator[str | bytes]:
    try:
        yield head + b"".join(map(line, first.places if first else ()))
        async for message in messages:
            yield b"".join(map(line, message.places))
    finally:
        await messages.aclose()


def _polygon(said: dict[str, Any]) -> list[wire.AtlasPoint]:
    points = said.get("polygon")
    if not isinstance(points, list) or not all(map(_is_point, points)):
        raise BadRequest("a polygon is a list of [x, y], each 0 to 1", field="polygon")
    if len(points) < 3:
        # Without any the daemon would tell all images.
        raise BadRequest(f"a polygon has at least three points, not {len(points)}", field="polygon")
    return [wire.AtlasPoint(x=x, y=y) for x, y in points]


def _is_point(said: Any) -> bool:
    if not isinstance(said, list) or len(said) != 2:
        return False
    return all(isinstance(at, int | float) and 0 <= at <= 1 for at in said)


def _document(place: Any) -> dict[str, object]:
    return {
        **json_path(path_of(place)),
        "image_id": place.image_id,
        "x": place.place.x,
        "y": place.place.y,
        "labels": [*place.labels],
    }


def _path(place: Any) -> bytes:
    return os.fsencode(path_of(place)) + b"\n"


def _id(place: Any) -> bytes:
    return f"{place.image_id}\n".encode()


def _row(place: Any) -> bytes:
    text = io.StringIO()
    path = path_of(place)
    # A return alone is not quoted by itself.
    write = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if "\r" in path else csv.QUOTE_MINIMAL)
    write.writerow((path, place.image_id, f"{place.place.x:.6f}", f"{place.place.y:.6f}", ";".join(place.labels)))
    return text.getvalue().encode(errors="surrogateescape")


_FILES: dict[str, tuple[str, str, bytes, Line]] = {
    "paths": ("pictures.txt", "text/plain; charset=utf-8", b"", _path),
    "csv": ("pictures.csv", "text/csv; charset=utf-8", b"path,image_id,x,y,labels\n", _row),
    "ids": ("ids.txt", "text/plain; charset=utf-8", b"", _id),
}
