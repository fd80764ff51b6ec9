"""From an error to what the caller gets: one status code, one message, and details for programs.

A `SimdError`'s class says its gRPC status; subclasses inherit it. Details are google.rpc messages: `ErrorInfo` (domain
"simd", the class's name in UPPER_SNAKE_CASE as reason), `BadRequest` with the field at fault, `RetryInfo` when trying
again helps. Anything else that is raised is a bug: it is logged with its traceback, and the caller gets INTERNAL and a
number to look for in the log, not the text.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from simd.errors import ImageRejected, InvalidRequest, SimdError
from simd.serving.convert import clean
from simd.serving.queries import Abandoned

log = logging.getLogger(__name__)

DOMAIN = "simd"

_MAX_TEXT_BYTES = 1024
"""A longer message is cut in its middle: everything about an error travels in headers, which clients limit to 8 KiB."""

_RETRY_AFTER = Duration(seconds=1)


def code_of(error: type[SimdError]) -> grpc.StatusCode:
    """The status that a class of error is sent as."""
    code: grpc.StatusCode = grpc.StatusCode[error.status]
    return code


def reason_of(error: type[SimdError]) -> str:
    """A class's name as programs match on it: `NotReady` -> NOT_READY."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", error.__name__).upper()


def status_of(error: SimdError) -> status_pb2.Status:
    """Everything the caller is told about an error."""
    code = code_of(type(error))
    metadata = {"remedy": _fitting(error.remedy)} if error.remedy else {}
    if isinstance(error, ImageRejected):
        metadata["rejection"] = error.reason
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=reason_of(type(error)), domain=DOMAIN, metadata=metadata)
    ]
    if isinstance(error, InvalidRequest) and error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, reason=reason_of(type(error)), description=_fitting(str(error), _MAX_TEXT_BYTES // 4)
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if code is grpc.StatusCode.UNAVAILABLE:
        details.append(error_details_pb2.RetryInfo(retry_delay=_RETRY_AFTER))
    return status_pb2.Status(
        code=code.value[0], message=_fitting(str(error)), details=[_packed(detail) for detail in details]
    )


class ErrorInterceptor(grpc.ServerInterceptor):
    """Turns what an RPC raises into a status, for every unary RPC of the server."""

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap the handler of one call."""
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            _guarded(handler.unary_unary, handler_call_details.method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _guarded(
    method: Callable[[Any, grpc.ServicerContext], Any], name: str
) -> Callable[[Any, grpc.ServicerContext], Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(request, context)
        except SimdError as error:
            log.info("%s: %s: %s", name, reason_of(type(error)), error)
            _abort(context, status_of(error))
        except Abandoned:
            context.abort(grpc.StatusCode.CANCELLED, "nobody waits for the answer any more")
        except Exception:
            number = secrets.token_hex(4)
            log.exception("%s failed unexpectedly (%s)", name, number)
            _abort(context, _internal(number))

    return call


def _internal(number: str) -> status_pb2.Status:
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"incident": number})
    return status_pb2.Status(
        code=grpc.StatusCode.INTERNAL.value[0],
        message=f"the daemon failed unexpectedly; its log has more under {number}",
        details=[_packed(info)],
    )


def _abort(context: grpc.ServicerContext, status: status_pb2.Status) -> NoReturn:
    context.abort_with_status(rpc_status.to_status(status))


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def _fitting(text: str, limit: int = _MAX_TEXT_BYTES) -> str:
    """The text, cut in its middle if it is too long for a header."""
    raw = clean(text).encode()
    if len(raw) <= limit:
        return raw.decode()
    half = limit // 2 - 4
    return raw[:half].decode("utf-8", "ignore") + " ... " + raw[-half:].decode("utf-8", "ignore")
