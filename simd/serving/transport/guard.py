"""Stands before every call: has it the right, and is there room for it? One table tells of each call.

It runs in a server's one polling thread, so it does nothing that takes time. What it refuses is refused before the
request is read, in a thread that does nothing else: neither a stranger nor a flood costs the others a thread. A call
that is not in the table needs the role admin, so that one that is forgotten there is closed rather than open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc

from simd.errors import SimdError
from simd.serving.transport import reception as receptions
from simd.serving.transport.answering import Handler, Records, answering, refusing, unread
from simd.serving.transport.auth import Admission, Role
from simd.serving.transport.lanes import Lane, LaneName
from simd.serving.transport.reception import Reception


@dataclass(frozen=True, slots=True)
class Rule:
    """What applies to a call."""

    role: Role
    lane: LaneName


_SEARCH = Rule(Role.READ, LaneName.SEARCH)
_LOOK = Rule(Role.READ, LaneName.LOOK)
_READ_STREAM = Rule(Role.READ, LaneName.STREAM)
_STEER = Rule(Role.ADMIN, LaneName.LOOK)
_CHANGE = Rule(Role.ADMIN, LaneName.CHANGE)
_ADMIN_STREAM = Rule(Role.ADMIN, LaneName.STREAM)

_SEARCHING = "/simd.v1.SearchService/"
_INDEXING = "/simd.v1.IndexService/"

RULES = {
    _SEARCHING + "Search": _SEARCH,
    _SEARCHING + "BatchSearch": _READ_STREAM,
    _SEARCHING + "Compare": _SEARCH,
    _INDEXING + "Add": _CHANGE,
    _INDEXING + "Remove": _CHANGE,
    _INDEXING + "Scan": _CHANGE,
    _INDEXING + "Status": _LOOK,
    _INDEXING + "WatchStatus": _READ_STREAM,
    _INDEXING + "ListFiles": _LOOK,
    _INDEXING + "ListErrors": _LOOK,
    _INDEXING + "GetFile": _LOOK,
    _INDEXING + "GetImage": _LOOK,
    _INDEXING + "Pause": _STEER,
    _INDEXING + "Resume": _STEER,
    _INDEXING + "Compact": _CHANGE,
    _INDEXING + "Verify": _CHANGE,
    _INDEXING + "Export": _ADMIN_STREAM,
    # Health checks seldom have a token, and learn nothing but whether there is a daemon.
    "/grpc.health.v1.Health/Check": Rule(Role.ANYONE, LaneName.HEALTH),
    "/grpc.health.v1.Health/List": Rule(Role.READ, LaneName.HEALTH),
    "/grpc.health.v1.Health/Watch": _READ_STREAM,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": _READ_STREAM,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _READ_STREAM,
}


def rule_of(method: str) -> Rule:
    """What applies to a call, by its full name `/package.Service/Method`."""
    return RULES.get(method, _ADMIN_STREAM)


class Guard(grpc.ServerInterceptor):
    """Admits calls to their lanes.

    Args:
        admission: decides who may call what.
        lanes: where calls go.
        reception: where they wait for their request.
        refusals: tells those that are not admitted, and strangers what anyone may know.
        records: of what became of calls.
    """

    def __init__(
        self,
        admission: Admission,
        lanes: Mapping[LaneName, Lane],
        reception: Reception,
        refusals: ThreadPoolExecutor,
        records: Records,
    ) -> None:
        self._admission = admission
        self._lanes = lanes
        self._reception = reception
        self._refusals = refusals
        self._records = records

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler of one call, or one that refuses it."""
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        rule = rule_of(method)
        lane = self._lanes[rule.lane]
        try:
            token = self._admission.admit(rule.role, handler_call_details.invocation_metadata)
            if token is None:
                return unread(handler, method, self._refusals, self._records)
            if lane.full:
                raise lane.refusal()
            if self._reception.full:
                raise receptions.refusal()
            return answering(handler, method, lane, self._reception, token, self._records)
        except SimdError as error:
            return refusing(error, method, self._refusals, self._records)
