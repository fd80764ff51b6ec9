"""InsightService, the map: one thin method per RPC."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from simd.insight.atlas.frames import check_kind
from simd.serving.admin.convert import prefix_of
from simd.serving.insight import convert_atlas
from simd.serving.readiness import Readiness
from simd.serving.transport.handlers import cancelled_of
from simd.v1 import insight_service_pb2, insight_service_pb2_grpc
from simd.vectors.ids import unpack_ids

_PORTION = 1000
"""Images in a message."""


class AtlasService(insight_service_pb2_grpc.InsightServiceServicer):
    """Args:
    readiness: where the services are.
    """

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def DescribeAtlas(
        self, request: insight_service_pb2.DescribeAtlasRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.DescribeAtlasResponse:
        """How the map is."""
        services = self._readiness.services()
        meanings = services.tiles.meanings(check_kind(request.colour))
        return convert_atlas.described_to(services.atlas.state(), meanings)

    def Atlas(
        self, request: insight_service_pb2.AtlasRequest, context: grpc.ServicerContext
    ) -> Iterator[insight_service_pb2.AtlasResponse]:
        """Where images are."""
        services = self._readiness.services()
        cancelled = cancelled_of(context)
        under = prefix_of(request.path_prefix, request.path_prefix_bytes)
        selection = convert_atlas.selection_of(request, under, services.catalogue)
        places = services.tiles.places()
        rows = selection.rows(places)
        yield insight_service_pb2.AtlasResponse(total_size=len(rows))
        rows = rows[: request.limit or None]
        for start in range(0, len(rows), _PORTION):
            cancelled.check()
            some = rows[start : start + _PORTION]
            image_ids = unpack_ids(places.ids[some])
            files, labels = services.catalogue.files_of(image_ids), services.decisions.labels.of(image_ids)
            yield insight_service_pb2.AtlasResponse(places=convert_atlas.places_to(places, some, under, files, labels))

    def GetAtlasTile(
        self, request: insight_service_pb2.GetAtlasTileRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.GetAtlasTileResponse:
        """A part of the map."""
        asked = convert_atlas.asked_of(request)
        return convert_atlas.tile_to(self._readiness.services().tiles.get(asked, request.etag), asked)

    def LayOutAtlas(
        self, request: insight_service_pb2.LayOutAtlasRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.LayOutAtlasResponse:
        """Have the map laid out anew."""
        self._readiness.services().atlas.lay_out()
        return insight_service_pb2.LayOutAtlasResponse()
