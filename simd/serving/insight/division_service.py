"""InsightService, contradictions, leaks and splits: one thin method per RPC."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import grpc

from simd.errors import InvalidRequest
from simd.insight.labels.contradictions import Key, Kind
from simd.insight.labels.leaks import Leak, Place
from simd.serving.admin.paging import Page
from simd.serving.insight import convert_division
from simd.serving.readiness import Readiness
from simd.serving.transport.handlers import cancelled_of
from simd.types import FileKey, ImageId
from simd.v1 import insight_service_pb2, insight_service_pb2_grpc

_DEFAULT_MEMBERS = 20
_MAX_MEMBERS = 1000
_PORTION = 1000
"""Files in a message of a split."""


class DivisionService(insight_service_pb2_grpc.InsightServiceServicer):
    """Args:
    readiness: where the services are.
    """

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def ListContradictions(
        self, request: insight_service_pb2.ListContradictionsRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.ListContradictionsResponse:
        """One page of pictures that are not labelled alike."""
        services = self._readiness.services()
        contradictions = services.divisions.contradictions
        question = convert_division.question_of(request, [root.path for root in services.catalogue.roots()])
        seal = request.options.SerializeToString(deterministic=True) + b"%d" % request.differing_only
        page = Page.asked("contradictions", seal, request.page_size, request.page_token)
        keys = contradictions.keys(question, cancelled_of(context), afresh=page.after is None)
        if page.after is not None:
            keys = [key for key in keys if key > _key_of(page.after)]
        total = len(keys) if page.total is None else page.total
        limit = min(request.member_limit or _DEFAULT_MEMBERS, _MAX_MEMBERS)
        told = contradictions.told(question, keys[: page.size], limit)
        token = ""
        if len(keys) > page.size:
            last = keys[page.size - 1]
            token = page.token(FileKey(last.kind, last.image_id), total)
        return insight_service_pb2.ListContradictionsResponse(
            contradictions=map(convert_division.contradiction_to, told), next_page_token=token, total_size=total
        )

    def ListLeaks(
        self, request: insight_service_pb2.ListLeaksRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.ListLeaksResponse:
        """One page of pictures on both sides."""
        leaks = self._readiness.services().divisions.leaks
        sides = convert_division.sides_of(request)
        page = Page.asked("leaks", sides.left + b"\0" + sides.right, request.page_size, request.page_token)
        total = leaks.total(sides) if page.total is None else page.total
        after = _place_of(page.after) if page.after else None
        # One more than asked for shows whether there is a next page.
        found = list(islice(leaks.after(sides, after, cancelled_of(context)), page.size + 1))
        return insight_service_pb2.ListLeaksResponse(
            leaks=map(convert_division.leak_to, found[: page.size]),
            next_page_token=page.token(_place_key(found[page.size - 1]), total) if len(found) > page.size else "",
            total_size=total,
        )

    def Split(
        self, request: insight_service_pb2.SplitRequest, context: grpc.ServicerContext
    ) -> Iterator[insight_service_pb2.SplitResponse]:
        """Divide files."""
        divisions = self._readiness.services().divisions
        cancelled = cancelled_of(context)
        split = divisions.split(convert_division.request_of(request), cancelled)
        left = iter(split)
        while some := list(islice(left, _PORTION)):
            cancelled.check()
            yield convert_division.files_to(some)
        yield convert_division.counts_to(split.counts)


def _key_of(after: FileKey) -> Key:
    """What a page token holds of a list of contradictions: the kind, and the image."""
    if after.root_id not in set(Kind):
        raise InvalidRequest("page_token is not one that was given out", field="page_token")
    return Key(Kind(after.root_id), ImageId(after.path))


def _place_of(after: FileKey) -> Place:
    """What a page token holds of a list of leaks: both paths, and how long the first one is."""
    return Place(after.path[: after.root_id], after.path[after.root_id :])


def _place_key(leak: Leak) -> FileKey:
    return FileKey(len(leak.left.path), leak.left.path + leak.right.member.path)
