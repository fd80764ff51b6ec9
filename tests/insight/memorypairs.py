"""Pairs in memory, for tests of what is made of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np

from simd.catalogue.feed import Position
from simd.insight.pairs.pair import TIERS, Pair, Pairs, Tier
from simd.types import ID_BYTES, ImageId


class MemoryPairs:
    """A `PairReader` that is told its pairs.

    Attributes:
        hold: reading all pairs ends only when this is set.
        waiting: how often that was begun meanwhile.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.pending = 0
        self.behind = False
        self.hold: threading.Event | None = None
        self.waiting = 0
        self.reasons: dict[str, int] = {}
        self._pairs: dict[tuple[ImageId, ImageId], Pair] = {}

    def add(
        self,
        one: ImageId,
        other: ImageId,
        tier: Tier = Tier.NEAR,
        similarity: float = 0.9,
        share: float = 1.0,
        mirrored: bool = False,
        turned: int = 0,
    ) -> None:
        """Two images are a pair from now on."""
        first, second = sorted((one, other))
        self._pairs[first, second] = Pair(first, second, tier, similarity, share, mirrored, turned)
        self.revision += 1

    def forget(self, image_id: ImageId) -> None:
        """Drop the pairs of an image."""
        self._pairs = {ids: pair for ids, pair in self._pairs.items() if image_id not in ids}
        self.revision += 1

    def of(self, image_id: ImageId) -> list[Pair]:
        """See `PairReader`."""
        return [pair for ids, pair in self._pairs.items() if image_id in ids]

    def is_behind(self, position: Position) -> bool:
        """See `PairReader`."""
        return self.behind

    def left_out(self) -> Mapping[str, int]:
        """See `PairReader`."""
        return self.reasons

    def pairs(self) -> Pairs:
        """See `PairReader`."""
        if self.hold is not None:
            self.waiting += 1
            assert self.hold.wait(60), "nobody let it go on"
        ids = sorted({image_id for both in self._pairs for image_id in both})
        row = {image_id: number for number, image_id in enumerate(ids)}
        all_of = list(self._pairs.values())
        return Pairs(
            np.frombuffer(b"".join(ids), np.uint8).reshape(-1, ID_BYTES),
            np.array([row[pair.first] for pair in all_of], np.int32),
            np.array([row[pair.second] for pair in all_of], np.int32),
            np.array([TIERS.index(pair.tier) for pair in all_of], np.uint8),
            np.array([pair.similarity for pair in all_of], np.float32),
            np.array([pair.share for pair in all_of], np.float32),
            np.array([pair.mirrored for pair in all_of], np.bool_),
            np.array([pair.turned for pair in all_of], np.int16),
        )
