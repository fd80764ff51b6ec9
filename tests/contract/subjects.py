"""What the contract is tested with."""

from __future__ import annotations

from collections.abc import Callable

from simd.index.base import Index
from tests.stores import embeddings, image_id


class Subject:
    """An index and how it is kept between changes: `settle` puts it into the shape under test."""

    def __init__(self, index: Index, settle: Callable[[], None]) -> None:
        self.index = index
        self.settle = settle

    def put(self, *numbers: int, version: int = 0) -> None:
        # In small portions, so that shapes that flush have something to merge.
        for start in range(0, len(numbers), 20):
            self.index.put(embeddings(*numbers[start : start + 20], version=version))
            self.settle()

    def delete(self, *numbers: int) -> int:
        count = self.index.delete([image_id(n) for n in numbers])
        self.settle()
        return count
