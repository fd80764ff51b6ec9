"""Between the wire's messages and the nouns inside: paths, ids, vectors, times, and whole answers.

A path inside is bytes. On the wire it is text, and bytes as well where the text is not exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from simd.catalogue.rows import LedgerLine, ListedFile
from simd.errors import InvalidRequest
from simd.serving.admin.export import ExportedImage
from simd.serving.admin.facts import ImageDetails
from simd.serving.admin.verification import VerifyProgress
from simd.serving.transport.status import clean
from simd.types import (
    ID_BYTES,
    AddReport,
    Explanation,
    ImageFacts,
    ImageId,
    RemoveReport,
    ScanReport,
)
from simd.v1 import index_service_pb2, search_service_pb2

MAX_PAUSE_S = 366 * 86400.0
"""A longer pause is a mistake: one without an end lasts until it is resumed."""

MAX_INTERVAL_S = 86400.0
"""Between two messages of a stream."""

MAX_PATH_BYTES = 4095
"""The kernel takes no longer one."""

MAX_ITEMS = 100_000
"""Paths or ids that one request may name: more than fit a command line."""

MAX_PROBLEMS = 1000
"""Findings of a verification that are sent; a list of more is of no use."""

MAX_PATHS = 100
"""Paths of one image that are sent: a picture copied everywhere must not make the answer too big to receive."""


def text_of(path: bytes) -> str:
    """A path for people, with U+FFFD in place of what is not UTF-8."""
    return path.decode("utf-8", "replace")


def exact_of(path: bytes, text: str) -> bytes:
    """The path's bytes where its text is not exact, else nothing."""
    return b"" if text.encode() == path else path


def paths_of(texts: Iterable[str], exact: Iterable[bytes], *, field: str = "paths") -> list[bytes]:
    """Paths from a request, all absolute.

    Raises:
        InvalidRequest: one of them is not, or is too long, or there are too many.
    """
    paths = [*(text.encode() for text in texts), *exact]
    check_count(paths, field=field)
    return [check_path(path, field) for path in paths]


def prefix_of(text: str, exact: bytes) -> bytes:
    """The path that an answer is limited to; b"" is no limit.

    Raises:
        InvalidRequest: it is not absolute, or too long.
    """
    path = exact or text.encode()
    return check_path(path, "path_prefix") if path else b""


def path_of(text: str, exact: bytes, *, field: str = "path") -> bytes:
    """The one path that a request is about.

    Raises:
        InvalidRequest: there is none, or it is not absolute, or too long.
    """
    path = exact or text.encode()
    if not path:
        raise InvalidRequest(f"the request names no {field}", field=field)
    return check_path(path, field)


def check_count(items: Sequence[object], *, field: str) -> None:
    """Refuse a request that names too much.

    Raises:
        InvalidRequest: more than MAX_ITEMS.
    """
    if len(items) > MAX_ITEMS:
        raise InvalidRequest(
            f"{field} has {len(items)} items, at most {MAX_ITEMS} are taken",
            field=field,
            remedy="send several requests",
        )


def check_path(path: bytes, field: str) -> bytes:
    """A path that can be; it begins with one slash, of which some programs write two.

    Raises:
        InvalidRequest: it is not absolute, or too long.
    """
    if not path.startswith(b"/") or b"\0" in path:
        raise InvalidRequest(f"the path {text_of(path)!r} is not absolute", field=field)
    if len(path) > MAX_PATH_BYTES:
        raise InvalidRequest(f"the path has {len(path)} bytes, a path has at most {MAX_PATH_BYTES}", field=field)
    return b"/" + path.lstrip(b"/")


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


def paths_to(paths: Sequence[bytes]) -> tuple[list[str], list[bytes]]:
    """Texts, and the bytes of all if one of the texts is not exact."""
    texts = [text_of(path) for path in paths]
    exact = any(exact_of(path, text) for path, text in zip(paths, texts, strict=True))
    return texts, list(paths) if exact else []


def added_to(report: AddReport) -> index_service_pb2.AddResponse:
    """What `add` did."""
    rejected = []
    for item in report.rejected:
        text = text_of(item.path)
        rejected.append(
            index_service_pb2.RejectedFile(
                path=text, path_bytes=exact_of(item.path, text), reason=item.reason, detail=clean(item.detail)
            )
        )
    return index_service_pb2.AddResponse(
        added=report.added, unchanged=report.unchanged, queued=report.queued, rejected=rejected
    )


def removed_to(report: RemoveReport, asked_ids: Sequence[ImageId]) -> index_service_pb2.RemoveResponse:
    """What `remove` did. An image id that is missing is sent as hex digits."""
    ids = set(asked_ids)
    missing = [item.hex().encode() if item in ids else item for item in report.missing]
    texts, exact = paths_to(missing)
    return index_service_pb2.RemoveResponse(
        files=report.files, images=report.images, missing=texts, missing_bytes=exact
    )


def scanned_to(report: ScanReport) -> index_service_pb2.ScanResponse:
    """What a scan found."""
    texts, exact = paths_to(report.offline)
    return index_service_pb2.ScanResponse(
        seen=report.seen, changed=report.changed, deleted=report.deleted, offline=texts, offline_bytes=exact
    )


def explained_to(explanations: Sequence[Explanation]) -> index_service_pb2.ScanResponse:
    """Why paths are or are not in the answers."""
    found = []
    for item in explanations:
        text = text_of(item.path)
        found.append(
            index_service_pb2.Explanation(
                path=text,
                path_bytes=exact_of(item.path, text),
                indexed=item.indexed,
                reason=item.reason,
                detail=clean(item.detail),
            )
        )
    return index_service_pb2.ScanResponse(explanations=found)


def file_error_to(line: LedgerLine) -> index_service_pb2.FileError:
    """One line of the error ledger."""
    text = text_of(line.path)
    return index_service_pb2.FileError(
        path=text,
        path_bytes=exact_of(line.path, text),
        reason=line.rejection.reason,
        detail=clean(line.rejection.detail),
        size=line.stamp.size,
        modified_time=time_to(line.stamp.mtime_ns),
        failed_time=time_to(line.at_ms * 1_000_000),
    )


def file_to(file: ListedFile, facts: ImageFacts | None) -> index_service_pb2.FileInfo:
    """One file that is searchable."""
    text = text_of(file.path)
    return index_service_pb2.FileInfo(
        path=text,
        path_bytes=exact_of(file.path, text),
        image_id=file.image_id.hex(),
        size=file.stamp.size,
        modified_time=time_to(file.stamp.mtime_ns),
        width=facts.width if facts else 0,
        height=facts.height if facts else 0,
        format=facts.format if facts else "",
        animated=facts.animated if facts else None,
    )


def image_to(found: ImageDetails) -> index_service_pb2.ImageInfo:
    """One image that is searchable."""
    paths, facts = found.image.paths, found.image.facts
    texts, exact = paths_to(paths[:MAX_PATHS])
    return index_service_pb2.ImageInfo(
        image_id=found.image_id.hex(),
        path=texts[0],
        path_bytes=exact_of(paths[0], texts[0]),
        paths=texts,
        paths_bytes=exact,
        path_count=len(paths),
        size=found.size,
        width=facts.width if facts else 0,
        height=facts.height if facts else 0,
        format=facts.format if facts else "",
        animated=facts.animated if facts else None,
    )


def verify_progress_to(progress: VerifyProgress) -> index_service_pb2.VerifyResponse:
    """How far a verification is, or what it found."""
    problems = progress.problems or ()
    return index_service_pb2.VerifyResponse(
        bytes_checked=progress.bytes_checked,
        bytes_total=progress.bytes_total,
        done=progress.problems is not None,
        problems=[clean(problem) for problem in problems[:MAX_PROBLEMS]],
        problem_count=len(problems),
    )


def exported_to(image: ExportedImage) -> index_service_pb2.ExportedImage:
    """An image with its embedding."""
    texts, exact = paths_to(image.paths[:MAX_PATHS])
    return index_service_pb2.ExportedImage(
        image_id=image.embedding.image_id.hex(),
        path=texts[0],
        path_bytes=exact_of(image.paths[0], texts[0]),
        paths=texts,
        paths_bytes=exact,
        path_count=len(image.paths),
        vector=search_service_pb2.Vector(values=image.embedding.vector),
    )


def pause_of(duration: Duration) -> float:
    """How many seconds to pause for.

    Raises:
        InvalidRequest: none at all, or more than a year and a day.
    """
    seconds = _seconds_of(duration)
    if not 0 < seconds <= MAX_PAUSE_S:
        raise InvalidRequest(
            f"the duration {seconds:g} s is not in 0..{MAX_PAUSE_S:g} s", field="duration", remedy="leave it out"
        )
    return seconds


def interval_of(duration: Duration) -> float:
    """How many seconds to leave between two messages.

    Raises:
        InvalidRequest: negative, or more than a day.
    """
    seconds = _seconds_of(duration)
    if not 0 <= seconds <= MAX_INTERVAL_S:
        raise InvalidRequest(
            f"min_interval {seconds:g} s is not in 0..{MAX_INTERVAL_S:g} s", field="min_interval", remedy="leave it out"
        )
    return seconds


def _seconds_of(duration: Duration) -> float:
    """Also of one whose fields are beyond what protobuf calls a duration."""
    return duration.seconds + duration.nanos / 1e9


def time_to(ns: int) -> Timestamp:
    """Nanoseconds since the epoch; a file's time may be before it, and `nanos` is never negative."""
    seconds, nanos = divmod(ns, 1_000_000_000)
    return Timestamp(seconds=seconds, nanos=nanos)
