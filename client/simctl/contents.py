"""The files and embeddings that the daemon has, as plain Python values.

Paths are as in `answers`; times are seconds since the epoch.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simctl.answers import path_of, paths_of, seconds

if TYPE_CHECKING:
    from simd.v1 import index_service_pb2


@dataclass(frozen=True, slots=True)
class File:
    """A file that is searchable. `width` and `height` are as displayed, `format` such as "JPEG"; `animated` is None
    where it is not known."""

    path: str
    image_id: str
    size: int
    modified_time: float
    width: int
    height: int
    format: str
    animated: bool | None


@dataclass(frozen=True, slots=True)
class FileError:
    """A file that is not indexed."""

    path: str
    reason: str
    detail: str
    size: int
    modified_time: float
    failed_time: float


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is searchable: each of its files has `size` bytes. `paths` may be cut; `path_count` is how many
    there are; `animated` is None where it is not known."""

    image_id: str
    path: str
    paths: tuple[str, ...]
    path_count: int
    size: int
    width: int
    height: int
    format: str
    animated: bool | None


@dataclass(frozen=True, slots=True)
class IndexSize:
    """Vectors in the answers, vectors deleted and not purged yet, bytes on disk."""

    vectors: int
    dead: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Compaction:
    """The index before maintenance and after it."""

    before: IndexSize
    after: IndexSize


@dataclass(frozen=True, slots=True)
class Verified:
    """How far a verification is. Once it is `done`, `problems` are sentences; `problem_count` is how many there are,
    which may be more."""

    bytes_checked: int
    bytes_total: int
    done: bool
    problems: tuple[str, ...]
    problem_count: int


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """An image with its embedding: float32, normalised. `paths` may be cut; `path_count` is how many there are."""

    image_id: str
    path: str
    paths: tuple[str, ...]
    path_count: int
    vector: array[float] = field(repr=False)

    def vector_bytes(self) -> bytes:
        """The embedding as files have it: float32 in little-endian order."""
        vector = self.vector
        if sys.byteorder == "big":
            vector = vector[:]
            vector.byteswap()
        return vector.tobytes()


@dataclass(frozen=True, slots=True)
class Export:
    """What is true of all images, and the images, in the order of their ids, to be read once. A few of `total` may
    not come, because they lose their last file meanwhile."""

    model: str
    fingerprint: str
    dimension: int
    total: int
    images: Iterator[ExportedImage]


def file(message: index_service_pb2.FileInfo) -> File:
    """From the wire."""
    return File(
        path=path_of(message),
        image_id=message.image_id,
        size=message.size,
        modified_time=seconds(message.modified_time),
        width=message.width,
        height=message.height,
        format=message.format,
        animated=message.animated if message.HasField("animated") else None,
    )


def file_error(error: index_service_pb2.FileError) -> FileError:
    """From the wire."""
    return FileError(
        path=path_of(error),
        reason=error.reason,
        detail=error.detail,
        size=error.size,
        modified_time=seconds(error.modified_time),
        failed_time=seconds(error.failed_time),
    )


def image(message: index_service_pb2.ImageInfo) -> Image:
    """From the wire."""
    return Image(
        image_id=message.image_id,
        path=path_of(message),
        paths=paths_of(message.paths, message.paths_bytes),
        path_count=message.path_count,
        size=message.size,
        width=message.width,
        height=message.height,
        format=message.format,
        animated=message.animated if message.HasField("animated") else None,
    )


def compaction(response: index_service_pb2.CompactResponse) -> Compaction:
    """From the wire."""
    return Compaction(_size(response.before), _size(response.after))


def _size(status: index_service_pb2.IndexStatus) -> IndexSize:
    return IndexSize(status.vectors, status.dead, status.disk_bytes)


def verified(response: index_service_pb2.VerifyResponse) -> Verified:
    """From the wire."""
    return Verified(
        bytes_checked=response.bytes_checked,
        bytes_total=response.bytes_total,
        done=response.done,
        problems=tuple(response.problems),
        problem_count=response.problem_count,
    )


def export(messages: Iterator[index_service_pb2.ExportResponse]) -> Export:
    """From the wire; reads the first message."""
    first = next(messages)
    images = (exported(image) for message in messages for image in message.images)
    return Export(first.model.name, first.model.fingerprint, first.model.dimension, first.total, images)


def exported(message: index_service_pb2.ExportedImage) -> ExportedImage:
    """From the wire."""
    return ExportedImage(
        image_id=message.image_id,
        path=path_of(message),
        paths=paths_of(message.paths, message.paths_bytes),
        path_count=message.path_count,
        vector=array("f", message.vector.values),
    )
