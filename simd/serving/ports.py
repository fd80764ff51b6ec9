"""What is passed into serving, as protocols: indexing, which is a room beside it, and what decodes and embeds.

Every method may be called from any thread. Paths are absolute bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from simd.cancelled import Cancelled, Work
from simd.featurize.decode.renditions import Array, Rendition, Thumbnail
from simd.types import (
    AddReport,
    Explanation,
    ImageFacts,
    ImageId,
    PauseState,
    Pixels,
    Progress,
    RemoveReport,
    RootStatus,
    ScanReport,
    Vector,
)


class Decoded(Protocol):
    """What decoding an image gave."""

    @property
    def pictures(self) -> Mapping[Array, Pixels]:
        """The renditions asked for; bytes that are an image always have them, a file if it was wanted."""
        ...

    @property
    def facts(self) -> ImageFacts | None:
        """About the original; None where nothing was asked for."""
        ...

    @property
    def thumbnails(self) -> Mapping[Thumbnail, bytes]:
        """The files of the thumbnails asked for."""
        ...

    @property
    def digest(self) -> bytes | None:
        """What names the picture, whichever file holds it; None where it was not asked for."""
        ...

    @property
    def features(self) -> bytes | None:
        """Local features, b"" where they cannot be made; None where they were not asked for."""
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

    def submit_bytes(self, data: bytes, /, *wanted: Rendition) -> Decoding:
        """Begin to decode an image file's bytes."""
        ...

    def submit_file(
        self,
        path: bytes,
        wanted: Callable[[ImageId], Collection[Rendition]],
        opening: Callable[[bytes], int],
        /,
    ) -> Decoding:
        """Begin to read a file, and to make of it what `wanted` answers; see `DecodePool.submit_file`."""
        ...


class Featurizer(Protocol):
    """Computes embeddings."""

    def embed(self, pixels: Sequence[Pixels], /, *, alone: bool) -> Vector:
        """`n` pictures `(height, width, 3)` uint8 -> `(n, dimension)` float32, L2-normalised; sooner if they are
        `alone`, the only ones asked for."""
        ...


class Ingest(Protocol):
    """The door to indexing. `add`, `remove` and `scan` return when what they promise is done, or raise Abandoned once
    they are cancelled."""

    def add(self, paths: Sequence[bytes], /, *, cancelled: Cancelled) -> AddReport:
        """Index files now."""
        ...

    def remove(self, paths: Sequence[bytes], image_ids: Sequence[ImageId], /, *, cancelled: Cancelled) -> RemoveReport:
        """Take files and images out of the answers."""
        ...

    def scan(
        self, paths: Sequence[bytes], /, *, retry_rejected: bool, confirm_deletes: bool, cancelled: Cancelled
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
        """Stop indexing, until it is resumed or for `for_s` seconds."""
        ...

    def resume(self) -> bool:
        """Go on with indexing; whether it was paused."""
        ...

    def roots(self) -> Sequence[RootStatus]:
        """The watched directories."""
        ...
