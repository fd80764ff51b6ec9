"""IndexService: one thin method per RPC."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from simd.errors import InvalidRequest, NoReplica
from simd.replica.publishing import Publishing
from simd.serving.admin import convert, convert_status, facts
from simd.serving.admin.export import Export
from simd.serving.admin.overview import Overview
from simd.serving.admin.paging import Page
from simd.serving.admin.status_watch import StatusWatch
from simd.serving.admin.verification import verify
from simd.serving.readiness import Readiness
from simd.serving.transport.handlers import cancelled_of
from simd.v1 import index_service_pb2, index_service_pb2_grpc


class IndexService(index_service_pb2_grpc.IndexServiceServicer):
    """Changes and describes the index with the services that are ready.

    Args:
        readiness: where the services are.
        overview: how the daemon is.
        watch: what answers `WatchStatus`.
    """

    def __init__(self, readiness: Readiness, overview: Overview, watch: StatusWatch) -> None:
        self._readiness = readiness
        self._overview = overview
        # In place of a method, because gRPC looks for the threads of a stream where it finds its method.
        self.WatchStatus = watch  # type: ignore[method-assign]

    def Add(
        self, request: index_service_pb2.AddRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.AddResponse:
        """Index files now."""
        ingest = self._readiness.services().ingest
        paths = _not_empty(convert.paths_of(request.paths, request.paths_bytes))
        return convert.added_to(ingest.add(paths, cancelled=cancelled_of(context)))

    def Remove(
        self, request: index_service_pb2.RemoveRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.RemoveResponse:
        """Take files and images out of the answers."""
        ingest = self._readiness.services().ingest
        convert.check_count(request.image_ids, field="image_ids")
        ids = [convert.image_id_of(text, field="image_ids") for text in request.image_ids]
        paths = convert.paths_of(request.paths, request.paths_bytes)
        return convert.removed_to(
            ingest.remove(paths if ids else _not_empty(paths), ids, cancelled=cancelled_of(context)), ids
        )

    def Scan(
        self, request: index_service_pb2.ScanRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.ScanResponse:
        """Compare directories with the catalogue, or explain what is known of paths."""
        ingest = self._readiness.services().ingest
        paths = convert.paths_of(request.paths, request.paths_bytes)
        if request.explain:
            return convert.explained_to(ingest.explain(_not_empty(paths)))
        report = ingest.scan(
            _not_empty(paths) if request.confirm_deletes else paths,
            retry_rejected=request.retry_rejected,
            confirm_deletes=request.confirm_deletes,
            cancelled=cancelled_of(context),
        )
        return convert.scanned_to(report)

    def Status(
        self, request: index_service_pb2.StatusRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.StatusResponse:
        """How the daemon is."""
        return convert_status.status_to(self._overview.read())

    def Pause(
        self, request: index_service_pb2.PauseRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.PauseResponse:
        """Stop indexing."""
        ingest = self._readiness.services().ingest
        for_s = convert.pause_of(request.duration) if request.HasField("duration") else None
        return index_service_pb2.PauseResponse(until_time=convert_status.until_to(ingest.pause(for_s)))

    def Resume(
        self, request: index_service_pb2.ResumeRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.ResumeResponse:
        """Go on with indexing."""
        return index_service_pb2.ResumeResponse(was_paused=self._readiness.services().ingest.resume())

    def ListErrors(
        self, request: index_service_pb2.ListErrorsRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.ListErrorsResponse:
        """One page of the error ledger."""
        catalogue = self._readiness.services().catalogue
        page = _page("errors", request)
        # One more than asked for shows whether there is a next page.
        lines = catalogue.rejections(after=page.after, limit=page.size + 1, under=page.under)
        total = catalogue.count_rejections(page.under) if page.total is None else page.total
        return index_service_pb2.ListErrorsResponse(
            errors=[convert.file_error_to(line) for line in lines[: page.size]],
            next_page_token=page.token(lines[page.size - 1].key, total) if len(lines) > page.size else "",
            total=total,
            total_size=total,
        )

    def ListFiles(
        self, request: index_service_pb2.ListFilesRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.ListFilesResponse:
        """One page of the files that are searchable."""
        catalogue = self._readiness.services().catalogue
        page = _page("files", request)
        files = catalogue.files(after=page.after, limit=page.size + 1, under=page.under)
        known = catalogue.facts_of({file.image_id for file in files})
        total = catalogue.count_files(page.under) if page.total is None else page.total
        return index_service_pb2.ListFilesResponse(
            files=[convert.file_to(file, known.get(file.image_id)) for file in files[: page.size]],
            next_page_token=page.token(files[page.size - 1].key, total) if len(files) > page.size else "",
            total_size=total,
        )

    def GetFile(
        self, request: index_service_pb2.GetFileRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.GetFileResponse:
        """What is known of one file."""
        services = self._readiness.services()
        path = convert.path_of(request.path, request.path_bytes)
        found = facts.file_at(services.catalogue, path)
        if isinstance(found, facts.FileDetails):
            return index_service_pb2.GetFileResponse(file=convert.file_to(found.file, found.facts))
        return index_service_pb2.GetFileResponse(error=convert.file_error_to(found))

    def GetImage(
        self, request: index_service_pb2.GetImageRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.GetImageResponse:
        """What is known of one image."""
        catalogue = self._readiness.services().catalogue
        image_id = convert.image_id_of(request.image_id)
        return index_service_pb2.GetImageResponse(image=convert.image_to(facts.image_of(catalogue, image_id)))

    def Compact(
        self, request: index_service_pb2.CompactRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.CompactResponse:
        """Do all maintenance of the index."""
        with self._readiness.services().serving.use() as served:
            before = served.index.stats()
            served.index.compact(cancelled_of(context).check)
            after = served.index.stats()
        return index_service_pb2.CompactResponse(
            before=convert_status.index_to(before), after=convert_status.index_to(after)
        )

    def Verify(
        self, request: index_service_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> Iterator[index_service_pb2.VerifyResponse]:
        """Read index and catalogue, and report what is damaged."""
        services = self._readiness.services()
        for progress in verify(services.jobs, services.serving, services.catalogue, cancelled_of(context)):
            yield convert.verify_progress_to(progress)

    def Export(
        self, request: index_service_pb2.ExportRequest, context: grpc.ServicerContext
    ) -> Iterator[index_service_pb2.ExportResponse]:
        """Every image with its embedding."""
        services = self._readiness.services()
        export = Export(services.serving, services.catalogue)
        yield index_service_pb2.ExportResponse(model=convert_status.model_to(export.model), total=export.total)
        for portion in export.portions(cancelled_of(context)):
            yield index_service_pb2.ExportResponse(images=[convert.exported_to(image) for image in portion])

    def RebuildReplica(
        self, request: index_service_pb2.RebuildReplicaRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.RebuildReplicaResponse:
        """Publish everything anew."""
        self._publishing().rebuild()
        return index_service_pb2.RebuildReplicaResponse()

    def DropReplica(
        self, request: index_service_pb2.DropReplicaRequest, context: grpc.ServicerContext
    ) -> index_service_pb2.DropReplicaResponse:
        """Take this host's images out of the replica, and publish no more."""
        return index_service_pb2.DropReplicaResponse(removed=self._publishing().drop())

    def _publishing(self) -> Publishing:
        publishing = self._readiness.services().replica
        if publishing is None:
            raise NoReplica(
                "no replica is configured", remedy="set `replica` to http://HOST:PORT/COLLECTION and restart the daemon"
            )
        return publishing


def _not_empty(paths: list[bytes]) -> list[bytes]:
    if not paths:
        raise InvalidRequest("the request names no path", field="paths")
    return paths


def _page(name: str, request: index_service_pb2.ListErrorsRequest | index_service_pb2.ListFilesRequest) -> Page:
    under = convert.prefix_of(request.path_prefix, request.path_prefix_bytes)
    return Page.asked(name, under, request.page_size, request.page_token)
