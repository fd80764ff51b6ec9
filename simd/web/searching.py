"""Searches and comparisons of the page."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from simctl import answers as told
from simctl.commands import compare, search
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from simd.v1 import search_service_pb2 as wire
from simd.web import parameters
from simd.web.bodies import Uploads
from simd.web.daemon import Daemon
from simd.web.leaving import while_here

UPLOADS = ("/api/search", "/api/compare")
"""Where pictures are sent to."""


class Searching:
    """Args:
    daemon: answers.
    uploads: pictures that are sent.
    """

    def __init__(self, daemon: Daemon, uploads: Uploads) -> None:
        self._daemon = daemon
        self._uploads = uploads

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/search", self.search, methods=["GET", "POST"]),
            Route("/api/compare", self.compare, methods=["GET", "POST"]),
        ]

    async def search(self, request: Request) -> JSONResponse:
        """What looks like `image_id`, or like the picture that is the body."""
        least = request.query_params.get("min_similarity")
        async with self._subject(request, "image_id") as subject:
            call = wire.SearchRequest(
                **subject,
                limit=parameters.number(request, "limit", int, 100),
                min_similarity=None if not least else parameters.number(request, "min_similarity", float, 0.0),
                path_prefix_bytes=os.fsencode(request.query_params.get("path_prefix", "")),
                exact=parameters.flag(request, "exact"),
                group=parameters.flag(request, "group"),
                region=parameters.region(request),
            )
            response = await while_here(request, self._daemon.call(self._daemon.search.Search, call))
        name = request.query_params.get("image_id") or request.query_params.get("name") or ""
        return JSONResponse(search.document(name, told.search_result(response)))

    async def compare(self, request: Request) -> JSONResponse:
        """What `first`, or the picture that is the body, is to `second`."""
        second = parameters.image_id(request.query_params.get("second", ""), "second")
        async with self._subject(request, "first") as subject:
            call = wire.CompareRequest(first=wire.Subject(**subject), second=wire.Subject(image_id=second))
            response = await while_here(request, self._daemon.call(self._daemon.search.Compare, call))
        found = told.comparison(response)
        return JSONResponse(compare.document(request.query_params.get("first", ""), second, found))

    @asynccontextmanager
    async def _subject(self, request: Request, name: str) -> AsyncIterator[dict[str, Any]]:
        if request.method != "POST":
            yield {"image_id": parameters.image_id(request.query_params.get(name, ""), name)}
            return
        async with self._uploads.of(request) as image:
            yield {"image": image}
