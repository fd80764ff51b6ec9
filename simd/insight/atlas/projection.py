"""Where images are by the two directions in which their vectors differ most: how a layout begins, and all that there is
of a map of a few images."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from simd.index.base import Chunk, View
from simd.insight.atlas.cells import Points
from simd.types import Vector
from simd.vectors.ids import Ids, rows_of

_AT_ONCE = 2048


def chosen(view: View, ids: Ids, rows: int) -> Iterator[Chunk]:
    """The vectors of images in the order of their ids, `rows` at a time at most.

    Args:
        view: has all of them.
        ids: sorted.
        rows: 1 at least.
    """
    for some, vectors in view.chunks(rows):
        wanted = rows_of(ids, some) >= 0
        if wanted.any():
            yield some[wanted], vectors[wanted]


def principal(view: View, ids: Ids, step: Callable[[], None] = lambda: None) -> Points:
    """The first two principal components of the vectors of images, in flat memory; float32 `(n, 2)`.

    Args:
        view: has all of them.
        ids: sorted, one at least.
        step: called between pieces of work; what it raises ends it.
    """
    total = np.zeros(view.dimension)
    products = np.zeros((view.dimension, view.dimension))
    for some in _vectors(view, ids):
        step()
        total += some.sum(axis=0)
        products += some.T @ some
    mean = total / len(ids)
    _, directions = np.linalg.eigh(products / len(ids) - np.outer(mean, mean))
    axes = directions[:, : -3 if view.dimension > 2 else None : -1]
    # A direction has no sign of its own; without a rule a map might come out mirrored.
    axes = axes * np.where(np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0) < 0, -1.0, 1.0)
    found = np.zeros((len(ids), 2), np.float32)
    done = 0
    for some in _vectors(view, ids):
        step()
        found[done : done + len(some), : axes.shape[1]] = (some - mean) @ axes
        done += len(some)
    return found


def _vectors(view: View, ids: Ids) -> Iterator[Vector]:
    for _, vectors in chosen(view, ids, _AT_ONCE):
        yield vectors.astype(np.float32)
