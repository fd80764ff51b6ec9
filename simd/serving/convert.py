"""Between the wire's messages and the nouns inside: paths, ids, vectors, times, and whole answers.

A path inside is bytes. On the wire it is text, and bytes as well where the text is not exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from simd.catalogue.rows import LedgerLine
from simd.errors import InvalidRequest
from simd.index.base import IndexStats
from simd.serving import ports, queries
from simd.types import ID_BYTES, AddReport, ImageId, RemoveReport, RootStatus, ScanReport
from simd.v1 import index_service_pb2, search_service_pb2

MAX_PATHS = 100
"""So many paths of one match are sent: a picture copied everywhere must not make the answer too big to receive."""


def text_of(path: bytes) -> str:
    """A path for people, with U+FFFD in place of what is not UTF-8."""
    return path.decode("utf-8", "replace")


def exact_of(path: bytes, text: str) -> bytes:
    """The path's bytes where its text is not exact, else nothing."""
    return b"" if text.encode() == path else path


def path_of(text: str, exact: bytes) -> bytes:
    """A path from a request."""
    return exact or text.encode()


def paths_of(texts: Iterable[str], exact: Iterable[bytes], *, field: str = "paths") -> list[bytes]:
    """Paths from a request, all absolute.

    Raises:
        InvalidRequest: one of them is not.
    """
    paths = [*(text.encode() for text in texts), *exact]
    for path in paths:
        if not path.startswith(b"/") or b"\0" in path:
            raise InvalidRequest(f"the path {text_of(path)!r} is not absolute", field=field)
    return paths


def image_id_of(text: str, *, field: str = "image_id") -> ImageId:
    """An image id from a request.

    Raises:
        InvalidRequest: it is not 32 hex digits.
    """
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != ID_BYTES or len(text) != 2 * ID_BYTES:
        raise InvalidRequest(f"{text[:80]!r} is not an image id: {2 * ID_BYTES} hex digits are needed", field=field)
    return ImageId(raw)


def query_of(request: search_service_pb2.SearchRequest) -> queries.Query:
    """What a search request asks for.

    Raises:
        InvalidRequest: no query is set, or an image id is malformed.
    """
    return queries.Query(
        subject=_subject_of(request),
        limit=request.limit,
        min_similarity=request.min_similarity if request.HasField("min_similarity") else None,
        path_prefix=path_of(request.path_prefix, request.path_prefix_bytes),
        exact=request.exact,
    )


def _subject_of(
    request: search_service_pb2.SearchRequest,
) -> queries.ImageBytes | queries.ServerPath | queries.StoredImage | queries.GivenVector:
    match request.WhichOneof("query"):
        case "image":
            return queries.ImageBytes(request.image)
        case "path":
            return queries.ServerPath(request.path.encode())
        case "path_bytes":
            return queries.ServerPath(request.path_bytes)
        case "image_id":
            return queries.StoredImage(image_id_of(request.image_id))
        case "vector":
            return queries.GivenVector(np.array(request.vector.values, dtype=np.float32))
        case _:
            raise InvalidRequest(
                "the request has no query", field="query", remedy="set image, path, image_id or vector"
            )


def found_to(found: queries.Found) -> search_service_pb2.SearchResponse:
    """The answer to a search."""
    took = found.took
    return search_service_pb2.SearchResponse(
        matches=[_match_to(match) for match in found.matches],
        searched=found.searched,
        exact=found.exact,
        took=search_service_pb2.Took(
            decode_ms=took.decode_ms,
            featurize_ms=took.featurize_ms,
            search_ms=took.search_ms,
            total_ms=took.total_ms,
        ),
    )


def _match_to(match: queries.Match) -> search_service_pb2.Match:
    texts, exact = _paths_to(match.paths[:MAX_PATHS])
    return search_service_pb2.Match(
        image_id=match.hit.image_id.hex(),
        path=texts[0],
        path_bytes=exact_of(match.paths[0], texts[0]),
        paths=texts,
        paths_bytes=exact,
        path_count=len(match.paths),
        distance=match.hit.distance,
        similarity=match.hit.similarity,
        width=match.facts.width if match.facts else 0,
        height=match.facts.height if match.facts else 0,
    )


def _paths_to(paths: Sequence[bytes]) -> tuple[list[str], list[bytes]]:
    """Texts, and the bytes of all if one of the texts is not exact."""
    texts = [text_of(path) for path in paths]
    exact = any(exact_of(path, text) for path, text in zip(paths, texts, strict=True))
    return texts, list(paths) if exact else []


def added_to(report: AddReport) -> index_service_pb2.AddResponse:
    """What `add` did."""
    rejected = []
    for path, rejection in report.rejected:
        text = text_of(path)
        rejected.append(
            index_service_pb2.RejectedFile(
                path=text, path_bytes=exact_of(path, text), reason=rejection.reason, detail=clean(rejection.detail)
            )
        )
    return index_service_pb2.AddResponse(
        added=report.added, unchanged=report.unchanged, queued=report.queued, rejected=rejected
    )


def removed_to(report: RemoveReport, asked_ids: Sequence[ImageId]) -> index_service_pb2.RemoveResponse:
    """What `remove` did. An image id that is missing is told as hex digits."""
    ids = set(asked_ids)
    missing = [item.hex().encode() if item in ids else item for item in report.missing]
    texts, exact = _paths_to(missing)
    return index_service_pb2.RemoveResponse(
        files=report.files, images=report.images, missing=texts, missing_bytes=exact
    )


def scanned_to(report: ScanReport) -> index_service_pb2.ScanResponse:
    """What a scan found."""
    texts, exact = _paths_to(report.offline)
    return index_service_pb2.ScanResponse(
        seen=report.seen, changed=report.changed, deleted=report.deleted, offline=texts, offline_bytes=exact
    )


def line_to(line: LedgerLine) -> index_service_pb2.FileError:
    """One line of the error ledger."""
    text = text_of(line.path)
    return index_service_pb2.FileError(
        path=text,
        path_bytes=exact_of(line.path, text),
        reason=line.rejection.reason,
        detail=clean(line.rejection.detail),
        size=line.stamp.size,
        modified_time=_time_to(line.stamp.mtime_ns),
        failed_time=_time_to(line.at_ms * 1_000_000),
    )


def root_to(status: RootStatus) -> index_service_pb2.RootStatus:
    """A watched directory."""
    text = text_of(status.root.path)
    return index_service_pb2.RootStatus(
        path=text,
        path_bytes=exact_of(status.root.path, text),
        online=status.online,
        watching=status.watching,
        files=status.files,
        last_scan_time=None if status.last_scan is None else _time_to(round(status.last_scan * 1e9)),
        detail=clean(status.detail),
    )


def model_to(model: ports.ModelInfo) -> index_service_pb2.ModelStatus:
    """The model in use."""
    return index_service_pb2.ModelStatus(
        name=model.name, dimension=model.dimension, fingerprint=model.fingerprint, licence=model.licence
    )


def device_to(device: ports.DeviceInfo) -> index_service_pb2.DeviceStatus:
    """The device in use."""
    return index_service_pb2.DeviceStatus(device=device.device, engine=device.engine, reason=clean(device.reason))


def index_to(stats: IndexStats) -> index_service_pb2.IndexStatus:
    """The index in use."""
    return index_service_pb2.IndexStatus(
        kind=stats.kind, vectors=stats.vectors, dead=stats.dead, disk_bytes=stats.disk_bytes, details=stats.details
    )


def clean(text: str) -> str:
    """Text that can be sent: a file name decoded by Python may hold lone surrogates, which UTF-8 does not have."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _time_to(ns: int) -> Timestamp:
    """Nanoseconds since the epoch; a file's time may be before it, and `nanos` is never negative."""
    seconds, nanos = divmod(ns, 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)
