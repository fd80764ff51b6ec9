"""What can go wrong, as the caller sees it: every gRPC failure becomes a `SimctlError` with a message to show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import grpc

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_NOTHING_FOUND = 4
EXIT_PARTLY_FAILED = 5

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
        exit_code: int = EXIT_ERROR,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.field = field
        self.details = details or {}
        self.exit_code = exit_code


class DaemonUnreachable(SimctlError):
    """No daemon answers at the address, or it does not answer yet."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message, code="UNAVAILABLE", reason=reason, exit_code=EXIT_UNREACHABLE)


def from_rpc(error: grpc.RpcError, address: str, timeout: float | None) -> SimctlError:
    """The error to raise for a call that failed."""
    code = error.code()
    text = error.details() or ""
    details = _details(error)
    reason = details.pop("reason", "")
    if code is grpc.StatusCode.UNAVAILABLE:
        return DaemonUnreachable(text if reason else _no_daemon(address, text), reason=reason)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        text = f"the daemon at {address} did not answer within {timeout:g} s" if timeout else text
    elif code is grpc.StatusCode.RESOURCE_EXHAUSTED and not reason:
        text = _exhausted(text)
    elif code is grpc.StatusCode.UNIMPLEMENTED:
        text = f"the daemon at {address} does not know this call; it is older than this simctl, or it is not simd"
    return SimctlError(
        text or f"the call failed: {code.name}",
        code=code.name,
        reason=reason,
        field=details.pop("field", ""),
        details=details,
        exit_code=_EXIT_CODES.get(code, EXIT_ERROR),
    )


def _no_daemon(address: str, text: str) -> str:
    if "Permission denied" in text:
        return f"no permission to use {address}; it is another user's, or set SIMD_ADDRESS"
    return f"no daemon at {address}; start it with `simd serve` or set SIMD_ADDRESS"


def _exhausted(text: str) -> str:
    if sizes := _TOO_BIG.search(text):
        got, limit = (int(size) for size in sizes.groups())
        return (
            f"the request has {got:,} bytes and the daemon accepts {limit:,}; "
            "send a smaller image, or raise its setting max_request_bytes"
        )
    return f"the daemon is too busy: {text.rstrip('!')}; try again, or raise its setting max_concurrent_requests"


def _details(error: grpc.RpcError) -> dict[str, str]:
    """Reason, field and the rest of what the daemon says for programs; empty if it was not the daemon that failed."""
    trailers: Iterable[Any] = error.trailing_metadata() or ()
    raw = next((value for key, value in trailers if key == "grpc-status-details-bin"), None)
    if raw is None:
        return {}
    from google.rpc import error_details_pb2, status_pb2

    found: dict[str, str] = {}
    for detail in status_pb2.Status.FromString(raw).details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            found |= {**info.metadata, "reason": info.reason}
        elif detail.Unpack(bad) and bad.field_violations:
            found["field"] = bad.field_violations[0].field
    return found
