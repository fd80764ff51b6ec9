"""Work that nobody waits for ends: what a browser asked for, and left before it had it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

T = TypeVar("T")


class BrowserLeft(Exception):
    """Nobody waits for the answer any more."""


async def while_here(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; it is cancelled when the browser leaves.

    Args:
        request: whose body was read, if it has one.
        work: is awaited.

    Raises:
        BrowserLeft: it left.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise BrowserLeft
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


class Streamed(StreamingResponse):
    """An answer in parts, each sent as soon as it is there; what makes them knows of its end, whatever it was.

    Args:
        parts: is closed at the end.
        media_type: of all of them together.
        headers: more of them.
    """

    def __init__(
        self, parts: AsyncGenerator[str | bytes], media_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._parts = parts
        # A proxy is not to collect them.
        own = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(parts, headers={**own, **(headers or {})}, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._parts.aclose()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
