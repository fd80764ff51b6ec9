"""InsightService, suggestions: once, or again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice

import grpc

from simd.cancelled import Cancelled
from simd.errors import NotReady, Overloaded
from simd.insight.suggest.suggestion import Question, Suggested, Suggestion
from simd.jobs.jobs import Cancelled as JobCancelled
from simd.jobs.jobs import Job
from simd.serving.insight import convert_suggest
from simd.serving.insight.watches import Watches, pause
from simd.serving.readiness import Readiness, Services
from simd.serving.transport.handlers import cancelled_of
from simd.v1 import insight_service_pb2, insight_service_pb2_grpc

_PROGRESS_S = 0.25
"""The least time between two messages that tell how far it is."""
_PORTION = 500
"""Suggestions in a message."""
_BUSY_S = 1.0
"""How long a call that watches waits while suggestions are made for another caller."""


class SuggestService(insight_service_pb2_grpc.InsightServiceServicer):
    """Args:
    readiness: where the services are.
    watches: the calls that stay, of all servers together.
    """

    def __init__(self, readiness: Readiness, watches: Watches) -> None:
        self._readiness = readiness
        self._watches = watches

    def Suggest(
        self, request: insight_service_pb2.SuggestRequest, context: grpc.ServicerContext
    ) -> Iterator[insight_service_pb2.SuggestResponse]:
        """Suggest images; with `watch` anew after each change."""
        services = self._readiness.services()
        question = convert_suggest.question_of(request)
        cancelled = cancelled_of(context)
        if not request.watch:
            yield from _answer(services, services.suggestions.suggest(question), question, cancelled)
            return
        suggestions = services.suggestions
        with self._watches.one(cancelled):
            while True:
                # Before it begins: what changes meanwhile is noticed.
                revision, began = suggestions.revision(), time.monotonic()
                yield from _answer(services, _begun(services, question, cancelled), question, cancelled)
                # However fast changes come, this takes no more than half of a core.
                self._watches.until_changed(suggestions.revision, revision, cancelled, time.monotonic() - began)


def _begun(services: Services, question: Question, cancelled: Cancelled) -> Job[Suggested]:
    """The job, once no other caller's is under way."""
    while True:
        try:
            return services.suggestions.suggest(question)
        except Overloaded:
            pause(_BUSY_S, cancelled)


def _answer(
    services: Services, job: Job[Suggested], question: Question, cancelled: Cancelled
) -> Iterator[insight_service_pb2.SuggestResponse]:
    """How far the job is, then what came of it."""
    try:
        last = None
        while not job.wait(_PROGRESS_S):
            cancelled.check()
            status = job.status
            if status.total and status != last:
                last = status
                yield insight_service_pb2.SuggestResponse(done=status.done, total=status.total)
        found = job.result()
    except JobCancelled:
        raise NotReady("the daemon is stopping") from None
    finally:
        job.cancel()
    left, suggested = iter(found.suggestions), 0
    while some := list(islice(left, _PORTION)):
        cancelled.check()
        told = _told(services, some, question.under)
        suggested += len(told)
        if told:
            yield insight_service_pb2.SuggestResponse(suggestions=told)
    yield insight_service_pb2.SuggestResponse(summary=convert_suggest.summary_to(found, suggested, services.host))


def _told(services: Services, some: Sequence[Suggestion], under: bytes) -> list[insight_service_pb2.Suggestion]:
    """Suggestions with what is known of their images; one that lost its last file meanwhile is left out."""
    nearest = {one.nearest.image_id for one in some if one.nearest is not None}
    images = services.catalogue.searchable([*(one.image_id for one in some), *nearest])
    labels = services.decisions.labels.of(nearest)
    return [convert_suggest.suggestion_to(one, under, images, labels) for one in some if one.image_id in images]
