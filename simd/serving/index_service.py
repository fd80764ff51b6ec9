"""IndexService: one thin method per RPC."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

import grpc

from simd import __version__
from simd.errors import InvalidRequest, Reason
from simd.serving import convert
from simd.serving.readiness import Readiness
from simd.types import FileKey
from simd.v1 import index_service_pb2, index_service_pb2_grpc

DEFAULT_PAGE = 100
MAX_PAGE = 1000


class IndexService(index_service_pb2_grpc.IndexServiceServicer):
    """Changes and describes the index with the services that are ready.

    Args:
        readiness: where the services are.
        clock: seconds that only go forward, for `uptime_s`.
    """

    def __init__(self, readiness: Readiness, clock: Callable[[], float] = time.monotonic) -> None:
        self._readiness = readiness
        self._clock = clock
        self._started = clock()

    def Add(
        self, request: index_service_pb2.AddRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.AddResponse:
        """Index files now."""
        ingest = self._readiness.services().ingest
        return convert.added_to(ingest.add(_some(convert.paths_of(request.paths, request.paths_bytes))))

    def Remove(
        self, request: index_service_pb2.RemoveRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.RemoveResponse:
        """Take files and images out of the answers."""
        ingest = self._readiness.services().ingest
        ids = [convert.image_id_of(text, field="image_ids") for text in request.image_ids]
        paths = convert.paths_of(request.paths, request.paths_bytes)
        return convert.removed_to(ingest.remove(paths if ids else _some(paths), ids), ids)

    def Scan(
        self, request: index_service_pb2.ScanRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.ScanResponse:
        """Compare directories with the catalogue."""
        ingest = self._readiness.services().ingest
        paths = convert.paths_of(request.paths, request.paths_bytes)
        report = ingest.scan(
            _some(paths) if request.confirm_deletes else paths,
            retry_rejected=request.retry_rejected,
            confirm_deletes=request.confirm_deletes,
        )
        return convert.scanned_to(report)

    def Status(
        self, request: index_service_pb2.StatusRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.StatusResponse:
        """How the daemon is."""
        services, detail = self._readiness.current
        uptime = self._clock() - self._started
        if services is None:
            return index_service_pb2.StatusResponse(detail=detail, version=__version__, uptime_s=uptime)
        # Progress first: what is no longer pending then is in the counts.
        progress = services.ingest.progress()
        counts = services.ledger.counts()
        return index_service_pb2.StatusResponse(
            ready=True,
            images=len(services.index),
            files=counts.files,
            pending=progress.pending,
            failed=sum(n for reason, n in counts.failed_by_reason.items() if reason != Reason.REMOVED),
            failed_by_reason=counts.failed_by_reason,
            paused=progress.paused,
            scanning=progress.scanning,
            images_per_s=progress.images_per_s,
            roots=[convert.root_to(root) for root in services.ingest.roots()],
            model=convert.model_to(services.model),
            device=convert.device_to(services.device),
            index=convert.index_to(services.index.stats()),
            version=__version__,
            uptime_s=uptime,
        )

    def ListErrors(
        self, request: index_service_pb2.ListErrorsRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.ListErrorsResponse:
        """One page of the error ledger."""
        ledger = self._readiness.services().ledger
        prefix = convert.path_of(request.path_prefix, request.path_prefix_bytes)
        if request.page_size > MAX_PAGE:
            raise InvalidRequest(f"page_size {request.page_size} is not in 1..{MAX_PAGE}", field="page_size")
        size = request.page_size or DEFAULT_PAGE
        # One more than asked for tells whether there is a next page.
        lines = ledger.rejections(after=_after(request.page_token), limit=size + 1, under=prefix)
        more = len(lines) > size
        return index_service_pb2.ListErrorsResponse(
            errors=[convert.line_to(line) for line in lines[:size]],
            next_page_token=_token(lines[size - 1].key) if more else "",
            total=sum(ledger.counts().failed_by_reason.values()),
        )


def _some(paths: list[bytes]) -> list[bytes]:
    if not paths:
        raise InvalidRequest("the request names no path", field="paths")
    return paths


def _token(key: FileKey) -> str:
    return base64.urlsafe_b64encode(b"%d:%s" % (key.root_id, key.path)).decode()


def _after(token: str) -> FileKey | None:
    if not token:
        return None
    try:
        root_id, separator, path = base64.b64decode(token, altchars=b"-_", validate=True).partition(b":")
        if not separator:
            raise ValueError("no separator")
        return FileKey(int(root_id), path)
    except ValueError as error:
        raise InvalidRequest(
            "page_token is not one that was given out", field="page_token", remedy="start again without one"
        ) from error
