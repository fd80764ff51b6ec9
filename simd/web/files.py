"""What is searchable: its files, page by page, and what is known of an image."""

from __future__ import annotations

import os

from simctl import contents
from simctl.commands import files, show
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from simd.v1 import index_service_pb2 as wire
from simd.web import parameters
from simd.web.daemon import Daemon
from simd.web.leaving import while_here


class Files:
    """Args:
    daemon: has them.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/files", self.files),
            Route("/api/images/{image_id}/facts", self.facts),
        ]

    async def files(self, request: Request) -> JSONResponse:
        """A page of the files that are searchable, those below `path_prefix` where it is given."""
        call = wire.ListFilesRequest(
            page_size=parameters.number(request, "page_size", int, 100),
            page_token=request.query_params.get("page_token", ""),
            path_prefix_bytes=os.fsencode(request.query_params.get("path_prefix", "")),
        )
        found = await while_here(request, self._daemon.call(self._daemon.index.ListFiles, call))
        lines = [files.document(contents.file(file)) for file in found.files]
        return JSONResponse({"files": lines, "total": found.total_size, "next_page_token": found.next_page_token})

    async def facts(self, request: Request) -> JSONResponse:
        """An image's size, format and paths."""
        call = wire.GetImageRequest(image_id=parameters.image_id(request.path_params["image_id"]))
        found = await self._daemon.call(self._daemon.index.GetImage, call)
        return JSONResponse(show.image_document(contents.image(found.image)))
