"""What stands between gRPC and a method: bytes that are no message, errors, and the lane that the call goes in.

Whatever a method raises becomes a status with details (`status.py`); what is not a `SimdError` is a bug: it is logged
with its traceback under a number, and the caller gets the number only. A request that cannot be parsed is the caller's
mistake and is told as such; gRPC alone would call it an internal error and log a traceback.

Whoever wraps a handler once more keeps the attributes of its behaviour (`functools.wraps` does): gRPC finds the lane in
them.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from grpc_status import rpc_status

from simd.errors import InvalidRequest, SimdError
from simd.serving.door import Door, host_of
from simd.serving.meter import Meter
from simd.serving.status import incident_of, status_of

log = logging.getLogger(__name__)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour = Callable[..., Any]

_MAKERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class _Malformed:
    """In place of a request whose bytes are no message of its kind."""


def answering(handler: Handler, name: str, lane: ThreadPoolExecutor, meter: Meter, door: Door) -> Handler:
    """The handler of one call: counted, its errors told, its work done in a lane."""
    kinds = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
    behaviour: Behaviour = next(method for method in kinds if method is not None)
    readable: Callable[[Any], Any] = _each_readable if handler.request_streaming else _readable

    def one(request: Any, context: grpc.ServicerContext) -> Any:
        door.called(context.peer())
        with _counted(name, context, meter), _told(name, context, door):
            return behaviour(readable(request), context)

    def many(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        door.called(context.peer())
        with _counted(name, context, meter), _told(name, context, door):
            yield from behaviour(readable(request), context)

    call: Any = many if handler.response_streaming else one
    # A method that brings threads of its own keeps them.
    call.experimental_thread_pool = getattr(behaviour, "experimental_thread_pool", lane)
    made: Handler = _MAKERS[handler.request_streaming, handler.response_streaming](
        call,
        request_deserializer=_parsing(handler.request_deserializer),
        response_serializer=handler.response_serializer,
    )
    return made


def refusing(error: SimdError, name: str, lane: ThreadPoolExecutor, meter: Meter, door: Door) -> Handler:
    """A handler that tells an error, without waiting for the request: it may be large, or never come."""

    def refuse(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        door.called(context.peer())
        door.refused(error, name, context.peer())
        with _counted(name, context, meter):
            _abort(context, status_of(error))

    call: Any = refuse
    call.experimental_thread_pool = lane
    made: Handler = grpc.stream_stream_rpc_method_handler(call)
    return made


@contextmanager
def _counted(name: str, context: Any, meter: Meter) -> Iterator[None]:
    """Count the call with the status that it ends with; a caller who leaves before the end has cancelled it."""
    began, ended = time.perf_counter(), "OK"
    try:
        yield
    except BaseException:
        code = context.code()
        ended = grpc.StatusCode.CANCELLED.name if code is None else code.name
        raise
    finally:
        meter.answered(name, ended, time.perf_counter() - began)


@contextmanager
def _told(name: str, context: grpc.ServicerContext, door: Door) -> Iterator[None]:
    """Tell the caller what is raised meanwhile."""
    try:
        yield
    except grpc.RpcError:
        # The caller left while its requests were being read.
        raise
    except Exception as error:  # noqa: BLE001 - it is logged where it is put into words
        _abort(context, telling(error, name, door, context.peer()))


def telling(error: BaseException, name: str, door: Door, peer: str) -> status_pb2.Status:
    """What the caller of a method is told about an error; the log is told as well."""
    if not isinstance(error, SimdError):
        number = secrets.token_hex(4)
        log.error("%s from %s failed unexpectedly (%s)", name, host_of(peer), number, exc_info=error)
        return incident_of(number)
    if not error.told:
        door.failed(error, name, peer)
        return status_of(error)
    return status_of(error, door.broke(error, name, peer))


def _parsing(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    if deserialize is None:
        return None

    def parse(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _Malformed()

    return parse


def _readable(request: Any) -> Any:
    if isinstance(request, _Malformed):
        raise InvalidRequest("the request's bytes are not a message of this call", remedy="compare the protos' version")
    return request


def _each_readable(requests: Iterator[Any]) -> Iterator[Any]:
    return map(_readable, requests)


def _abort(context: grpc.ServicerContext, status: status_pb2.Status) -> NoReturn:
    context.abort_with_status(rpc_status.to_status(status))
