"""Pictures as connected components: all images that are tied to each other by pairs of the same picture.

Unlike groups around a keeper, which people clean up by, components chain: two members may be the same picture as a
third and not as each other. So whatever keeps components whole keeps every pair whole, and nothing leaks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

import numpy as np
import numpy.typing as npt

from simd.insight.groups.stars import Edges, Numbers, connected
from simd.insight.pairs.pair import SAME, TIERS, Pairs, Tier
from simd.types import ImageId
from simd.vectors.ids import Ids, pack_ids, rows_of, unpack_ids


class Components:
    """Which images are one picture.

    Args:
        ids: the images that are in any pair that counts, sorted, uint8 `(n, 16)`; every other image is alone.
        of: row in `ids` of the first image of each one's component, int32 `(n,)`.
    """

    def __init__(self, ids: Ids, of: Numbers) -> None:
        self.ids = ids
        self.of = of
        self._order = np.argsort(of, kind="stable")
        self._sorted = of[self._order]

    def rows(self, image_ids: Ids) -> Numbers:
        """Where images are in `ids`, int32; -1 for those that are alone."""
        return rows_of(self.ids, image_ids)

    def first_of(self, image_ids: Ids) -> Ids:
        """What names the component of each image, uint8 `(m, 16)`: its first image; an image that is alone itself."""
        found = np.array(image_ids, np.uint8)
        rows = self.rows(found)
        together = rows >= 0
        found[together] = self.ids[self.of[rows[together]]]
        return found

    def members(self, image_id: ImageId) -> list[ImageId]:
        """The images of the component that an image is in, in order; one that is alone is its only one."""
        [row] = self.rows(pack_ids([image_id])).tolist()
        if row < 0:
            return [image_id]
        low, high = (
            np.searchsorted(self._sorted, self.of[row], "left"),
            np.searchsorted(self._sorted, self.of[row], "right"),
        )
        return unpack_ids(self.ids[self._order[low:high]])


def components(
    pairs: Pairs, *, tiers: Collection[Tier] = SAME, apart: Iterable[Collection[ImageId]] = ()
) -> Components:
    """Bring together what pairs tie.

    Args:
        pairs: which images were found to be the same picture, or alike.
        tiers: which of them count.
        apart: sets of images of which people said that no two are the same picture; it counts for the images that have
            their pixels, too.
    """
    counts = edges(pairs, tiers=tiers, apart=apart)
    first, second = pairs.first[counts], pairs.second[counts]
    together = np.unique(np.concatenate([first, second]))
    rows = (np.searchsorted(together, ends).astype(np.int32) for ends in (first, second))
    return Components(pairs.ids[together], connected(together.size, Edges(*rows)))


def edges(
    pairs: Pairs, *, tiers: Collection[Tier] = SAME, apart: Iterable[Collection[ImageId]] = ()
) -> npt.NDArray[np.bool_]:
    """Which pairs count, bool `(m,)`; arguments as for `components`."""
    numbers = [number for number, tier in enumerate(TIERS) if tier in tiers]
    counts = np.isin(pairs.tier, np.array(numbers, np.uint8))
    said: dict[ImageId, set[int]] = defaultdict(set)
    for number, image_ids in enumerate(apart):
        for image_id in image_ids:
            said[image_id].add(number)
    if not said or not counts.any():
        return counts
    rows = rows_of(pairs.ids, pack_ids(list(said))).tolist()
    by_row = {row: numbers for numbers, row in zip(said.values(), rows, strict=True) if row >= 0}
    alike = _alike(pairs)
    by_pixels: dict[int, set[int]] = defaultdict(set)
    for row, of_row in by_row.items():
        by_pixels[int(alike[row])] |= of_row
    one, other = alike[pairs.first], alike[pairs.second]
    for at in np.flatnonzero(counts & np.isin(one, list(by_pixels)) & np.isin(other, list(by_pixels))).tolist():
        if one[at] != other[at]:
            counts[at] = by_pixels[int(one[at])].isdisjoint(by_pixels[int(other[at])])
        else:
            nothing: set[int] = set()
            first, second = by_row.get(int(pairs.first[at]), nothing), by_row.get(int(pairs.second[at]), nothing)
            counts[at] = first.isdisjoint(second)
    return counts


def _alike(pairs: Pairs) -> Numbers:
    """The first row of the images that have the pixels of each one: what is said of one of those is said of all."""
    same = pairs.tier == TIERS.index(Tier.PIXELS)
    return connected(len(pairs.ids), Edges(pairs.first[same], pairs.second[same]))
