"""The map of all images: how it is, its tiles, and what they show."""

from __future__ import annotations

import asyncio
from typing import Any

from simctl.answers import seconds
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simd.v1 import insight_service_pb2 as wire
from simd.web.answers import BadRequest
from simd.web.daemon import Daemon
from simd.web.leaving import while_here

_TILES = 12
"""Under way at the daemon at once; the others wait here, and are not asked for if their browser leaves."""
_REVALIDATED = "private, no-cache"
"""A tile changes when pictures come and go, so a browser asks each time whether it has."""
_MOST = 2**31 - 1
_TILE = "/api/map/tiles/{level:int}/{column:int}/{row:int}"


class Mapping:
    """Args:
    daemon: has the map.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._tiles = asyncio.Semaphore(_TILES)

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/map", self.state),
            Route(_TILE, self.tile),
            Route(f"{_TILE}/pictures", self.pictures),
            Route("/api/map/layout", self.lay_out, methods=["POST"]),
        ]

    async def state(self, request: Request) -> JSONResponse:
        """How the map is, and what the colours of `colour` mean."""
        call = wire.DescribeAtlasRequest(colour=request.query_params.get("colour", ""))
        found = await while_here(request, self._daemon.call(self._daemon.insight.DescribeAtlas, call))
        return JSONResponse(
            {
                "state": found.state,
                "detail": found.detail,
                "revision": found.revision,
                "images": found.images,
                "pending": found.pending,
                "added": found.added,
                "side": found.side,
                "levels": found.levels,
                "laid_out_time": seconds(found.laid_out_time),
                "done": found.done,
                "total": found.total,
                "colours": [{"colour": one.colour, "name": one.name, "images": one.images} for one in found.colours],
            }
        )

    async def tile(self, request: Request) -> Response:
        """A tile's picture; 204 where it shows nothing."""
        found = await self._tile(request, _tag(request.headers.get("if-none-match", "")))
        headers = {"ETag": f'"{found.etag}"', "Cache-Control": _REVALIDATED}
        if found.unchanged:
            return Response(status_code=304, headers=headers)
        if not found.data:
            return Response(status_code=204, headers=headers)
        return Response(found.data, media_type=_shown_as(found.content_type), headers=headers)

    async def pictures(self, request: Request) -> JSONResponse:
        """What a tile shows, cell by cell. With the `etag` of the tile that a browser has nothing is drawn for it."""
        found = await self._tile(request, request.query_params.get("etag", ""))
        cells = [
            {
                "column": cell.column,
                "row": cell.row,
                "image_id": cell.image_id,
                "images": cell.images,
                "width": cell.width,
                "height": cell.height,
            }
            for cell in found.cells
        ]
        return JSONResponse({"etag": found.etag, "pictures": cells})

    async def lay_out(self, request: Request) -> JSONResponse:
        """Have the whole map laid out anew."""
        await self._daemon.call(self._daemon.insight.LayOutAtlas, wire.LayOutAtlasRequest())
        return JSONResponse({})

    async def _tile(self, request: Request, etag: str) -> Any:
        call = wire.GetAtlasTileRequest(
            level=_part(request, "level"),
            column=_part(request, "column"),
            row=_part(request, "row"),
            colour=request.query_params.get("colour", ""),
            etag=etag,
        )
        return await while_here(request, self._asked(call))

    async def _asked(self, call: wire.GetAtlasTileRequest) -> Any:
        async with self._tiles:
            return await self._daemon.call(self._daemon.insight.GetAtlasTile, call)


def _part(request: Request, name: str) -> int:
    number: int = request.path_params[name]
    if number > _MOST:
        raise BadRequest(f"{name} is at most {_MOST:,}", field=name)
    return number


def _tag(header: str) -> str:
    """The first tag that a browser names, bare; a proxy that compresses makes it a weak one."""
    return header.partition(",")[0].strip().removeprefix("W/").strip('"')


def _shown_as(content_type: str) -> str:
    return content_type if content_type in ("image/webp", "image/png") else "application/octet-stream"
