"""InsightService, labels: one thin method per RPC."""

from __future__ import annotations

import grpc

from simd.decisions.labels import Labelling
from simd.errors import InvalidRequest
from simd.insight.labels.scope import below
from simd.serving.admin import convert
from simd.serving.admin.paging import Page
from simd.serving.insight import convert_labels
from simd.serving.readiness import Readiness
from simd.serving.transport.handlers import cancelled_of
from simd.types import FileKey, ImageId
from simd.v1 import insight_service_pb2, insight_service_pb2_grpc
from simd.vectors.ids import unique_ids, unpack_ids


class LabelService(insight_service_pb2_grpc.InsightServiceServicer):
    """Args:
    readiness: where the services are.
    """

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def ImportLabels(
        self, request: insight_service_pb2.ImportLabelsRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.ImportLabelsResponse:
        """Label images."""
        services = self._readiness.services()
        rows = convert_labels.rows_of(request)
        since_ms = convert_labels.ms_of(request.since_time) if request.HasField("since_time") else None
        known = services.catalogue.images_at([row.path for row in rows if row.path])
        said: list[Labelling] = []
        unmatched: list[int] = []
        by_path = 0
        for number, row in enumerate(rows):
            image_id = known.get(row.path, row.image_id)
            if image_id is None:
                unmatched.append(number)
                continue
            by_path += row.path in known
            said.append(Labelling(image_id, row.labels, row.path or None))
        change = services.decisions.labels.put(
            said, replace=request.replace, since_ms=since_ms, dry_run=request.dry_run
        )
        return insight_service_pb2.ImportLabelsResponse(
            by_path=by_path,
            by_content=len(said) - by_path,
            unmatched=len(unmatched),
            unmatched_rows=unmatched,
            added=change.added,
            removed=change.removed,
            imported_time=convert_labels.time_to(change.at_ms),
        )

    def ExportLabels(
        self, request: insight_service_pb2.ExportLabelsRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.ExportLabelsResponse:
        """One page of labelled images."""
        services = self._readiness.services()
        cancelled = cancelled_of(context)
        under = convert.prefix_of(request.path_prefix, request.path_prefix_bytes)
        page = Page.asked("labels", under, request.page_size, request.page_token)
        rows: list[insight_service_pb2.LabelRow] = []
        last = page.after.path if page.after else b""
        # Images are counted, not rows: one that is labelled in several ways is told as a whole.
        images, is_more = 0, True
        while images < page.size and is_more:
            cancelled.check()
            found = services.decisions.labels.page(last, page.size)
            is_more = len(found) == page.size
            files = services.catalogue.files_of(found)
            for image_id, said in found.items():
                if images == page.size:
                    is_more = True
                    break
                last = image_id
                paths = files.get(image_id, [])
                if under:
                    # Stable, so each half stays sorted.
                    paths = sorted(paths, key=lambda path: not below(path, (under,)))
                if not under or (paths and below(paths[0], (under,))):
                    images += 1
                    rows += convert_labels.rows_to(image_id, said, paths)
        return insight_service_pb2.ExportLabelsResponse(
            rows=rows, next_page_token=page.token(FileKey(0, last), 0) if is_more else ""
        )

    def CountLabels(
        self, request: insight_service_pb2.CountLabelsRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.CountLabelsResponse:
        """Every label, and how many images carry it."""
        labels = self._readiness.services().decisions.labels
        return convert_labels.counts_to(labels.counts(), labels.count_images())

    def ClearLabels(
        self, request: insight_service_pb2.ClearLabelsRequest, context: grpc.ServicerContext
    ) -> insight_service_pb2.ClearLabelsResponse:
        """Take labels away."""
        services = self._readiness.services()
        labels = convert_labels.labels_of(request.labels, field="labels")
        convert.check_count(request.image_ids, field="image_ids")
        ids = [convert.image_id_of(text, field="image_ids") for text in request.image_ids]
        under = convert.prefix_of(request.path_prefix, request.path_prefix_bytes)
        if sum(map(bool, (ids, under, request.all))) != 1:
            raise InvalidRequest(
                "exactly one of path_prefix, image_ids and all says whose labels are taken away", field="path_prefix"
            )
        which: list[ImageId] | None = ids
        if under:
            which = unpack_ids(unique_ids(services.catalogue.images_under(under)))
        removed = services.decisions.labels.clear(None if request.all else which, labels)
        return insight_service_pb2.ClearLabelsResponse(removed=removed)
