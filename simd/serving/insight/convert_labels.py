"""Between the wire's messages and labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp

from simd.decisions.labels import Said, of_file
from simd.errors import InvalidRequest
from simd.serving.admin.convert import MAX_PATHS, check_count, check_path, exact_of, image_id_of, paths_to
from simd.types import ImageId
from simd.v1 import insight_service_pb2 as wire

MAX_LABEL_BYTES = 1000


@dataclass(frozen=True, slots=True)
class AskedRow:
    """A row of an import: its labels, where the file is, b"" if that is not said, and which image it is, if that is."""

    path: bytes
    image_id: ImageId | None
    labels: tuple[str, ...]


def rows_of(request: wire.ImportLabelsRequest) -> list[AskedRow]:
    """The rows of an import.

    Raises:
        InvalidRequest: one of them names nothing, or has no label, or one that cannot be, or there are too many.
    """
    check_count(request.rows, field="rows")
    return [_row_of(row, f"rows[{number}]") for number, row in enumerate(request.rows)]


def _row_of(row: wire.LabelRow, field: str) -> AskedRow:
    path = row.path_bytes or row.path.encode()
    if not path and not row.image_id:
        raise InvalidRequest(f"{field} names neither a path nor an image", field=field, remedy="set path or image_id")
    if not row.labels:
        raise InvalidRequest(f"{field} has no label", field=f"{field}.labels", remedy="leave the row out")
    return AskedRow(
        check_path(path, f"{field}.path") if path else b"",
        image_id_of(row.image_id, field=f"{field}.image_id") if row.image_id else None,
        labels_of(row.labels, field=f"{field}.labels"),
    )


def labels_of(labels: Collection[str], *, field: str) -> tuple[str, ...]:
    """Labels of a request.

    Raises:
        InvalidRequest: one of them is none, or there are too many.
    """
    check_count(list(labels), field=field)
    for label in labels:
        if not label or len(label.encode()) > MAX_LABEL_BYTES or any(unicodedata.category(c) == "Cc" for c in label):
            raise InvalidRequest(
                f"{label[:80]!r} is no label: it has 1 to {MAX_LABEL_BYTES} bytes and no control characters",
                field=field,
            )
    return tuple(labels)


def rows_to(image_id: ImageId, said: Said, paths: Sequence[bytes]) -> Iterator[wire.LabelRow]:
    """The rows of an image: one for each way in which its files are labelled.

    Args:
        image_id: the image.
        said: its labels.
        paths: its files, in the order in which they are told.
    """
    ways: dict[tuple[str, ...], list[bytes]] = {}
    for path in paths:
        ways.setdefault(of_file(said, path), []).append(path)
    for labels, files in ways.items() if ways else [(of_file(said, b""), [])]:
        texts, exact = paths_to(files[:MAX_PATHS])
        yield wire.LabelRow(
            path=texts[0] if texts else "",
            path_bytes=exact_of(files[0], texts[0]) if texts else b"",
            image_id=image_id.hex(),
            labels=labels,
            paths=texts,
            paths_bytes=exact,
        )


def counts_to(counts: Mapping[str, int], images: int) -> wire.CountLabelsResponse:
    """Every label, and how many images are labelled."""
    labels = [wire.LabelCount(label=label, images=count) for label, count in counts.items()]
    return wire.CountLabelsResponse(labels=labels, images=images)


def ms_of(time: Timestamp) -> int:
    """Milliseconds since the epoch.

    Raises:
        InvalidRequest: it is before the epoch, or beyond what a label's time can be.
    """
    if not 0 <= time.seconds < 1 << 40:
        raise InvalidRequest(
            f"since_time {time.seconds} s is no time of an import", field="since_time", remedy="send imported_time back"
        )
    return time.seconds * 1000 + time.nanos // 1_000_000


def time_to(ms: int) -> Timestamp:
    """From milliseconds since the epoch."""
    return Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)
