"""SearchService: one thin method per RPC."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from simd.errors import InvalidRequest
from simd.serving.readiness import Readiness
from simd.serving.search import convert_search as convert
from simd.serving.search.batch import Batch, BatchAnswer, BatchQuery
from simd.serving.transport.callers import caller_of
from simd.serving.transport.calllog import CallLog
from simd.serving.transport.fairsemaphore import FairSemaphore
from simd.serving.transport.handlers import cancelled_of, logged_status
from simd.v1 import search_service_pb2, search_service_pb2_grpc


class SearchService(search_service_pb2_grpc.SearchServiceServicer):
    """Answers searches with the services that are ready.

    Args:
        readiness: what is ready.
        held: bytes of pictures, of all calls together.
        call_log: logs searches that fail.
    """

    def __init__(self, readiness: Readiness, held: FairSemaphore, call_log: CallLog) -> None:
        self._readiness = readiness
        self._held = held
        self._call_log = call_log

    def Search(
        self, request: search_service_pb2.SearchRequest, context: grpc.ServicerContext
    ) -> search_service_pb2.SearchResponse:
        """The images nearest to the query."""
        queries = self._readiness.services().queries
        return convert.result_to(queries.search(convert.query_of(request), cancelled_of(context)))

    def BatchSearch(
        self, request_iterator: Iterator[search_service_pb2.BatchSearchRequest], context: grpc.ServicerContext
    ) -> Iterator[search_service_pb2.BatchSearchResponse]:
        """The answers to many queries, in the order in which they are ready."""
        batch = Batch(self._readiness.services().queries, self._held, caller_of(context.peer()))
        if not context.add_callback(batch.close):
            return
        for answered in batch.answers(map(_query_of, request_iterator)):
            yield self._answer_to(answered, context.peer())

    def _answer_to(self, answered: BatchAnswer, peer: str) -> search_service_pb2.BatchSearchResponse:
        outcome = answered.outcome
        if not isinstance(outcome, BaseException):
            return search_service_pb2.BatchSearchResponse(tag=answered.tag, found=convert.result_to(outcome))
        failure = convert.failure_to(logged_status(outcome, "BatchSearch", peer, self._call_log))
        return search_service_pb2.BatchSearchResponse(tag=answered.tag, failure=failure)

    def Compare(
        self, request: search_service_pb2.CompareRequest, context: grpc.ServicerContext
    ) -> search_service_pb2.CompareResponse:
        """How much two pictures are alike."""
        queries = self._readiness.services().queries
        first, second = convert.compared_of(request)
        return convert.compared_to(queries.compare(first, second, cancelled_of(context)))


def _query_of(request: search_service_pb2.BatchSearchRequest) -> BatchQuery:
    try:
        return BatchQuery(request.tag, convert.query_of(request.search))
    except InvalidRequest as error:
        return BatchQuery(request.tag, error)
