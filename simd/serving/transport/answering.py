"""What stands between gRPC and a method: a request that does not come or is no message, the call's lane, errors.

Whatever a method raises becomes a status with details (`status.py`); what is not a `SimdError` is a bug: it is logged
with its traceback under a number, and the caller gets the number only. A request that cannot be parsed is the caller's
mistake and is told as such; gRPC alone would call it an internal error and log a traceback.

Every handler here takes a stream of requests, because gRPC would wait for a single one for ever, and in a thread.
Whoever wraps a handler once more keeps the attributes of its behaviour (`functools.wraps` does): gRPC finds the threads
in them.
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

from simd.errors import Abandoned, InvalidRequest, Overloaded, SimdError
from simd.serving.transport.callers import caller_of, cancelled_of
from simd.serving.transport.door import Door, host_of
from simd.serving.transport.lanes import Lane
from simd.serving.transport.meter import Meter
from simd.serving.transport.reception import Reception, Request
from simd.serving.transport.status import incident_of, status_of

log = logging.getLogger(__name__)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour = Callable[..., Any]

Requests = Iterator[Request]


@dataclass(frozen=True, slots=True)
class Records:
    """What is kept of calls: counts for the metrics, and lines of the log."""

    meter: Meter
    door: Door


def answering(handler: Handler, name: str, lane: Lane, reception: Reception, token: str, records: Records) -> Handler:
    """The handler of one call: counted, its errors told, and in its lane once its request is there.

    Args:
        handler: the method's own.
        name: `/package.Service/Method`.
        lane: where it goes.
        reception: where it waits for its request.
        token: the name of the caller's token.
        records: of what became of it.
    """
    behaviour = _behaviour(handler)
    parse = _parsing(handler)

    @contextmanager
    def admitted(requests: Requests, context: grpc.ServicerContext) -> Iterator[Any]:
        who = f"{caller_of(context.peer())} {token}"
        is_stream = handler.request_streaming
        with _counted(name, context, records), _told(name, context, records.door), reception.call(who):
            # A stream's requests are let go one by one, by whoever answers them.
            with reception.request(requests, context, who, lane, held=not is_stream) as first:
                if is_stream:
                    argument: Any = map(parse, chain([] if first is None else [first], requests))
                else:
                    argument = parse(first)
                del first
                with lane.place(who, cancelled_of(context)):
                    yield argument

    def one(requests: Requests, context: grpc.ServicerContext) -> Any:
        with admitted(_until_left(requests), context) as argument:
            return behaviour(argument, context)

    def many(requests: Requests, context: grpc.ServicerContext) -> Iterator[Any]:
        with admitted(_until_left(requests), context) as argument:
            yield from behaviour(argument, context)

    return _made(handler, many if handler.response_streaming else one, reception.pool)


def unread(handler: Handler, name: str, pool: ThreadPoolExecutor, records: Records) -> Handler:
    """The handler of a stranger's call: answered as if its request were empty, which is not read."""
    behaviour = _behaviour(handler)
    parse = _parsing(handler)

    def one(_: Requests, context: grpc.ServicerContext) -> Any:
        with _counted(name, context, records), _told(name, context, records.door):
            return behaviour(parse(Request(b"")), context)

    return _made(handler, one, pool)


def _until_left(requests: Requests) -> Requests:
    """The requests of a call, until its caller leaves.

    Raises:
        Abandoned: the caller has left. gRPC keeps its own error, which would keep all that the call works on.
    """
    try:
        yield from requests
    except grpc.RpcError as error:
        error.__traceback__ = None
        raise Abandoned("nobody waits for the answer any more") from None


def _behaviour(handler: Handler) -> Behaviour:
    kinds = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
    return next(method for method in kinds if method is not None)


def _made(handler: Handler, call: Any, pool: ThreadPoolExecutor) -> Handler:
    call.experimental_thread_pool = pool
    make: Any = (
        grpc.stream_stream_rpc_method_handler if handler.response_streaming else grpc.stream_unary_rpc_method_handler
    )
    made: Handler = make(call, request_deserializer=Request, response_serializer=handler.response_serializer)
    return made


def refusing(error: SimdError, name: str, pool: ThreadPoolExecutor, records: Records) -> Handler:
    """A handler that tells an error, without waiting for the request: it may be large, or never come."""

    def refuse(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        records.door.refused(error, name, context.peer())
        with _counted(name, context, records):
            _abort(context, status_of(error))

    call: Any = refuse
    call.experimental_thread_pool = pool
    made: Handler = grpc.stream_stream_rpc_method_handler(call)
    return made


@contextmanager
def _counted(name: str, context: Any, records: Records) -> Iterator[None]:
    """Count the call with the status that it ends with; a caller who leaves before the end has cancelled it."""
    began, ended = time.perf_counter(), "OK"
    records.door.called(context.peer())
    try:
        yield
    except BaseException:
        code = context.code()
        ended = grpc.StatusCode.CANCELLED.name if code is None else code.name
        raise
    finally:
        records.meter.answered(name, ended, time.perf_counter() - began)


@contextmanager
def _told(name: str, context: grpc.ServicerContext, door: Door) -> Iterator[None]:
    """Tell the caller what is raised meanwhile."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it is logged where it is put into words
        _abort(context, telling(error, name, door, context.peer()))


def telling(error: BaseException, name: str, door: Door, peer: str) -> status_pb2.Status:
    """What the caller of a method is told about an error; the log is told as well."""
    if not isinstance(error, SimdError):
        number = secrets.token_hex(4)
        log.error("%s from %s failed unexpectedly (%s)", name, host_of(peer), number, exc_info=error)
        return incident_of(number)
    if isinstance(error, Overloaded):
        door.refused(error, name, peer)
        return status_of(error)
    if not error.told:
        door.failed(error, name, peer)
        return status_of(error)
    return status_of(error, door.broke(error, name, peer))


def _parsing(handler: Handler) -> Callable[[Request | None], Any]:
    deserialize: Callable[[bytes], Any] = handler.request_deserializer or bytes

    def parse(request: Request | None) -> Any:
        if request is None:
            raise InvalidRequest("the call has no request")
        try:
            return deserialize(request.data)
        except DecodeError as error:
            raise InvalidRequest(
                "the request's bytes are not a message of this call", remedy="compare the protos' version"
            ) from error

    return parse


def _abort(context: grpc.ServicerContext, status: status_pb2.Status) -> NoReturn:
    context.abort_with_status(rpc_status.to_status(status))
