"""The nouns that go into the catalogue and come out of it. Paths are bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simd.types import FileKey, ImageFacts, ImageId, Rejection, Stamp


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file whose image is in the index. `facts` is None where the image is known already."""

    key: FileKey
    stamp: Stamp
    image_id: ImageId
    facts: ImageFacts | None = None


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A file that is not indexed, and why: a line of the ledger."""

    key: FileKey
    stamp: Stamp
    rejection: Rejection


@dataclass(frozen=True, slots=True)
class Known:
    """What was decided about a file when it had this stamp: the image it is, or why it is refused."""

    stamp: Stamp
    image_id: ImageId | None
    rejection: Rejection | None


@dataclass(frozen=True, slots=True)
class SearchableImage:
    """An image that has a file: its files' absolute paths, sorted, and its facts; None where these are not known."""

    paths: list[bytes]
    facts: ImageFacts | None


@dataclass(frozen=True, slots=True)
class ListedFile:
    """An indexed file as lists show it; `path` is absolute."""

    key: FileKey
    path: bytes
    stamp: Stamp
    image_id: ImageId


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A refused file as lists show it; `path` is absolute, `at_ms` is when, in milliseconds since the epoch."""

    key: FileKey
    path: bytes
    stamp: Stamp
    rejection: Rejection
    at_ms: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the catalogue holds: images that have a file, files in all and by root, refused files by reason.

    `current` is False of what was counted before, where nothing can be read now.
    """

    images: int
    files: int
    files_by_root: Mapping[int, int]
    failed_by_reason: Mapping[str, int]
    current: bool = True
