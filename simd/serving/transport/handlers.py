"""The handlers that gRPC calls: they take a method's call through the gate, parse its request and translate its errors.

Whatever a method raises becomes a status with details (`status.py`); what is not a `SimdError` is a bug: it is logged
with its traceback under a number, and the caller gets the number only. A request that cannot be parsed is the caller's
mistake; gRPC alone would call it an internal error and log a traceback.

Every handler here takes a stream of requests, because gRPC would wait for a single one for ever, and in a thread.
A wrapper around a handler must keep the attributes of its behaviour (`functools.wraps` does): gRPC finds the threads in
them.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from grpc_status import rpc_status

from simd.cancelled import Cancelled
from simd.errors import Abandoned, InvalidRequest, Overloaded, SimdError
from simd.serving.transport.callers import host_of
from simd.serving.transport.calllog import CallLog
from simd.serving.transport.gate import Gate, RawRequest, Ticket
from simd.serving.transport.meter import Meter
from simd.serving.transport.status import incident_of, status_of

log = logging.getLogger(__name__)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour = Callable[..., Any]

RawRequests = Iterator[RawRequest]


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Where it is kept what becomes of calls: counts for the metrics, and lines of the log."""

    meter: Meter
    log: CallLog


def admitted(
    handler: Handler, method: str, ticket: Ticket, gate: Gate, pool: ThreadPoolExecutor, monitoring: Monitoring
) -> Handler:
    """The handler of a call that was admitted.

    Args:
        handler: the method's own.
        method: its name, `/package.Service/Method`.
        ticket: from the gate.
        gate: lets its request in, and has it wait for its turn.
        pool: the threads it runs in.
        monitoring: counts and logs what becomes of it.
    """
    behaviour = _behaviour(handler)
    parse = _parser(handler)

    @contextmanager
    def argument_of(requests: RawRequests, context: grpc.ServicerContext) -> Iterator[Any]:
        is_stream = handler.request_streaming
        with _counting(method, context, monitoring), _translating_errors(method, context, monitoring.log):
            call = ticket.call(context.peer(), cancelled_of(context))
            # The requests of a stream are released one by one, by its method.
            with gate.receive(call, requests, context.cancel, held=not is_stream) as first:
                if is_stream:
                    argument: Any = map(parse, chain([] if first is None else [first], requests))
                else:
                    argument = parse(first)
                del first
                with gate.turn(call):
                    yield argument

    def one(requests: RawRequests, context: grpc.ServicerContext) -> Any:
        with argument_of(_until_cancelled(requests), context) as argument:
            return behaviour(argument, context)

    def many(requests: RawRequests, context: grpc.ServicerContext) -> Iterator[Any]:
        with argument_of(_until_cancelled(requests), context) as argument:
            yield from behaviour(argument, context)

    return _handler(handler, many if handler.response_streaming else one, pool)


def unread(handler: Handler, method: str, pool: ThreadPoolExecutor, monitoring: Monitoring) -> Handler:
    """The handler of a stranger's call: answered as if its request were empty, which is not read."""
    behaviour = _behaviour(handler)
    parse = _parser(handler)

    def one(_: RawRequests, context: grpc.ServicerContext) -> Any:
        with _counting(method, context, monitoring), _translating_errors(method, context, monitoring.log):
            return behaviour(parse(RawRequest(b"")), context)

    return _handler(handler, one, pool)


def refused(error: SimdError, method: str, pool: ThreadPoolExecutor, monitoring: Monitoring) -> Handler:
    """A handler that answers with an error and does not wait for the request: it may be large, or never come."""

    def refuse(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        monitoring.log.refused(error, method, context.peer())
        with _counting(method, context, monitoring):
            _abort(context, status_of(error))

    behaviour: Any = refuse
    behaviour.experimental_thread_pool = pool
    made: Handler = grpc.stream_stream_rpc_method_handler(behaviour)
    return made


def cancelled_of(context: grpc.ServicerContext) -> Cancelled:
    """Set when the caller of a call leaves, or its deadline is over."""
    cancelled = Cancelled()
    if not context.add_callback(cancelled.set):
        cancelled.set()
    return cancelled


def logged_status(error: BaseException, method: str, peer: str, call_log: CallLog) -> status_pb2.Status:
    """The status that the caller of a method gets for an error, which is logged."""
    if not isinstance(error, SimdError):
        number = secrets.token_hex(4)
        log.error("%s from %s failed unexpectedly (%s)", method, host_of(peer), number, exc_info=error)
        return incident_of(number)
    if isinstance(error, Overloaded):
        call_log.refused(error, method, peer)
        return status_of(error)
    if not error.told:
        call_log.client_error(error, method, peer)
        return status_of(error)
    return status_of(error, call_log.server_error(error, method, peer))


def _until_cancelled(requests: RawRequests) -> RawRequests:
    """The requests of a call.

    Raises:
        Abandoned: the call was cancelled. gRPC keeps its own error, which would keep all that the call works on.
    """
    try:
        yield from requests
    except grpc.RpcError as error:
        error.__traceback__ = None
        raise Abandoned("nobody waits for the answer any more") from None


def _behaviour(handler: Handler) -> Behaviour:
    kinds = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
    return next(method for method in kinds if method is not None)


def _handler(handler: Handler, behaviour: Any, pool: ThreadPoolExecutor) -> Handler:
    """A handler that takes a stream of raw requests, and runs in the threads of `pool`."""
    behaviour.experimental_thread_pool = pool
    make: Any = (
        grpc.stream_stream_rpc_method_handler if handler.response_streaming else grpc.stream_unary_rpc_method_handler
    )
    made: Handler = make(behaviour, request_deserializer=RawRequest, response_serializer=handler.response_serializer)
    return made


def _parser(handler: Handler) -> Callable[[RawRequest | None], Any]:
    deserialize: Callable[[bytes], Any] = handler.request_deserializer or bytes

    def parse(request: RawRequest | None) -> Any:
        if request is None:
            raise InvalidRequest("the call has no request")
        try:
            return deserialize(request.data)
        except DecodeError as error:
            raise InvalidRequest(
                "the request's bytes are not a message of this call", remedy="compare the protos' version"
            ) from error

    return parse


@contextmanager
def _counting(method: str, context: Any, monitoring: Monitoring) -> Iterator[None]:
    """Count the call with the status that it ends with; one whose caller leaves before the end was cancelled."""
    began, ended = time.perf_counter(), "OK"
    monitoring.log.called(context.peer())
    try:
        yield
    except BaseException:
        code = context.code()
        ended = grpc.StatusCode.CANCELLED.name if code is None else code.name
        raise
    finally:
        monitoring.meter.answered(method, ended, time.perf_counter() - began)


@contextmanager
def _translating_errors(method: str, context: grpc.ServicerContext, call_log: CallLog) -> Iterator[None]:
    """End the call with the status of what is raised."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it is logged where it becomes a status
        _abort(context, logged_status(error, method, context.peer(), call_log))


def _abort(context: grpc.ServicerContext, status: status_pb2.Status) -> NoReturn:
    context.abort_with_status(rpc_status.to_status(status))
