"""Passes every call of a gRPC server through the gate, before its request is read.

It runs in the server's one polling thread, so it does nothing that takes time. What is refused is answered in a thread
that does nothing else: neither a stranger nor a flood costs the others a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import grpc

from simd.errors import SimdError
from simd.serving.transport.gate import Gate
from simd.serving.transport.handlers import Handler, Monitoring, admitted, refused, unread


class Guard(grpc.ServerInterceptor):
    """Of one server.

    Args:
        gate: decides.
        pool: the threads of the calls that are let in.
        refusals: the thread of those that are refused, and of strangers who ask what anyone may know.
        monitoring: counts and logs what becomes of calls.
    """

    def __init__(
        self, gate: Gate, pool: ThreadPoolExecutor, refusals: ThreadPoolExecutor, monitoring: Monitoring
    ) -> None:
        self._gate = gate
        self._pool = pool
        self._refusals = refusals
        self._monitoring = monitoring

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
        try:
            ticket = self._gate.admit(method, headers_of(handler_call_details.invocation_metadata))
        except SimdError as error:
            return refused(error, method, self._refusals, self._monitoring)
        if ticket is None:
            return unread(handler, method, self._refusals, self._monitoring)
        return admitted(handler, method, ticket, self._gate, self._pool, self._monitoring)


def headers_of(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """gRPC's metadata as the gate takes it: without binary values, those of one name joined by a comma."""
    headers: dict[str, str] = {}
    for name, value in metadata or ():
        if isinstance(value, str):
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
