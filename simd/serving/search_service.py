"""SearchService: one thin method per RPC."""

from __future__ import annotations

import grpc

from simd.serving import convert
from simd.serving.readiness import Readiness
from simd.v1 import search_service_pb2, search_service_pb2_grpc


class SearchService(search_service_pb2_grpc.SearchServiceServicer):
    """Answers searches with the services that are ready."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def Search(
        self, request: search_service_pb2.SearchRequest, context: grpc.ServicerContext
    ) -> search_service_pb2.SearchResponse:
        """The images nearest to the query."""
        queries = self._readiness.services().queries
        return convert.found_to(queries.search(convert.query_of(request), alive=context.is_active))
