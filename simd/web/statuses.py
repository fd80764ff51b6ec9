"""How the daemon is, live; what could not be indexed; pause and resume."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from google.protobuf.duration_pb2 import Duration
from simctl import contents, reports
from simctl.commands import errors, status
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simd.v1 import index_service_pb2 as wire
from simd.web import parameters
from simd.web.answers import BadRequest
from simd.web.daemon import Daemon
from simd.web.leaving import Streamed
from simd.web.statusfeed import VIEWERS, StatusFeed

_RETRY_AFTER_S = 30.0
_MAX_PAGE = 1000
"""The most lines that the daemon tells at once."""


class Statuses:
    """Args:
    daemon: whose.
    feed: tells it live.
    """

    def __init__(self, daemon: Daemon, feed: StatusFeed) -> None:
        self._daemon = daemon
        self._feed = feed

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/status", self.status),
            Route("/api/events", self.events),
            Route("/api/errors", self.errors),
            Route("/api/pause", self.pause, methods=["POST"]),
            Route("/api/resume", self.resume, methods=["POST"]),
        ]

    async def status(self, request: Request) -> JSONResponse:
        """How it is."""
        found = await self._daemon.call(self._daemon.index.Status, wire.StatusRequest())
        return JSONResponse(status.document(reports.status(found)))

    async def events(self, request: Request) -> Response:
        """How it is, after every change, as server-sent events: `status`, or `trouble` where no daemon answers."""
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if self._feed.is_full:
            raise BadRequest(
                f"{VIEWERS} windows show the page already; close some", status=503, retry_after_s=_RETRY_AFTER_S
            )
        return Streamed(self._feed.events(), "text/event-stream")

    async def errors(self, request: Request) -> JSONResponse:
        """A page of the files that are not indexed; with `reason` those alone, as many as there are in some pages."""
        reason = request.query_params.get("reason", "")
        page_size = parameters.number(request, "page_size", int, 100)
        call = wire.ListErrorsRequest(
            page_size=_MAX_PAGE if reason else page_size, page_token=request.query_params.get("page_token", "")
        )
        lines: list[dict[str, object]] = []
        while True:
            found = await self._daemon.call(self._daemon.index.ListErrors, call)
            wanted = [line for line in found.errors if reason in ("", line.reason)]
            lines += [errors.document(contents.file_error(line)) for line in wanted]
            call.page_token = found.next_page_token
            if not reason or not call.page_token or len(lines) >= page_size:
                break
        return JSONResponse({"errors": lines, "total": found.total_size, "next_page_token": call.page_token})

    async def pause(self, request: Request) -> JSONResponse:
        """Stop indexing, until it is resumed or for `seconds`."""
        call = wire.PauseRequest()
        if seconds := parameters.number(request, "seconds", float, 0.0):
            call.duration.FromMicroseconds(round(seconds * 1e6))
        found = await self._daemon.call(self._daemon.index.Pause, call)
        return JSONResponse({"paused_until": reports.paused_until(found)})

    async def resume(self, request: Request) -> JSONResponse:
        """Go on with indexing."""
        found = await self._daemon.call(self._daemon.index.Resume, wire.ResumeRequest())
        return JSONResponse({"was_paused": found.was_paused})


async def watch(daemon: Daemon) -> AsyncGenerator[dict[str, object]]:
    """The statuses of a daemon, for `StatusFeed`.

    Raises:
        SimctlError: the stream failed.
    """
    call = wire.WatchStatusRequest(min_interval=Duration(nanos=250_000_000))
    messages = daemon.stream(daemon.index.WatchStatus, call)
    try:
        async for found in messages:
            yield status.document(reports.status(found.status))
    finally:
        await messages.aclose()
