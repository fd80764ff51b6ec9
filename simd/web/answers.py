"""What the page's requests are answered with: the JSON documents of `simctl --json`, and errors as sentences."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus

from simctl.errors import SimctlError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simd.web.leaving import BrowserLeft

log = logging.getLogger(__name__)

_STATUS = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 502,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "FAILED_PRECONDITION": 409,
    "OUT_OF_RANGE": 416,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 503,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""What the daemon's errors are for a browser. That it does not know the page is not their matter."""

_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    416: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}

_NO_TOKEN = "the daemon asks for a token, and does not know the page's; start `simd web` with --token-file"
_SENTENCES = {
    404: "there is nothing at this address of the page",
    405: "this cannot be done at this address of the page",
}


class BadRequest(Exception):
    """A request of the page that cannot be answered as it stands.

    Args:
        message: for a person.
        field: the parameter at fault.
        status: of HTTP.
        retry_after_s: seconds after which the same request may succeed.
    """

    def __init__(self, message: str, *, field: str = "", status: int = 400, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.status = status
        self.retry_after_s = retry_after_s


def failed(request: Request, error: Exception) -> JSONResponse:
    """The answer to a request that failed: `{"error": {code, reason, field, message}}`, as `simctl --json` has it."""
    if isinstance(error, SimctlError):
        document = error.document()
        if error.code == "UNAUTHENTICATED":
            document["message"] = _NO_TOKEN
        return _answer(document, _STATUS.get(error.code, 500), error.retry_after_s)
    if isinstance(error, HTTPException):
        error = BadRequest(_SENTENCES.get(error.status_code, error.detail), status=error.status_code)
    assert isinstance(error, BadRequest)
    document = {
        "code": _CODES.get(error.status, "INVALID_ARGUMENT"),
        "reason": HTTPStatus(error.status).name,
        "field": error.field,
        "message": str(error),
    }
    return _answer(document, error.status, error.retry_after_s)


def _answer(error: Mapping[str, str], status: int, retry_after_s: float | None) -> JSONResponse:
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    return JSONResponse({"error": dict(error)}, status, {**headers, "Cache-Control": "no-store"})


class Incidents:
    """Answers what fails by a mistake of the page's own: the log has it under a number, the browser gets the number.

    Args:
        app: may fail.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        is_started = False

        async def sent(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            if scope["type"] != "http":
                raise
            cause = error.__cause__
            if is_started and isinstance(cause, SimctlError | BrowserLeft):
                log.warning("an answer to %s was broken off: %s", scope["path"], cause)
                return
            number = secrets.token_hex(4)
            log.exception("incident %s: %s %s", number, scope["method"], scope["path"])
            if not is_started:
                text = f"the page failed unexpectedly; its log has more under {number}"
                await failed(Request(scope), BadRequest(text, status=500))(scope, receive, send)
