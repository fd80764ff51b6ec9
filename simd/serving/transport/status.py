"""From an error to what the caller gets: one status code, one message, and details for programs.

A `SimdError`'s class has its gRPC status, when to try again, and a text for callers where the message is for the log;
subclasses inherit all three. Details are google.rpc messages: `ErrorInfo` (domain "simd", the class's name in
UPPER_SNAKE_CASE as reason), `BadRequest` with the field at fault, `RetryInfo` when trying again helps. Anything else
that is raised is a bug: the caller gets INTERNAL and a number to look for in the log, not the text.
"""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from simd.errors import ImageRejected, InvalidRequest, SimdError, reason_of

DOMAIN = "simd"

_MAX_TEXT_BYTES = 1024
"""A longer message is cut in its middle: everything about an error travels in headers, which clients limit to 8 KiB."""


def code_of(error: type[SimdError]) -> grpc.StatusCode:
    """The status that a class of error is sent as."""
    code: grpc.StatusCode = grpc.StatusCode[error.status]
    return code


def status_of(error: SimdError, number: str = "") -> status_pb2.Status:
    """All that the caller gets of an error.

    Args:
        error: what was raised.
        number: under which the log has the message, where that is not for the caller.
    """
    kind = type(error)
    metadata = {"incident": number} if number else {}
    if error.told:
        text = f"{error.told}; {_look_up(number)}"
    else:
        text = str(error)
        metadata |= {"remedy": _fitting(error.remedy)} if error.remedy else {}
    if isinstance(error, ImageRejected):
        metadata["rejection"] = error.reason
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason_of(kind), domain=DOMAIN, metadata=metadata)]
    if isinstance(error, InvalidRequest) and error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, reason=reason_of(kind), description=_fitting(text, _MAX_TEXT_BYTES // 4)
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(round(error.retry_after_s * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return _status(code_of(kind), _fitting(text), details)


def incident_of(number: str) -> status_pb2.Status:
    """All that the caller gets of a bug: the number under which the log has it."""
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"incident": number})
    return _status(grpc.StatusCode.INTERNAL, f"the daemon failed unexpectedly; {_look_up(number)}", [info])


def _look_up(number: str) -> str:
    return f"its log has more under {number}" if number else "its log has more"


def _status(code: grpc.StatusCode, text: str, details: Iterable[Message]) -> status_pb2.Status:
    return status_pb2.Status(code=code.value[0], message=text, details=[_packed(detail) for detail in details])


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


def clean(text: str) -> str:
    """Text that can be sent: a file name decoded by Python may hold lone surrogates, which UTF-8 does not have."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
