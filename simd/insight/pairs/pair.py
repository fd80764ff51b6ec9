"""Two images that are the same picture, or look like it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from simd.types import ImageId
from simd.vectors.ids import Ids


class Tier(StrEnum):
    """What two files are to each other, the strongest first."""

    EXACT = "exact"
    """The same bytes: one image."""
    PIXELS = "pixels"
    """The same pixels, in another container or with other metadata."""
    NEAR = "near"
    """One picture, edited: verified."""
    SIMILAR = "similar"
    """Looks alike, and no more is known."""
    DIFFERENT = "different"

    @property
    def is_same(self) -> bool:
        """Whether they are the same picture."""
        return self in (Tier.EXACT, Tier.PIXELS, Tier.NEAR)


TIERS = tuple(Tier)
"""In the order of their strength; stored and packed pairs have the number of their tier in it."""
SAME = tuple(tier for tier in TIERS if tier.is_same)
"""Those of the same picture."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that were compared.

    Attributes:
        first, second: which; `first < second`.
        tier: what they are to each other; never `exact`, which are one image.
        similarity: cosine of their embeddings.
        share: how much of what was compared agrees, 0 to 1.
        mirrored: whether one is the mirror image of the other.
        turned: by how many degrees clockwise the second, mirrored first if `mirrored`, is turned in the first: 0, 90,
            180 or 270.
    """

    first: ImageId
    second: ImageId
    tier: Tier
    similarity: float
    share: float = 0.0
    mirrored: bool = False
    turned: int = 0

    def other(self, image_id: ImageId) -> ImageId:
        """The one that is not `image_id`."""
        return self.second if image_id == self.first else self.first

    def turned_in(self, image_id: ImageId) -> int:
        """By how many degrees clockwise the other one, mirrored first if `mirrored`, is turned in `image_id`."""
        return self.turned if image_id == self.first or self.mirrored else -self.turned % 360


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Many pairs, packed.

    Attributes:
        ids: the images that are in any, sorted, uint8 `(n, 16)`.
        first, second: rows of `ids`, int32 `(m,)`; the id of `first` is the lesser.
        tier: number in `TIERS`, uint8 `(m,)`.
        similarity, share: float32 `(m,)`.
        mirrored: bool `(m,)`.
        turned: degrees, int16 `(m,)`.
    """

    ids: Ids
    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    tier: npt.NDArray[np.uint8]
    similarity: npt.NDArray[np.float32]
    share: npt.NDArray[np.float32]
    mirrored: npt.NDArray[np.bool_]
    turned: npt.NDArray[np.int16]
