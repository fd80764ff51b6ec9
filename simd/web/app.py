"""The page as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from simctl.errors import SimctlError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from simd.web.answers import BadRequest, Incidents, failed
from simd.web.assets import Assets, document
from simd.web.bodies import Bodies, Uploads
from simd.web.daemon import Daemon
from simd.web.duplicates import Duplicates
from simd.web.files import Files
from simd.web.guard import Guard
from simd.web.labelling import Labelling
from simd.web.leaving import BrowserLeft
from simd.web.login import Login
from simd.web.mapping import Mapping
from simd.web.mapselection import MapSelection
from simd.web.pictures import Pictures
from simd.web.reviews import Reviews
from simd.web.searching import UPLOADS, Searching
from simd.web.site import Site
from simd.web.statuses import Statuses
from simd.web.statusfeed import StatusFeed
from simd.web.suggesting import LINES, Suggesting

VIEWS = ("/", "/duplicates", "/map", "/next", "/status")
"""Addresses of the page; all of them are the same document."""

_GZIP_FROM_BYTES = 2048


def create_app(daemon: Daemon, feed: StatusFeed, site: Site, login: Login | None = None) -> Starlette:
    """The application; it closes the connection to the daemon at its end.

    Args:
        daemon: answers.
        feed: tells how it is.
        site: where the page is.
        login: who may look; None is everybody who can reach it.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        feed.close()
        await daemon.close()

    async def session(request: Request) -> JSONResponse:
        """Whether somebody is logged in; without a login nobody is, and everybody may look."""
        return JSONResponse({"logged_in": login is not None})

    routes: list[BaseRoute] = [
        *[Route(view, _page) for view in VIEWS],
        *(login.routes() if login else ()),
        Route("/api/session", session),
        *Searching(daemon, Uploads()).routes(),
        *Pictures(daemon).routes(),
        *Files(daemon).routes(),
        *Duplicates(daemon).routes(),
        *Reviews(daemon).routes(),
        *Mapping(daemon).routes(),
        *MapSelection(daemon).routes(),
        *Labelling(daemon).routes(),
        *Suggesting(daemon).routes(),
        *Statuses(daemon, feed).routes(),
        Mount("/static", Assets()),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Guard, site=site, login=login),
            Middleware(Incidents),
            Middleware(Bodies, uploads=UPLOADS),
            Middleware(
                GZipMiddleware,
                minimum_size=_GZIP_FROM_BYTES,
                compresslevel=5,
                exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, "image/*", "application/octet-stream", LINES),
            ),
        ],
        exception_handlers={
            SimctlError: failed,
            BadRequest: failed,
            HTTPException: failed,
            BrowserLeft: lambda request, error: Response(status_code=499),
        },
        lifespan=lifespan,
    )


async def _page(request: Request) -> FileResponse:
    return document("index.html")
