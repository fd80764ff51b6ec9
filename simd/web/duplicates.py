"""Groups of copies, page by page, and what people decide of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from simctl.duplicates import grouped, shown
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from simd.v1 import insight_service_pb2 as wire
from simd.web import parameters
from simd.web.answers import BadRequest
from simd.web.daemon import Daemon
from simd.web.leaving import while_here
from simd.web.reviewrequest import options_of


class Duplicates:
    """Args:
    daemon: has them.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/duplicates", self.groups),
            Route("/api/duplicates/{image_id}", self.group),
            Route("/api/decisions", self.decide, methods=["POST"]),
            Route("/api/decisions/undo", self.undo, methods=["POST"]),
        ]

    async def groups(self, request: Request) -> JSONResponse:
        """A page of groups."""
        call = wire.ListDuplicateGroupsRequest(
            options=options_of(request.query_params),
            page_size=parameters.number(request, "page_size", int, 20),
            member_limit=parameters.number(request, "member_limit", int, 20),
            page_token=request.query_params.get("page_token", ""),
        )
        found = await while_here(request, self._daemon.call(self._daemon.insight.ListDuplicateGroups, call))
        return JSONResponse(
            {
                "groups": [shown.document(grouped.group(group)) for group in found.groups],
                "next_page_token": found.next_page_token,
                "total": found.total_size,
                "left_out": dict(found.left_out),
                "pending": found.pending,
                "reclaimable_bytes": found.reclaimable_bytes,
            }
        )

    async def group(self, request: Request) -> JSONResponse:
        """A group, and a page of its members."""
        call = wire.GetGroupRequest(
            image_id=parameters.image_id(request.path_params["image_id"]),
            options=options_of(request.query_params),
            page_size=parameters.number(request, "page_size", int, 100),
            page_token=request.query_params.get("page_token", ""),
        )
        found = await while_here(request, self._daemon.call(self._daemon.insight.GetGroup, call))
        return JSONResponse({**shown.document(grouped.group(found.group)), "next_page_token": found.next_page_token})

    async def decide(self, request: Request) -> JSONResponse:
        """Keep what a person said: `{"decisions": [{"kind", "image_ids"}]}`."""
        said = await parameters.document(request)
        decisions = said.get("decisions")
        if not isinstance(decisions, list):
            raise BadRequest("decisions are a list", field="decisions")
        return await self._decided([_decision(one) for one in decisions])

    async def undo(self, request: Request) -> JSONResponse:
        """Take back one decision, `{"kind", "image_ids"}`; what was said otherwise of its images counts again."""
        taken = _decision(await parameters.document(request))
        images = set(taken.image_ids)
        kept = [one async for one in self._said() if images & set(one.image_ids)]
        before = [one for one in kept if (one.kind, set(one.image_ids)) != (taken.kind, images)]
        return await self._decided([wire.Decision(kind="forget", image_ids=taken.image_ids), *before])

    async def _decided(self, decisions: Sequence[wire.Decision]) -> JSONResponse:
        call = wire.DecideDuplicatesRequest(decisions=decisions)
        found = await self._daemon.call(self._daemon.insight.DecideDuplicates, call)
        return JSONResponse({"changed": found.changed})

    async def _said(self) -> AsyncIterator[wire.Decision]:
        call = wire.ListDecisionsRequest(page_size=1000)
        while True:
            page = await self._daemon.call(self._daemon.insight.ListDecisions, call)
            for decision in page.decisions:
                yield decision
            if not page.next_page_token:
                return
            call.page_token = page.next_page_token


def _decision(said: Any) -> wire.Decision:
    try:
        return wire.Decision(kind=said["kind"], image_ids=said["image_ids"])
    except (TypeError, KeyError, ValueError):
        raise BadRequest("a decision has a kind and image_ids", field="decisions") from None
