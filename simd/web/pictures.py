"""The pictures themselves: thumbnails and originals, by the image's id and never by a path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from simctl.errors import SimctlError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from simd.v1 import image_service_pb2 as wire
from simd.web import parameters
from simd.web.answers import BadRequest
from simd.web.daemon import Daemon
from simd.web.kept import Answer, Kept
from simd.web.leaving import BrowserLeft, while_here
from simd.web.ranges import Part, disposition, is_known, part

EDGES = (128, 256, 512, 1024, 2048)
"""Few, so that few of each picture are made and kept."""

_FOR_EVER = "private, max-age=31536000, immutable"
"""An id names content, so what it leads to never changes."""
_SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp"})
"""What a browser may show as what it is. SVG is a program, and a file may say that it is anything."""
_THUMBNAILS = 24
"""Under way at the daemon at once: it takes more, and others ask it too."""
_KEPT_BYTES = 64 << 20
"""Some thousand thumbnails. Browsers keep what they have; this is for those who look at the same."""
_KEPT_S = 300.0
_ORIGINALS = 12
_ROOM_WITHIN_S = 30.0
_TAKEN_WITHIN_S = 60.0
"""How long a browser may take nothing of what it asked for."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the daemon tells of a file before its bytes."""

    size: int
    content_type: str
    name: str


class Pictures:
    """Args:
    daemon: has them.
    clock: seconds that only go forward.
    """

    def __init__(self, daemon: Daemon, clock: Callable[[], float] = time.monotonic) -> None:
        self._daemon = daemon
        self._kept: Kept[tuple[str, int]] = Kept(_KEPT_BYTES, _KEPT_S, clock)
        self._thumbnails = asyncio.Semaphore(_THUMBNAILS)
        self._originals = asyncio.Semaphore(_ORIGINALS)

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/api/thumbnails/{image_id}", self.thumbnail),
            Route("/api/images/{image_id}", self.image),
        ]

    async def thumbnail(self, request: Request) -> Response:
        """A small picture of `edge` pixels. All are JPEGs: on the way from this machine, WebP saves nothing that is
        felt, and takes longer to make."""
        image_id = parameters.image_id(request.path_params["image_id"])
        edge = parameters.number(request, "edge", int, 256)
        if edge not in EDGES:
            raise BadRequest(f"edge={edge} is none of {', '.join(map(str, EDGES))}", field="edge")
        etag = f'"{image_id}-{edge}"'
        headers = {"ETag": etag, "Cache-Control": _FOR_EVER}
        if is_known(request.headers, etag):
            return Response(status_code=304, headers=headers)
        found = self._kept.get((image_id, edge))
        if found is None:
            found = await while_here(request, self._thumbnail(image_id, edge))
            self._kept.put((image_id, edge), found)
        return Response(found.data, media_type=_shown_as(found.content_type), headers=headers)

    async def _thumbnail(self, image_id: str, edge: int) -> Answer:
        call = wire.GetThumbnailRequest(image_id=image_id, edge=edge)
        async with self._thumbnails:
            made = await self._daemon.call(self._daemon.images.GetThumbnail, call)
        return Answer(made.data, made.content_type)

    async def image(self, request: Request) -> Response:
        """The original, or a part of it; with `download=1` as a file to be saved."""
        image_id = parameters.image_id(request.path_params["image_id"])
        etag = f'"{image_id}"'
        headers = {"ETag": etag, "Cache-Control": _FOR_EVER, "Accept-Ranges": "bytes"}
        if is_known(request.headers, etag):
            return Response(status_code=304, headers=headers)
        wanted = part(request.headers, etag)
        if request.method == "HEAD":
            facts = await while_here(request, self._facts(image_id))
            return Response(headers={**headers, **_described(request, facts), "Content-Length": str(facts.size)})
        if wanted is not None and wanted.first is None:
            # The last bytes are known by their number only once the size is.
            found = wanted.of((await while_here(request, self._facts(image_id))).size)
            wanted = Part(*found) if found else Part(1 << 62, 1)
        try:
            return await self._streamed(request, image_id, headers, wanted)
        except SimctlError as error:
            if wanted is None or error.code != "OUT_OF_RANGE":
                raise
            size = (await while_here(request, self._facts(image_id))).size
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})

    async def _streamed(
        self, request: Request, image_id: str, headers: dict[str, str], wanted: Part | None
    ) -> Response:
        stream = self._parts(image_id, wanted or Part(0, None))
        try:
            first = await while_here(request, anext(stream))
        except BaseException:
            await stream.aclose()
            raise
        facts = _Facts(first.size, first.content_type, first.name)
        headers |= _described(request, facts)
        status, begin, length = 200, 0, facts.size
        if wanted is not None:
            begin, length = wanted.of(facts.size) or (0, 0)
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{begin + length - 1}/{facts.size}"
        headers["Content-Length"] = str(length)
        return _Streamed(first.data, stream, status, headers)

    async def _facts(self, image_id: str) -> _Facts:
        stream = self._parts(image_id, Part(0, 1))
        try:
            first = await anext(stream)
            return _Facts(first.size, first.content_type, first.name)
        finally:
            await stream.aclose()

    async def _parts(self, image_id: str, wanted: Part) -> AsyncGenerator[Any]:
        call = wire.ImageServiceGetImageRequest(image_id=image_id, offset=wanted.first or 0, length=wanted.length or 0)
        try:
            async with asyncio.timeout(_ROOM_WITHIN_S):
                await self._originals.acquire()
        except TimeoutError:
            raise BadRequest("too many originals are sent at once; try again", status=503, retry_after_s=5) from None
        messages = self._daemon.stream(self._daemon.images.GetImage, call)
        try:
            async for message in messages:
                yield message
        finally:
            await messages.aclose()
            self._originals.release()


class _Streamed(StreamingResponse):
    """Bytes as they come. Whatever ends it, the call to the daemon ends with it; so does a browser that takes none."""

    def __init__(self, first: bytes, stream: AsyncGenerator[Any], status: int, headers: dict[str, str]) -> None:
        self._stream = stream
        super().__init__(self._bytes(first), status, headers)

    async def _bytes(self, first: bytes) -> AsyncGenerator[bytes]:
        yield first
        async for message in self._stream:
            yield message.data

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            try:
                async with asyncio.timeout(_TAKEN_WITHIN_S):
                    await send(message)
            except TimeoutError:
                raise BrowserLeft(f"the browser took nothing for {_TAKEN_WITHIN_S:g} s") from None

        try:
            await super().__call__(scope, receive, sent)
        finally:
            await self._stream.aclose()


def _described(request: Request, facts: _Facts) -> dict[str, str]:
    shown_as = _shown_as(facts.content_type)
    saved = parameters.flag(request, "download") or shown_as not in _SHOWN
    return {"Content-Type": shown_as, "Content-Disposition": disposition(facts.name, saved=saved)}


def _shown_as(content_type: str) -> str:
    return content_type if content_type in _SHOWN else "application/octet-stream"
