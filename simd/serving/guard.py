"""Stands before every call: has it the right, and is there room for it?

It runs in the server's one polling thread, so it does nothing that takes time. What it refuses is refused before the
request is read, in a thread that does nothing else: neither a stranger nor a flood costs the others a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import grpc

from simd.errors import Overloaded, SimdError
from simd.serving.answering import Handler, answering, refusing
from simd.serving.auth import Admission
from simd.serving.door import Door
from simd.serving.lanes import Lane, LaneName
from simd.serving.meter import Meter
from simd.serving.methods import Rule, rule_of


class Guard(grpc.ServerInterceptor):
    """Admits calls to their lanes.

    Args:
        admission: decides who may call what.
        lanes: where calls go.
        refusals: tells those that are not admitted.
        meter: counts calls.
        door: tells the log who gets nothing.
    """

    def __init__(
        self,
        admission: Admission,
        lanes: Mapping[LaneName, Lane],
        refusals: ThreadPoolExecutor,
        meter: Meter,
        door: Door,
    ) -> None:
        self._admission = admission
        self._lanes = lanes
        self._refusals = refusals
        self._meter = meter
        self._door = door

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
        try:
            self._admission.admit(rule.role, handler_call_details.invocation_metadata)
            return answering(handler, method, self._lane(rule), self._meter, self._door)
        except SimdError as error:
            return refusing(error, method, self._refusals, self._meter, self._door)

    def _lane(self, rule: Rule) -> Lane:
        lane = self._lanes[rule.lane]
        if lane.full:
            raise Overloaded(
                f"the daemon already has {lane.limit} calls of the kind `{lane.name}`",
                remedy="try again, or raise its setting max_concurrent_requests"
                if rule.lane is LaneName.SEARCH
                else "try again",
            )
        return lane
