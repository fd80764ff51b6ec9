"""Labels on the page: which there are, and what a person says that pictures are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from simd.v1 import insight_service_pb2 as wire
from simd.web import parameters
from simd.web.answers import BadRequest
from simd.web.daemon import Daemon
from simd.web.leaving import while_here

MOST_IMAGES = 1000
"""Of one request: what a person chose at once."""
_MOST_LABELS = 100


class Labelling:
    """Args:
    daemon: keeps the labels.
    """

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/labels", self.labels),
            Route("/api/labels", self.label, methods=["POST"]),
            Route("/api/labels/undo", self.undo, methods=["POST"]),
        ]

    async def labels(self, request: Request) -> JSONResponse:
        """Every label and how many images carry it, as `simctl labels list --json` has it."""
        call = self._daemon.call(self._daemon.insight.CountLabels, wire.CountLabelsRequest())
        found = await while_here(request, call)
        labels = [{"label": one.label, "images": one.images} for one in found.labels]
        return JSONResponse({"labels": labels, "images": found.images})

    async def label(self, request: Request) -> JSONResponse:
        """Label images, `{"image_ids", "labels"}`; with `"replace": true` in place of what labels they have."""
        said = await parameters.document(request)
        images, labels = _said(said)
        rows = [wire.LabelRow(image_id=image, labels=labels) for image in images]
        call = wire.ImportLabelsRequest(rows=rows, replace=said.get("replace") is True)
        # It is kept even if the browser leaves: a label that was sent is not lost.
        found = await self._daemon.call(self._daemon.insight.ImportLabels, call)
        return JSONResponse({"added": found.added, "removed": found.removed})

    async def undo(self, request: Request) -> JSONResponse:
        """Take labels away from images, `{"image_ids", "labels"}`; what labels they have otherwise stay."""
        images, labels = _said(await parameters.document(request))
        call = wire.ClearLabelsRequest(image_ids=images, labels=labels)
        found = await self._daemon.call(self._daemon.insight.ClearLabels, call)
        return JSONResponse({"removed": found.removed})


def _said(document: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    images = _texts(document, "image_ids", MOST_IMAGES)
    labels = _texts(document, "labels", _MOST_LABELS)
    return [parameters.image_id(image, "image_ids") for image in images], labels


def _texts(document: Mapping[str, Any], name: str, most: int) -> list[str]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadRequest(f"{name} is a list of texts", field=name)
    if not 1 <= len(found) <= most:
        raise BadRequest(f"{name} has {len(found):,} entries; send 1 to {most:,}", field=name)
    return found
