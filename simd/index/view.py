"""One state of the index on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Self

from simd.index.base import CHUNK_ROWS, Chunk
from simd.index.filter import EVERYTHING, Filter
from simd.search.radius import within
from simd.search.searcher import PROVE_BYTES, Spread, search
from simd.storage.snapshot import Snapshot
from simd.types import Answer, ImageId, Vector


class LocalView:
    """A `View` that is a snapshot.

    Args:
        snapshot: what is stored.
        require_sound: called before vectors are looked at; raises once the store is known to be damaged.
        spread, prove_bytes: as `search` takes them.
        looked: told of how many rows of the snapshot are read, apart from scans.
    """

    knows_paths = False
    proves = True

    def __init__(
        self,
        snapshot: Snapshot,
        require_sound: Callable[[], None],
        spread: Spread,
        looked: Callable[[Snapshot, int], None],
        prove_bytes: float = PROVE_BYTES,
    ) -> None:
        self._snapshot: Snapshot | None = snapshot
        self._require_sound = require_sound
        self._spread = spread
        self._looked = looked
        self._prove_bytes = prove_bytes

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return int(self._state.parts[-1].vectors.shape[1])

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        """The `k` nearest of each query, nearest first."""
        snapshot = self._sound()
        among.require_resolved()
        return search(
            snapshot, queries, k, any_of=among.any_of, not_in=among.not_in,
            exact=exact, spread=self._spread, looked=lambda rows: self._looked(snapshot, rows),
            prove_bytes=self._prove_bytes,
        )  # fmt: skip

    def within(self, queries: Vector, radius: float, *, limit: int, among: Filter = EVERYTHING) -> list[Answer]:
        """Every image at most `radius` from each query, nearest first; nothing is missed."""
        snapshot = self._sound()
        among.require_resolved()
        return within(
            snapshot, queries, radius, limit=limit, any_of=among.any_of, not_in=among.not_in,
            looked=lambda rows: self._looked(snapshot, rows),
        )  # fmt: skip

    def vector(self, image_id: ImageId) -> Vector | None:
        """The vector of an image in the answers, or None."""
        snapshot = self._sound()
        self._looked(snapshot, 1)
        return snapshot.vector(image_id)

    def ids(self) -> Iterator[ImageId]:
        """Every image in the answers, in no particular order."""
        return self._state.ids()

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Every image in the answers with its vector, in the order of the ids, `rows` at a time."""
        return self._chunks(self._sound(), rows)

    def __len__(self) -> int:
        return len(self._state)

    def close(self) -> None:
        """Let go of the snapshot."""
        self._snapshot = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _chunks(self, snapshot: Snapshot, rows: int) -> Iterator[Chunk]:
        for ids, vectors in snapshot.chunks(rows):
            self._looked(snapshot, len(ids))
            yield ids, vectors

    @property
    def _state(self) -> Snapshot:
        if self._snapshot is None:
            raise ValueError("the view is closed")
        return self._snapshot

    def _sound(self) -> Snapshot:
        self._require_sound()
        return self._state
