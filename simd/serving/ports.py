"""What serving needs of the rest of the daemon, as protocols: the composition root passes in whatever fits.

Every method may be called from any thread. Paths are absolute bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from simd.cancelled import Work
from simd.catalogue.rows import Counts, Known, LedgerLine, ListedFile, Shown
from simd.errors import CorruptStore
from simd.types import (
    AddReport,
    Explanation,
    FileKey,
    ImageFacts,
    ImageId,
    PauseState,
    Pixels,
    Progress,
    RemoveReport,
    RootStatus,
    ScanReport,
    Size,
    Vector,
)


class Decoded(Protocol):
    """What decoding an image gave."""

    @property
    def pictures(self) -> Mapping[Size, Pixels]:
        """The picture at the size asked for; bytes that are an image always have one, a file if it was wanted."""
        ...


class Decoding(Work, Protocol):
    """A decoding under way: a `concurrent.futures.Future`."""

    def result(self, timeout: float | None = None) -> Decoded:
        """What came of it; raises ImageRejected, CancelledError, or TimeoutError after `timeout` seconds."""
        ...

    def add_done_callback(self, call: Callable[[Any], object], /) -> None:
        """Have something called when it is done, in whatever thread; at once, if it is."""
        ...


class Decoder(Protocol):
    """Decodes in worker processes that can be killed, within limits on time, memory and pixels."""

    def submit_bytes(self, data: bytes, size: Size, /) -> Decoding:
        """Begin to decode an image file's bytes."""
        ...

    def submit_file(
        self,
        path: bytes,
        wanted: Callable[[ImageId], Collection[Size]],
        guess: Sequence[Size],
        opening: Callable[[bytes], int],
        /,
    ) -> Decoding:
        """Begin to read a file, and to decode it to the sizes that `wanted` answers; see `DecodePool.submit_file`."""
        ...


class Featurizer(Protocol):
    """Computes embeddings."""

    def embed(self, pixels: Sequence[Pixels], /, *, alone: bool) -> Vector:
        """`n` pictures `(height, width, 3)` uint8 -> `(n, dimension)` float32, L2-normalised; sooner if it is told that
        nobody else asks."""
        ...


class Catalogue(Protocol):
    """What is known of files and images."""

    @property
    def damage(self) -> CorruptStore | None:
        """What was found to be damaged since it was opened; what is sound is still read."""
        ...

    def known_at(self, path: bytes, /) -> Known | None:
        """What was decided about a file, and with which stamp; None if nothing was."""
        ...

    def has_size(self, size: int, /) -> bool:
        """Whether an indexed file has so many bytes."""
        ...

    def images_under(self, prefix: bytes, /) -> Collection[ImageId]:
        """The images that have a file under a path."""
        ...

    def shown(self, image_ids: Iterable[ImageId], /) -> Mapping[ImageId, Shown]:
        """What an answer shows of each image; an image without a file is left out."""
        ...

    def files_of(self, image_ids: Iterable[ImageId], /) -> Mapping[ImageId, Sequence[bytes]]:
        """The files of each image; an image without a file is left out."""
        ...

    def facts_of(self, image_ids: Iterable[ImageId], /) -> Mapping[ImageId, ImageFacts]:
        """What decoding told of each image."""
        ...

    def files(self, *, after: FileKey | None, limit: int, under: bytes) -> Sequence[ListedFile]:
        """Indexed files at or below a path (b"" is everywhere), in key order, from the next of `after`."""
        ...

    def count_files(self, under: bytes, /) -> int:
        """How many of them there are."""
        ...

    def check(self) -> None:
        """Read all of it; raises CorruptStore if it is damaged."""
        ...


class Ledger(Protocol):
    """The error ledger, and the counts that go with it."""

    def last_counts(self) -> Counts:
        """How many files are searchable, and how many are not, by reason; of before, where that cannot be read now."""
        ...

    def rejections(self, *, after: FileKey | None, limit: int, under: bytes) -> Sequence[LedgerLine]:
        """Files at or below a path (b"" is everywhere) that are not indexed, in key order, from the next of `after`."""
        ...

    def count_rejections(self, under: bytes, /) -> int:
        """How many of them there are."""
        ...


class Ingest(Protocol):
    """The door to indexing. `add`, `remove` and `scan` return when what they promise is done, or raise Abandoned once
    `alive` says that nobody waits any more."""

    def add(self, paths: Sequence[bytes], /, *, alive: Callable[[], bool]) -> AddReport:
        """Index files now."""
        ...

    def remove(
        self, paths: Sequence[bytes], image_ids: Sequence[ImageId], /, *, alive: Callable[[], bool]
    ) -> RemoveReport:
        """Take files and images out of the answers."""
        ...

    def scan(
        self, paths: Sequence[bytes], /, *, retry_rejected: bool, confirm_deletes: bool, alive: Callable[[], bool]
    ) -> ScanReport:
        """Compare roots, or directories in them, with the catalogue; no path means every root."""
        ...

    def explain(self, paths: Sequence[bytes], /) -> Sequence[Explanation]:
        """Why each path is or is not in the answers."""
        ...

    def progress(self) -> Progress:
        """Where indexing stands."""
        ...

    def queues(self) -> Mapping[str, int]:
        """How many files wait, by what for; one on its way may be in none of them, or in two."""
        ...

    def pause(self, for_s: float | None, /) -> PauseState:
        """Stop indexing, until it is resumed or for so many seconds."""
        ...

    def resume(self) -> bool:
        """Go on with indexing; whether it was paused."""
        ...

    def roots(self) -> Sequence[RootStatus]:
        """The watched directories."""
        ...


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The network that makes the embeddings."""

    name: str
    dimension: int
    fingerprint: str
    licence: str


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What computes the embeddings, and why that: `device` is "cpu" or "gpu", `engine` the runtime."""

    device: str
    engine: str
    reason: str
