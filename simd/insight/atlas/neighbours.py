"""The images most like each image, by the index's own search, as files of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simd.durable import translated
from simd.index.base import View
from simd.index.filter import EVERYTHING, Filter
from simd.insight.atlas.projection import chosen
from simd.types import Answer
from simd.vectors.ids import Ids, pack_ids, rows_of

_AT_ONCE = 16
"""So many are searched for together: a search that somebody waits for is not behind more than these."""
_AT_ONCE_AMONG = 64
"""So many where not all images count, as that is found out anew each time."""
_FAR = 2.0
"""No two vectors are further apart."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Two files of rows, one of each image in the order of the ids, `count` columns each, nearest first.

    Attributes:
        neighbours: which rows of these, int32.
        distances: how far those are, float32.
        count: of the neighbours of each image.
    """

    neighbours: Path
    distances: Path
    count: int


def find(view: View, ids: Ids, count: int, directory: Path, step: Callable[[int], None]) -> Graph:
    """Find and write down the nearest neighbours of each image among the others.

    Args:
        view: what is searched in; it has all of the images.
        ids: the images, sorted, two at least.
        count: so many of each, if there are as many others.
        directory: for the files, which are not there yet.
        step: is told how many images were searched for; what it raises ends the search.

    Raises:
        StoreError: the files cannot be written.
    """
    graph = Graph(directory / "neighbours", directory / "distances", min(count, len(ids) - 1))
    # Mostly the index has no others.
    is_all = len(view) == len(ids)
    among, at_once = (EVERYTHING, _AT_ONCE) if is_all else (Filter(any_of=ids), _AT_ONCE_AMONG)
    with translated(directory), graph.neighbours.open("xb") as neighbours, graph.distances.open("xb") as distances:
        for some, vectors in chosen(view, ids, at_once):
            answers = view.search(vectors.astype(np.float32), graph.count + 1, among=among)
            rows, far = _without_itself(answers, rows_of(ids, some), ids, graph.count)
            neighbours.write(rows.tobytes())
            distances.write(far.tobytes())
            step(len(some))
    return graph


def _without_itself(
    answers: Sequence[Answer], own: npt.NDArray[np.int32], ids: Ids, count: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The neighbours and distances of some images, int32 and float32 `(n, count)`.

    An image with more copies than it may have neighbours need not be among its own.
    """
    rows = np.empty((len(answers), count), np.int32)
    far = np.empty((len(answers), count), np.float32)
    for number, answer in enumerate(answers):
        found = rows_of(ids, pack_ids([hit.image_id for hit in answer.hits]))
        distances = np.array([hit.distance for hit in answer.hits], np.float32)
        others = np.flatnonzero((found != own[number]) & (found >= 0))[:count]
        if not len(others):
            # The index found nothing; whichever row is as good as any other.
            rows[number], far[number] = (own[number] + 1) % len(ids), _FAR
            continue
        # Of an index that missed some, those that it found count twice.
        others = np.sort(np.resize(others, count))
        rows[number], far[number] = found[others], distances[others]
    return rows, far
