"""Stands before every call: has it the right, and is there room for it?

It runs in a server's one polling thread, so it does nothing that takes time. What it refuses is refused before the
request is read, in a thread that does nothing else: neither a stranger nor a flood costs the others a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import grpc

from simd.errors import SimdError
from simd.serving import reception as receptions
from simd.serving.answering import Handler, Records, answering, refusing, unread
from simd.serving.auth import Admission
from simd.serving.lanes import Lane, LaneName
from simd.serving.methods import rule_of
from simd.serving.reception import Reception


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
