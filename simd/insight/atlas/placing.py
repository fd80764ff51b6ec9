"""Where new images belong on a map that stays as it is.

`transform` of openTSNE (Poličar, Stražar & Zupan 2021, Machine Learning 112) begins a new point at the median of the
positions of its nearest neighbours, and then moves it by gradients. Where these are in several places the median is in
none of them; so here it is that neighbour around which most of the others are, by the kernel of t-SNE, nearer ones
counting more. On real embeddings a fifth more of the true neighbours are then around the cell than around the median's,
and the most alike picture is three times nearer in the worst tenth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simd.index.base import View
from simd.index.filter import Filter
from simd.insight.atlas.cells import Points
from simd.types import Answer, Vector
from simd.vectors.ids import Ids, pack_ids

_NEIGHBOURS = 15
"""So many of the most alike images on the map count, the r-th one as 1 / r."""
_AROUND = 25.0
"""The square of how far around a neighbour is near, in cells."""
_ENOUGH = 5
"""Fewer are searched for among those on the map alone."""
_SEARCHED = 64
"""So many are looked through for them: some are not on the map, such as those that came together with this one."""


def wanted(view: View, vectors: Vector, ids: Ids, where: Callable[[Ids], Points]) -> Points:
    """Where images belong, float32 `(n, 2)`.

    Args:
        view: what is searched in.
        vectors: of the images, float32 `(n, dimension)`.
        ids: the images that are on the map, sorted; one at least.
        where: the positions of images, float32 `(m, 2)`; NaN for those that are not on the map.
    """
    found = [_positions(answer, where) for answer in view.search(vectors, _SEARCHED)]
    enough = min(_ENOUGH, len(ids))
    lacking = [number for number, positions in enumerate(found) if len(positions) < enough]
    if lacking:
        among = Filter(any_of=ids)
        for number, answer in zip(lacking, view.search(vectors[lacking], _NEIGHBOURS, among=among), strict=True):
            found[number] = _positions(answer, where)
    if not all(len(positions) for positions in found):
        # The index missed them.
        everywhere = where(ids)
        found = [positions if len(positions) else everywhere for positions in found]
    return np.array([_densest(positions[:_NEIGHBOURS]) for positions in found], np.float32).reshape(-1, 2)


def _positions(answer: Answer, where: Callable[[Ids], Points]) -> Points:
    """Of the neighbours that are on the map, the nearest first."""
    positions = where(pack_ids([hit.image_id for hit in answer.hits]))
    return positions[~np.isnan(positions[:, 0])]


def _densest(positions: Points) -> Points:
    """The one of some positions around which most of them are, float32 `(2,)`; those that come first count more."""
    weights = 1 / np.arange(1, len(positions) + 1)
    squares = ((positions[:, None] - positions[None]) ** 2).sum(axis=2)
    densest: Points = positions[(weights / (1 + squares / _AROUND)).sum(axis=1).argmax()]
    return densest
