"""An index that is not this host's alone."""

from __future__ import annotations

from collections.abc import Sequence

from simd.index.brute import BruteIndex
from simd.index.filter import EVERYTHING, Filter
from simd.types import Answer, Embedding, Vector


class Others:
    """A `Searcher` into which other hosts put images as well: nothing else can be asked of it.

    Args:
        embeddings: whoever they are of; one at least.
    """

    knows_paths = False
    proves = True

    def __init__(self, embeddings: Sequence[Embedding]) -> None:
        self.dimension = len(embeddings[0].vector)
        self._index = BruteIndex(self.dimension)
        self._index.put(embeddings)

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        """As `Searcher.search`."""
        return self._index.search(queries, k, among=among, exact=exact)

    def within(self, queries: Vector, radius: float, *, limit: int, among: Filter = EVERYTHING) -> list[Answer]:
        """As `Searcher.within`."""
        return self._index.within(queries, radius, limit=limit, among=among)
