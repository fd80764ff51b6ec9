"""Logging in: a token of a file for a session's cookie.

A session is a random number that the browser keeps and this process knows the hash of. It ends after a week, when its
token leaves the file, and with the process. How long an answer takes tells nothing of how much of a guess was right,
and guesses are few: so many a minute of one client, and of all.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route

from simd.errors import ConfigError
from simd.privatefile import MAX_TOKEN_BYTES, read_tokens
from simd.web import parameters
from simd.web.answers import BadRequest
from simd.web.assets import document
from simd.web.throttle import Throttle

log = logging.getLogger(__name__)

_SETTING = "login_token_file"
_LASTS_S = 7 * 86400
_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class _Session:
    token: bytes
    until_s: float


class TokenFile:
    """The hashes of a file's tokens, as they are now.

    Args:
        path: of the file.

    Raises:
        ConfigError: it cannot be read, others may read it, or it holds no token or one that cannot be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._look()
        self._hashes = self._read()

    def hashes(self) -> frozenset[bytes]:
        """Those of all tokens. Where the file cannot be used any more, it is logged and those before stay."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._hashes = self._read()
            except ConfigError as error:
                log.warning("the tokens changed and cannot be used, those before stay: %s", error)
            else:
                log.info("the tokens were read again")
        return self._hashes

    def _look(self) -> tuple[int, ...]:
        try:
            status = os.stat(self._path)
        except OSError:
            return ()
        return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_mode)

    def _read(self) -> frozenset[bytes]:
        return frozenset(map(_hash, read_tokens(self._path, _SETTING)))


class Login:
    """Who has logged in.

    Args:
        tokens: give access.
        is_secure: whether browsers reach the page by HTTPS.
        has_proxy: whether a proxy says who asks.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        tokens: TokenFile,
        *,
        is_secure: bool,
        has_proxy: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._is_secure = is_secure
        self._has_proxy = has_proxy
        self._clock = clock
        self._sessions: dict[bytes, _Session] = {}
        self._throttle = Throttle(clock)
        # Browsers take a name with this prefix from nobody but the host itself, and send it by HTTPS only.
        self._cookie = "__Host-simd" if is_secure else "simd"

    def routes(self) -> list[Route]:
        """Where it is done."""
        return [
            Route("/login", self.page),
            Route("/api/login", self.log_in, methods=["POST"]),
            Route("/api/logout", self.log_out, methods=["POST"]),
        ]

    def knows(self, request: Request) -> bool:
        """Whether a request is of somebody who has logged in."""
        key = self._key(request)
        session = self._sessions.get(key)
        if session is None:
            return False
        if session.until_s > self._clock() and session.token in self._tokens.hashes():
            return True
        del self._sessions[key]
        return False

    async def page(self, request: Request) -> FileResponse:
        """The document that asks for the token."""
        return document("login.html")

    async def log_in(self, request: Request) -> JSONResponse:
        """Begin a session: `{"token": ...}`."""
        said = await parameters.document(request)
        token = said.get("token")
        if not isinstance(token, str) or len(token) > MAX_TOKEN_BYTES:
            raise BadRequest("a token is needed", field="token")
        client = self._client(request)
        if wait_s := self._throttle.wait_s(client):
            raise BadRequest(
                f"there were too many attempts to log in; try again in {wait_s:.0f} s", status=429, retry_after_s=wait_s
            )
        known = self._owned(token.strip())
        if known is None:
            self._throttle.failed(client)
            log.warning("an attempt to log in from %s failed", client)
            raise BadRequest("this token is not known here; it may have been replaced", field="token", status=403)
        answer = JSONResponse({"logged_in": True})
        answer.set_cookie(
            self._cookie,
            self._begin(known),
            max_age=_LASTS_S,
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    async def log_out(self, request: Request) -> JSONResponse:
        """End the session."""
        self._sessions.pop(self._key(request), None)
        answer = JSONResponse({"logged_in": False}, headers={"Clear-Site-Data": '"cache"'})
        answer.delete_cookie(self._cookie, secure=self._is_secure, httponly=True, samesite="strict")
        return answer

    def _owned(self, token: str) -> bytes | None:
        given, found = _hash(token), None
        for known in self._tokens.hashes():
            if hmac.compare_digest(given, known):
                found = known
        return found

    def _begin(self, token: bytes) -> str:
        while len(self._sessions) >= _SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        number = secrets.token_urlsafe(32)
        self._sessions[_hash(number)] = _Session(token, self._clock() + _LASTS_S)
        return number

    def _key(self, request: Request) -> bytes:
        return _hash(request.cookies.get(self._cookie, ""))

    def _client(self, request: Request) -> str:
        """Who asks: by the word of the proxy that is named, which adds the last address, or of the connection."""
        passed_on = request.headers.getlist("x-forwarded-for") if self._has_proxy else []
        if passed_on:
            return passed_on[-1].rpartition(",")[2].strip()[:64]
        return request.client.host if request.client else ""


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
