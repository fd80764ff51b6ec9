"""What can go wrong, as the caller sees it: every gRPC failure becomes a `SimctlError` with a message to show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import grpc

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_NOTHING_FOUND = 4
EXIT_PARTLY_FAILED = 5
EXIT_INTERRUPTED = 130

_TOO_BIG = re.compile(r"larger than max \((\d+) vs\. (\d+)\)")
_EXIT_CODES = {grpc.StatusCode.UNAVAILABLE: EXIT_UNREACHABLE, grpc.StatusCode.NOT_FOUND: EXIT_NOTHING_FOUND}


class SimctlError(Exception):
    """A call failed.

    Args:
        message: for a person.
        code: the name of the gRPC status, or "" where no call was made.
        reason: the kind of error as the daemon names it, such as IMAGE_REJECTED, or "".
        field: the field of the request at fault, or "".
        details: more from the daemon, by name.
        retry_after_s: seconds after which the same call may succeed; None if trying again does not help.
        exit_code: what a command ends with.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        reason: str = "",
        field: str = "",
        details: dict[str, str] | None = None,
        retry_after_s: float | None = None,
        exit_code: int = EXIT_ERROR,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.field = field
        self.details = details or {}
        self.retry_after_s = retry_after_s
        self.exit_code = exit_code

    def document(self) -> dict[str, str]:
        """The error as JSON has it."""
        return {"code": self.code, "reason": self.reason, "field": self.field, "message": str(self)}


class DaemonUnreachable(SimctlError):
    """No daemon answers at the address, or it does not answer yet."""

    def __init__(self, message: str, *, reason: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(
            message, code="UNAVAILABLE", reason=reason, retry_after_s=retry_after_s, exit_code=EXIT_UNREACHABLE
        )


def from_rpc(error: grpc.RpcError, address: str, timeout: float | None) -> SimctlError:
    """The error to raise for a call that failed."""
    code = error.code()
    text = error.details() or ""
    details = _details_of(error)
    # So a server that stops ends what comes at that moment; who leaves by himself has other words.
    is_cut = code is grpc.StatusCode.CANCELLED and text == code.name
    if code is grpc.StatusCode.UNAVAILABLE or is_cut:
        text = text if details.reason else _no_daemon(address, text)
        return DaemonUnreachable(text, reason=details.reason, retry_after_s=details.retry_after_s)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        text = f"the daemon at {address} did not answer within {timeout:g} s" if timeout else text
    elif code is grpc.StatusCode.RESOURCE_EXHAUSTED and not details.reason:
        text = _exhausted(text)
    elif code is grpc.StatusCode.UNIMPLEMENTED:
        text = f"the daemon at {address} does not know this call; it is older than this simctl, or it is not simd"
    return SimctlError(
        text or f"the call failed: {code.name}",
        code=code.name,
        reason=details.reason,
        field=details.field,
        details=details.metadata,
        retry_after_s=details.retry_after_s,
        exit_code=_EXIT_CODES.get(code, EXIT_ERROR),
    )


def from_failure(failure: Any) -> SimctlError:
    """The error that is the answer to one search of many."""
    details = _unpacked(failure.details)
    code = next((code for code in grpc.StatusCode if code.value[0] == failure.code), grpc.StatusCode.UNKNOWN)
    return SimctlError(
        failure.message,
        code=code.name,
        reason=details.reason,
        field=details.field,
        details=details.metadata,
        retry_after_s=details.retry_after_s,
        exit_code=_EXIT_CODES.get(code, EXIT_ERROR),
    )


_UNREACHABLE = {
    "Permission denied": "no permission to use {}; it is another user's, or set SIMD_ADDRESS",
    "CERTIFICATE_VERIFY_FAILED": "the certificate of {} is not trusted; --tls-ca or SIMD_TLS_CA names its authority",
    "Hostname Verification": "the certificate of {} is for another host; use a name that is in it",
    "WRONG_VERSION_NUMBER": "what answers at {} does not speak TLS",
    "CANCELLED": "the daemon at {} ended the call: it stops, or the request took too long to come",
    "Cancelling all calls": "the daemon at {} stopped before it answered",
    "Socket closed": "{} ended the connection; if it speaks TLS, --tls-ca names its authority, and --tls-cert and "
    "--tls-key are the certificate that it may ask for",
}
"""By a word of gRPC's own text."""


def _no_daemon(address: str, text: str) -> str:
    otherwise = "no daemon at {}; start it with `simd serve` or set SIMD_ADDRESS"
    return next((message for word, message in _UNREACHABLE.items() if word in text), otherwise).format(address)


def _exhausted(text: str) -> str:
    if sizes := _TOO_BIG.search(text):
        got, limit = (int(size) for size in sizes.groups())
        return (
            f"the request has {got:,} bytes and the daemon accepts {limit:,}; "
            "send a smaller image, or raise its setting max_request_bytes"
        )
    return f"the daemon is too busy: {text.rstrip('!')}; try again, or raise its setting max_concurrent_requests"


@dataclass(frozen=True, slots=True)
class _ErrorDetails:
    """What the daemon says for programs; empty if it was not the daemon that failed."""

    reason: str = ""
    field: str = ""
    retry_after_s: float | None = None
    metadata: dict[str, str] | None = None


def _details_of(error: grpc.RpcError) -> _ErrorDetails:
    trailers: Iterable[Any] = error.trailing_metadata() or ()
    raw = next((value for key, value in trailers if key == "grpc-status-details-bin"), None)
    if raw is None:
        return _ErrorDetails()
    from google.rpc import status_pb2

    return _unpacked(status_pb2.Status.FromString(raw).details)


def _unpacked(packed: Iterable[Any]) -> _ErrorDetails:
    from google.rpc import error_details_pb2

    details = _ErrorDetails()
    for detail in packed:
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            details = replace(details, reason=info.reason, metadata=dict(info.metadata))
        elif detail.Unpack(bad) and bad.field_violations:
            details = replace(details, field=bad.field_violations[0].field)
        elif detail.Unpack(retry):
            details = replace(details, retry_after_s=retry.retry_delay.ToMicroseconds() / 1e6)
    return details
