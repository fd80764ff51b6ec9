"""The frozen nouns that travel between the rooms.

Paths are bytes throughout, as the filesystem has them; they become text only where a person reads them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NewType

import numpy as np
import numpy.typing as npt

from simd.errors import Reason

ImageId = NewType("ImageId", bytes)
"""BLAKE2b-128 of a file's bytes: 16 bytes inside, 32 hex digits outside."""

Vector = npt.NDArray[np.float32]
"""One embedding `(dimension,)` or several `(n, dimension)`, L2-normalised float32."""

Pixels = npt.NDArray[np.uint8]
"""One picture at the model's input size, `(height, width, 3)` RGB."""

Size = tuple[int, int]
"""Height and width of a model's input."""

ID_BYTES = 16
_HALF = 1 << 63


def image_id_of(data: bytes | memoryview) -> ImageId:
    """The identity of an image: BLAKE2b-128 of its file's bytes."""
    return ImageId(hashlib.blake2b(data, digest_size=ID_BYTES).digest())


def _wrapped(nanoseconds: int) -> int:
    return (nanoseconds + _HALF) % (2 * _HALF) - _HALF


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells, without reading it, whether a file is still the one that was read."""

    size: int
    mtime_ns: int
    inode: int
    ctime_ns: int = 0
    """When content or attributes last changed, by the filesystem's clock: programs can set every part but this. 0 is
    not known."""

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of what `os.stat` found; a time beyond the year 2262 wraps, as 64 bits hold no more.

        Stamps of files are made here alone, so that they can be compared.
        """
        return cls(status.st_size, _wrapped(status.st_mtime_ns), status.st_ino, _wrapped(status.st_ctime_ns))

    def completes(self, known: Stamp) -> bool:
        """Whether a known stamp says the same, but for a ctime that is not known."""
        return known.ctime_ns == 0 != self.ctime_ns and dataclasses.replace(self, ctime_ns=0) == known

    @classmethod
    def at(cls, path: os.PathLike[str]) -> Stamp | None:
        """The stamp of what is at a path now; None if that cannot be said."""
        try:
            return cls.of(os.stat(path))
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that has been decided on: indexed, or refused. `path` is relative to its root.

    `retry` asks a scan to offer it again although its stamp stands still, because what stood in the way was not the
    file's content.
    """

    path: bytes
    stamp: Stamp
    retry: bool = False


@dataclass(frozen=True, slots=True, order=True)
class FileKey:
    """Where a file is: its root, and its path relative to the root (no leading slash)."""

    root_id: int
    path: bytes


class ChangeKind(Enum):
    """What the filesystem says about a file."""

    UPSERT = "upsert"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is new or different (`stamp` as last seen), or gone (`stamp` is None).

    `judged` says of one that is gone that a scan has weighed it against all others, so that it is no accident. `heard`
    is when somebody said that the file was written to, in monotonic seconds: it is read again even if its stamp stands
    still, unless it was read since. None is a change that was seen by its stamp.
    """

    kind: ChangeKind
    key: FileKey
    stamp: Stamp | None = None
    judged: bool = False
    heard: float | None = None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What decoding tells about an image: its size as displayed (EXIF turn applied) and its format's name.

    `animated` is whether it has more frames than the first, which alone is compared; None where that is not known.
    """

    width: int
    height: int
    format: str
    animated: bool | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a file is not indexed: a word for programs, a sentence for people."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Embedding:
    """An image's feature vector: float32 `(dimension,)`, L2-normalised, every value exact in float16."""

    image_id: ImageId
    vector: Vector


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an image is, told by a searcher that knows: the host whose daemon has it, its files' absolute paths there,
    sorted and some of them at least, how many files it has, and its facts."""

    host: str
    paths: tuple[bytes, ...]
    path_count: int
    facts: ImageFacts | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of an index: Euclidean distance between L2-normalised embeddings, 0 = same, 2 = opposite.

    `origin` is told by searchers of several hosts' images; without one the image is this host's.
    """

    image_id: ImageId
    distance: float
    origin: Origin | None = None

    @property
    def similarity(self) -> float:
        """The cosine: 1 - distance^2 / 2."""
        return 1.0 - self.distance * self.distance / 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query got: the hits, how many vectors were considered, and whether nothing can have been missed."""

    hits: list[Hit]
    searched: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """Which directory it is, whatever its name.

    The device number alone may change with a reboot, and two memory cards may have the same numbers: `volume` is what
    the filesystem calls itself, "" where that is not known.
    """

    device: int
    inode: int
    volume: str = ""

    def is_same(self, other: Identity) -> bool:
        """Whether it is the same directory, as far as is known of both."""
        volumes = {self.volume, other.volume} - {""}
        return (self.device, self.inode) == (other.device, other.inode) and len(volumes) < 2


@dataclass(frozen=True, slots=True)
class Root:
    """A watched directory. `path` is absolute; `identity` is which one it was when it was last online, None before."""

    root_id: int
    path: bytes
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class RootStatus:
    """A root as `status` shows it. `watching` is "events" or "polling"; `detail` says what a person should know."""

    root: Root
    online: bool
    watching: str
    files: int
    last_scan: float | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """A switch from one model to another: of `total` images, `done` are in the new index and `unreachable` cannot be
    read now; `detail` says what it waits for."""

    serving: str
    successor: str
    done: int
    total: int
    unreachable: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PauseState:
    """Whether indexing is paused, and when that ends by itself: seconds since the epoch, None if it does not."""

    paused: bool = False
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where indexing stands. `pending` counts files not yet decided and scans not yet ended: 0 means settled.

    `eta_s` is how many seconds that takes at the present speed, 0 if that is unknown; a scan under way may find more.
    `decided` counts files since the start of the daemon: indexed, refused, or found to be gone. `trouble` says, for
    callers, why indexing waits and is tried again, `starved` why it hardly moves; each is empty while it does not.
    """

    pending: int
    pause: PauseState
    scanning: bool
    images_per_s: float
    eta_s: float = 0.0
    decided: int = 0
    trouble: str = ""
    starved: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """An absolute path that `add` did not index or watch. `reason` is a `Reason` or a `PathState`; `detail` is for a
    person."""

    path: bytes
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `add` did: files now in the answers (new, or already), paths that were refused, and how many files found in
    folders will be indexed in the background."""

    added: int
    unchanged: int
    rejected: tuple[Refused, ...] = ()
    queued: int = 0


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What `remove` did: files and images taken out, and what was asked for but not known."""

    files: int
    images: int
    missing: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found: files seen, and how many of them are new or changed, or gone; roots that were offline."""

    seen: int
    changed: int
    deleted: int
    offline: tuple[bytes, ...] = ()


class PathState(StrEnum):
    """What there is to say of a path, but for the reasons of the error ledger; programs match on the text."""

    INDEXED = "indexed"
    WAITING = "waiting"
    IGNORED = "ignored"
    LINKED_DIRECTORY = "linked_directory"
    DIRECTORY = "directory"
    NOT_A_FILE = "not_a_regular_file"
    NOT_THERE = "not_there"
    UNREADABLE = "unreadable"
    ROOT_OFFLINE = "root_offline"
    NOT_IN_A_ROOT = "not_in_a_root"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether an absolute path is in the answers. `reason` says why it is not, or else is "indexed": a `PathState` or a
    `Reason`; `detail` is for a person."""

    path: bytes
    indexed: bool
    reason: str
    detail: str
