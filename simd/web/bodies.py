"""What browsers send: no more than may be, not for ever, and not more at once than memory is meant for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simd.web.answers import BadRequest, failed

MAX_UPLOAD_BYTES = 64 << 20
MAX_DOCUMENT_BYTES = 1 << 20
UPLOADS_BYTES = 128 << 20
"""Uploads at once. Each is in memory about four times, on its way into gRPC."""

_NEXT_WITHIN_S = 20.0
_WHOLE_WITHIN_S = 600.0
_ROOM_WITHIN_S = 30.0


class Bodies:
    """Refuses bodies that are too large or come too slowly, whoever reads them.

    Args:
        app: is given the others.
        uploads: the paths to which pictures are sent.
        next_within_s: seconds that the next bytes of a body may take.
    """

    def __init__(self, app: ASGIApp, *, uploads: Collection[str], next_within_s: float = _NEXT_WITHIN_S) -> None:
        self._app = app
        self._uploads = uploads
        self._next_within_s = next_within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MAX_UPLOAD_BYTES if scope["path"] in self._uploads else MAX_DOCUMENT_BYTES
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > most:
            await failed(Request(scope), _too_large(most))(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + _WHOLE_WITHIN_S
        came, is_whole = 0, False

        async def received() -> Message:
            nonlocal came, is_whole
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + self._next_within_s, until)):
                    message = await receive()
            except TimeoutError:
                raise BadRequest(
                    f"what was sent stopped coming, or took longer than {_WHOLE_WITHIN_S:g} s; send it again",
                    status=408,
                ) from None
            came += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if came > most:
                raise _too_large(most)
            return message

        await self._app(scope, received, send)


class Uploads:
    """Pictures on their way to the daemon, which share `UPLOADS_BYTES` in the order in which they come."""

    def __init__(self) -> None:
        self._free = UPLOADS_BYTES
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def of(self, request: Request) -> AsyncIterator[bytes]:
        """The picture that is a request's body, for as long as it is needed.

        Raises:
            BadRequest: there is none, or too many came at once.
        """
        length = request.headers.get("content-length", "")
        async with self._room(int(length) if length.isdecimal() else MAX_UPLOAD_BYTES):
            parts = [part async for part in request.stream()]
            data = b"".join(parts)
            del parts
            if not data:
                raise BadRequest("there is no picture in the request", field="image")
            yield data

    @asynccontextmanager
    async def _room(self, size: int) -> AsyncIterator[None]:
        if self._waiting or self._free < size:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append((size, turn))
            try:
                async with asyncio.timeout(_ROOM_WITHIN_S):
                    await turn
            except BaseException as error:
                self._give_up(size, turn)
                if isinstance(error, TimeoutError):
                    raise BadRequest(
                        "too many pictures are sent to the page at once; try again", status=503, retry_after_s=5
                    ) from None
                raise
        else:
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            self._next()

    def _give_up(self, size: int, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            # Its turn came in the moment in which it was given up.
            self._free += size
        self._waiting = deque(one for one in self._waiting if one[1] is not turn)
        self._next()

    def _next(self) -> None:
        """Give those who wait their room, the first first."""
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            self._free -= size
            turn.set_result(None)


def _too_large(most: int) -> BadRequest:
    return BadRequest(f"what was sent has more than {most >> 20} MiB; send something smaller", status=413)
