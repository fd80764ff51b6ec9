"""What is worth labelling next, told as it is found, and the list of it as a file."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from simctl.errors import SimctlError
from simctl.suggest.formats import suggestion_document
from simctl.suggest.suggested import suggestion
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simd.v1 import insight_service_pb2 as wire
from simd.web import parameters
from simd.web.answers import BadRequest
from simd.web.daemon import Daemon
from simd.web.leaving import Streamed, while_here
from simd.web.suggestionfiles import written

LINES = "application/x-ndjson"
"""A JSON document a line."""


class Suggesting:
    """Args:
    daemon: suggests.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/suggestions", self.suggest, methods=["POST"]),
            Route("/api/suggestions/export", self.export, methods=["POST"]),
        ]

    async def suggest(self, request: Request) -> Streamed:
        """Suggestions for `{"limit", "strategy", "under", "skip"}`, all of them optional.

        The answer is lines: `{"done", "total"}` again and again, `{"suggestions"}` in parts, and last `{"summary"}`, or
        `{"error"}` if it breaks off. The call ends when the browser leaves.
        """
        call = _question(await parameters.document(request))
        lines = _lines(self._daemon.stream(self._daemon.insight.Suggest, call))

        async def first() -> str:
            return await anext(lines, "")

        # Where there is no answer at all, this is an error with a status.
        line = await while_here(request, first())

        async def all_lines() -> AsyncGenerator[str]:
            try:
                yield line
                async for one in lines:
                    yield one
            except SimctlError as error:
                yield _line({"error": error.document()})
            finally:
                await lines.aclose()

        return Streamed(all_lines(), LINES)

    async def export(self, request: Request) -> Response:
        """A file of `{"format", "base", "suggestions"}`: some of what was suggested, as it was told."""
        said = await parameters.document(request)
        base = str(said.get("base") or "/")
        data = await run_in_threadpool(written, str(said.get("format")), said.get("suggestions"), base)
        return Response(data, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


async def _lines(messages: AsyncGenerator[Any]) -> AsyncGenerator[str]:
    told = 0
    try:
        async for message in messages:
            if message.total:
                yield _line({"done": message.done, "total": message.total})
            if message.suggestions:
                found = [suggestion(one, rank) for rank, one in enumerate(message.suggestions, told + 1)]
                told += len(found)
                yield _line({"suggestions": [suggestion_document(one) for one in found]})
            if message.HasField("summary"):
                yield _line({"summary": _summary(message.summary)})
    finally:
        await messages.aclose()


def _line(document: Mapping[str, object]) -> str:
    return json.dumps(document) + "\n"


def _question(said: Mapping[str, Any]) -> wire.SuggestRequest:
    skipped = said.get("skip", [])
    if not isinstance(skipped, list):
        raise BadRequest("skip is a list of images", field="skip")
    try:
        return wire.SuggestRequest(
            limit=said.get("limit", 0),
            strategy=said.get("strategy", ""),
            path_prefix_bytes=os.fsencode(said.get("under", "")),
            skip_ids=[parameters.image_id(one, "skip") for one in skipped],
        )
    except (TypeError, ValueError):
        raise BadRequest("limit is a number, strategy and under are texts, skip is a list of images") from None


def _summary(found: wire.SuggestSummary) -> dict[str, object]:
    names = ("images", "labelled", "same_as_labelled", "coverage", "estimated", "suggested")
    return {name: getattr(found, name) for name in names}
