"""A daemon in this process that answers as a test wants, on a real socket."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from simd.v1 import image_service_pb2, index_service_pb2, insight_service_pb2, search_service_pb2
from simd.v1.image_service_pb2_grpc import ImageServiceServicer, add_ImageServiceServicer_to_server
from simd.v1.index_service_pb2_grpc import IndexServiceServicer, add_IndexServiceServicer_to_server
from simd.v1.insight_service_pb2_grpc import InsightServiceServicer, add_InsightServiceServicer_to_server
from simd.v1.search_service_pb2_grpc import SearchServiceServicer, add_SearchServiceServicer_to_server
from tests.web.fakeatlas import FakeAtlas

PICTURE = "00" * 16
"""The id of the one image that is indexed."""
_PART = 1000


class FakeDaemon(ImageServiceServicer, IndexServiceServicer, InsightServiceServicer, SearchServiceServicer):
    """It has one image, whose file is `data`, and a map of others.

    Args:
        atlas: the map.

    Attributes:
        reasons: why files are not indexed.
        calls: the requests that came.
        tokens: what came with them.
        suggested: what Suggest answers with, message by message; an error's status and its message end it.
        held: while it is clear, thumbnails, tiles and searches wait, until their caller leaves; suggestions after
            the first message.
        waiting: how many wait.
        left: how many callers left while they waited.
        watchers: how many streams of statuses there are.
    """

    def __init__(self, atlas: FakeAtlas | None = None) -> None:
        self.atlas = atlas or FakeAtlas()
        self.work = Path(tempfile.mkdtemp(prefix="simd-web-"))
        self.address = f"unix:{self.work}/s"
        self.data = b""
        self.content_type = "image/jpeg"
        self.name = "cat.jpg"
        self.images = 1
        self.reasons: list[str] = []
        self.suggested: list[Any] = []
        self.calls: list[Any] = []
        self.tokens: list[str] = []
        self.held = threading.Event()
        self.held.set()
        self.waiting = self.left = self.most_waiting = self.watchers = 0
        self.originals = 0
        self.asks_for_token = self.changes = False
        self._lock = threading.Condition()
        self._server: grpc.Server | None = None

    def start(self) -> FakeDaemon:
        """Answer."""
        self._server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.max_receive_message_length", -1)])
        add_ImageServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        add_IndexServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        add_InsightServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        add_SearchServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self._server.add_insecure_port(self.address)
        self._server.start()
        return self

    def stop(self) -> None:
        """Answer no more; it may be started again."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def close(self) -> None:
        """End for good."""
        self.held.set()
        self.stop()
        shutil.rmtree(self.work)

    def change(self, images: int) -> None:
        """Have another number of images, which watchers are told."""
        with self._lock:
            self.images = images
            self._lock.notify_all()

    def until(self, condition: Any, what: str) -> None:
        """Wait for a condition."""
        with self._lock:
            assert self._lock.wait_for(condition, 20), f"waited in vain for {what}"

    def GetThumbnail(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        self._hold(context)
        return image_service_pb2.GetThumbnailResponse(data=b"small", content_type="image/jpeg")

    def Search(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        self._hold(context)
        return search_service_pb2.SearchResponse()

    def Suggest(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self._came(request, context)
        for number, message in enumerate(self.suggested):
            if number:
                self._hold(context)
            if isinstance(message, insight_service_pb2.SuggestResponse):
                yield message
            else:
                context.abort(*message)

    def DescribeAtlas(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        return self.atlas.DescribeAtlas(request, context)

    def Atlas(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self._came(request, context)
        yield from self.atlas.Atlas(request, context)

    def GetAtlasTile(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        self._hold(context)
        return self.atlas.GetAtlasTile(request, context)

    def LayOutAtlas(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        return self.atlas.LayOutAtlas(request, context)

    def ImportLabels(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        return insight_service_pb2.ImportLabelsResponse(added=sum(len(row.labels) for row in request.rows), removed=7)

    def ClearLabels(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        return insight_service_pb2.ClearLabelsResponse(removed=len(request.image_ids) * len(request.labels))

    def CountLabels(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        labels = [insight_service_pb2.LabelCount(label="猫", images=2)]
        return insight_service_pb2.CountLabelsResponse(labels=labels, images=2)

    def Pause(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "the token has the role read, this call needs admin")

    def ListErrors(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        begin, size = int(request.page_token or 0), min(request.page_size, 1000)
        more = str(begin + size) if begin + size < len(self.reasons) else ""
        return index_service_pb2.ListErrorsResponse(
            errors=[index_service_pb2.FileError(reason=reason) for reason in self.reasons[begin : begin + size]],
            next_page_token=more,
            total_size=len(self.reasons),
        )

    def Status(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._came(request, context)
        raise RuntimeError

    def GetImage(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self._came(request, context)
        if request.image_id != PICTURE:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no file holds the image {request.image_id}")
        if request.offset >= len(self.data) > 0:
            context.abort(grpc.StatusCode.OUT_OF_RANGE, f"the file has {len(self.data)} bytes")
        end = request.offset + request.length if request.length else len(self.data)
        wanted = self.data[request.offset : end]
        with self._lock:
            self.originals += 1
            self._lock.notify_all()
        try:
            yield image_service_pb2.ImageServiceGetImageResponse(
                data=wanted[:_PART], size=len(self.data), content_type=self.content_type, name=self.name
            )
            if self.changes:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the file was written to meanwhile")
            for begin in range(_PART, len(wanted), _PART):
                yield image_service_pb2.ImageServiceGetImageResponse(data=wanted[begin : begin + _PART])
        finally:
            with self._lock:
                self.originals -= 1
                self._lock.notify_all()

    def WatchStatus(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with self._lock:
            self.watchers += 1
            self._lock.notify_all()
        context.add_callback(self.wake)
        told = -1

        def is_due() -> bool:
            return self.images != told or not context.is_active()

        try:
            while context.is_active():
                with self._lock:
                    self._lock.wait_for(is_due)
                    told = self.images
                status = index_service_pb2.StatusResponse(ready=True, images=told)
                yield index_service_pb2.WatchStatusResponse(status=status)
        finally:
            with self._lock:
                self.watchers -= 1
                self._lock.notify_all()

    def _came(self, request: Any, context: grpc.ServicerContext) -> None:
        sent: Any = context.invocation_metadata()
        with self._lock:
            self.calls.append(request)
            if self.asks_for_token:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "this daemon asks for a token")
            self.tokens += [value for key, value in sent if key == "authorization"]

    def _hold(self, context: grpc.ServicerContext) -> None:
        left = threading.Event()

        def leave() -> None:
            left.set()
            self.wake()

        if not context.add_callback(leave):
            left.set()
        with self._lock:
            self.waiting += 1
            self.most_waiting = max(self.waiting, self.most_waiting)
            self._lock.notify_all()
            self._lock.wait_for(lambda: self.held.is_set() or left.is_set())
            self.waiting -= 1
            self.left += left.is_set()
            self._lock.notify_all()

    def release(self) -> None:
        """Let go what waits."""
        self.held.set()
        self.wake()

    def wake(self) -> None:
        """Have all that wait look again."""
        with self._lock:
            self._lock.notify_all()
