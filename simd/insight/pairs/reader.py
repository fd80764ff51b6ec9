"""What the pairs that were found can be asked, as a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from simd.catalogue.feed import Position
from simd.insight.pairs.pair import Pair, Pairs
from simd.types import ImageId


class PairReader(Protocol):
    """Every method may be called from any thread."""

    @property
    def revision(self) -> int:
        """Another number after every change of the pairs; it begins anew with the daemon."""
        ...

    def pairs(self) -> Pairs:
        """All pairs that are the same picture or look alike, packed; a million take about 50 MB and two seconds."""
        ...

    def of(self, image_id: ImageId) -> list[Pair]:
        """The pairs that have an image."""
        ...

    def left_out(self) -> Mapping[str, int]:
        """How many images were not looked at for near copies, by why: "flat", "tiny", "no_features", "not_verified"."""
        ...

    @property
    def pending(self) -> int:
        """How many images have not been looked at yet, as far as is known."""
        ...

    def is_behind(self, position: Position) -> bool:
        """Whether the change feed was not followed to there, or pairs are wanted that are not judged yet."""
        ...
