"""The plug: what an index must do, whatever is behind it.

A `VectorStore` keeps this host's vectors, a `Searcher` answers questions about vectors that may be others' as well, an
`Index` is both. A `View` is one state of it, for who has several questions.

The contract every implementation is tested against (`tests/contract`):

* `put` and `delete` return only when what they did survives a crash, and the next `search` sees it.
* Distances are Euclidean between the vectors as stored (float16 values computed in float32): 0 = same.
  Hits are sorted by distance, ties by image_id and then by host, so equal content gives equal answers whatever its
  history. An image that several hosts have is a hit for each of them.
* A vector is `(dimension,)` float32, finite and L2-normalised; anything else is refused and changes nothing.
* A deleted image is out of the answers at once. Its vector can be had back with `vector(..., deleted=True)` until
  the grace period is over and compaction drops it.
* Once damage is found in the data, `search`, `within`, `vector`, `chunks`, `view` and `compact` are refused
  with `CorruptStore`. Changes are taken, and what only tells which images there are and how many goes on.
* Every method may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from simd.errors import CorruptStore
from simd.index.filter import EVERYTHING, Filter
from simd.types import Answer, Embedding, ImageId, Vector
from simd.vectors.ids import Ids
from simd.vectors.metric import Half

Chunk = tuple[Ids, Half]
"""Ids uint8 `(n, 16)`, and the vectors of these images as they are stored, float16 `(n, dimension)`."""

CHUNK_ROWS = 4096
"""So many images at a time, where nobody says."""


@dataclass(frozen=True, slots=True)
class IndexStats:
    """Numbers for `status`. `details` is free-form and only for people."""

    kind: str
    dimension: int
    vectors: int
    dead: int
    disk_bytes: int
    details: dict[str, int] = field(default_factory=dict)


class VectorStore(Protocol):
    """A set of `(image_id, vector)` that is this host's own: nobody else changes it, and what is in it that the
    catalogue does not know may be deleted."""

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        ...

    @property
    def damage(self) -> CorruptStore | None:
        """What was found to be damaged since the index was opened."""
        ...

    def put(self, embeddings: Sequence[Embedding]) -> None:
        """Add or replace; durable and searchable on return.

        Raises:
            InvalidRequest: wrong dimension, not finite, or not normalised; nothing of the batch is applied.
            StoreFull: no room; nothing of the batch is applied.
        """
        ...

    def delete(self, image_ids: Sequence[ImageId]) -> int:
        """Take images out of the answers; durable on return. Returns how many were there."""
        ...

    def contains(self, image_id: ImageId) -> bool:
        """Whether the image is in the answers."""
        ...

    def missing(self, image_ids: Sequence[ImageId]) -> list[ImageId]:
        """Those of the images that are not in the answers, in their order; quicker than asking for each."""
        ...

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        """The stored vector, float32 `(dimension,)`, or None. `deleted` also looks at what is not yet purged."""
        ...

    def ids(self) -> Iterator[ImageId]:
        """Every image in the answers, in no particular order."""
        ...

    def __len__(self) -> int:
        """How many images are in the answers."""
        ...

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Every image in the answers with its vector, in the order of the ids, `rows` (1 at least) at a time.

        They are those of the time of the call: what changes meanwhile is not seen, and closing the index does not end
        it.
        """
        ...

    def compact(self, pause: Callable[[], None] = ...) -> None:
        """Do all pending maintenance now: flush, merge segments, purge what is past its grace period.

        `pause` is called between the steps; what it raises ends the work, and what is done by then stays done.

        Raises:
            CorruptStore: something is damaged; nothing is merged or purged.
        """
        ...

    def check(self, pause: Callable[[int], None] = ...) -> list[str]:
        """Every broken invariant found by reading all of the data, one sentence each; changes nothing.

        `pause` is told how many bytes were read since the last time; what it raises ends the check.
        """
        ...

    def stats(self) -> IndexStats:
        """Counts and sizes."""
        ...

    def close(self) -> None:
        """Release files and locks; everything acknowledged is already durable."""
        ...


class Searcher(Protocol):
    """What can be searched.

    Nothing may assume that all that is in it is this host's: other hosts may have put images there as well, so that an
    image this host's catalogue does not know is no mistake.
    """

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        ...

    @property
    def knows_paths(self) -> bool:
        """Whether it can be asked with a filter that has a prefix."""
        ...

    @property
    def proves(self) -> bool:
        """Whether it can be asked for `exact` answers, and `within`."""
        ...

    def search(
        self,
        queries: Vector,
        k: int,
        *,
        among: Filter = EVERYTHING,
        exact: bool = False,
    ) -> list[Answer]:
        """The `k` nearest of each query, nearest first.

        Args:
            queries: `(q, dimension)` float32, L2-normalised.
            k: at most so many hits a query; 0 gives none; more than there are gives all.
            among: which images are considered.
            exact: prove that nothing nearer was missed, at whatever cost.

        Raises:
            InvalidRequest: wrong shape, not finite, not normalised, or negative k; `exact` of one that `proves` none.
            ValueError: `among` has a prefix, and this index knows no paths.
            ReplicaUnavailable, ReplicaRefused: what is searched is on another engine, and cannot be asked now.
        """
        ...

    def within(
        self,
        queries: Vector,
        radius: float,
        *,
        limit: int,
        among: Filter = EVERYTHING,
    ) -> list[Answer]:
        """Every image at most `radius` from each query, nearest first; nothing is missed.

        Args:
            queries: `(q, dimension)` float32, L2-normalised.
            radius: 0 finds what is the same, 2 and more finds everything.
            limit: at most so many hits a query, the nearest, which bounds the memory; an answer that it cuts is not
                `exact`, every other one is.
            among: which images are considered.

        Raises:
            InvalidRequest: wrong shape, not finite, not normalised, or a negative radius or limit; one that `proves`
                nothing.
            ValueError, ReplicaUnavailable, ReplicaRefused: as `search`.
        """
        ...


class View(Searcher, Protocol):
    """One state of an index: its answers are the same however the index changes meanwhile, and after it is closed.

    It keeps what it holds on the disk and in memory, but hinders nobody: compaction goes on beside it. Once damage is
    found it is refused like the index. A closed view raises `ValueError`.
    """

    def vector(self, image_id: ImageId) -> Vector | None:
        """The vector of an image in the answers, float32 `(dimension,)`, or None."""
        ...

    def ids(self) -> Iterator[ImageId]:
        """Every image in the answers, in no particular order."""
        ...

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Every image in the answers with its vector, in the order of the ids, `rows` (1 at least) at a time."""
        ...

    def __len__(self) -> int:
        """How many images are in the answers."""
        ...

    def close(self) -> None:
        """Let go of the state."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None:
        """Close it."""
        ...


class Index(VectorStore, Searcher, Protocol):
    """A store that can be searched."""

    def view(self) -> View:
        """The index as it is now. To be closed."""
        ...
