"""Stars: every member is joined to the keeper itself, and no chain makes a group.

Images are numbers 0 to n - 1 here, edges are two arrays of them. The answer is the same whatever the order of the
edges.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Which images are joined.

    Attributes:
        first, second: their numbers, int32 `(m,)`; no two edges join the same two, none joins an image to itself.
    """

    first: Numbers
    second: Numbers

    def neighbours(self, n: int) -> Neighbours:
        """The same by image, for `n` images."""
        ends = np.concatenate([self.first, self.second])
        order = np.argsort(ends, kind="stable")
        starts = np.zeros(n + 1, np.int64)
        np.cumsum(np.bincount(ends, minlength=n), out=starts[1:])
        others = np.concatenate([self.second, self.first])[order]
        edges = np.tile(np.arange(len(self.first), dtype=np.int32), 2)[order]
        return Neighbours(starts, others, edges)


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Edges by image: those of image `i` are at `starts[i]` up to `starts[i + 1]`.

    Attributes:
        starts: int64 `(n + 1,)`.
        others: what the image is joined to, int32 `(2 m,)`.
        edges: by which edge, int32 `(2 m,)`.
    """

    starts: npt.NDArray[np.int64]
    others: Numbers
    edges: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Stars:
    """To which star each image belongs.

    Attributes:
        keeper: the image at the centre, which is the image itself where it is one, int32 `(n,)`.
        edge: by which edge it is joined to the centre, -1 for the centre, int32 `(n,)`.
    """

    keeper: Numbers
    edge: Numbers


def stars(order: Numbers, edges: Edges) -> Stars:
    """The stars of `n` images.

    Args:
        order: all images, int32 `(n,)`: each that no earlier one has taken is a keeper, and takes what is joined to it
            and was not taken.
        edges: what is joined.
    """
    n = len(order)
    keeper = np.arange(n, dtype=np.int32)
    edge = np.full(n, -1, np.int32)
    near = edges.neighbours(n)
    free = np.ones(n, np.bool_)
    # What is joined to nothing need not be looked at one by one.
    for image in order[np.diff(near.starts)[order] > 0].tolist():
        if not free[image]:
            continue
        free[image] = False
        at = slice(near.starts[image], near.starts[image + 1])
        taken = free[near.others[at]]
        members = near.others[at][taken]
        keeper[members], edge[members], free[members] = image, near.edges[at][taken], False
    return Stars(keeper, edge)


def connected(n: int, edges: Edges) -> Numbers:
    """For each of `n` images the least one that it is connected with, over however many edges, int32 `(n,)`.

    In each round every root that has a lesser one beside it is hung below it, and then all images below their roots;
    rounds are about as many as the logarithm of the longest chain.
    """
    parents = np.arange(n, dtype=np.int32)
    first, second = edges.first, edges.second
    while True:
        one, other = parents[first], parents[second]
        apart = one != other
        if not apart.any():
            return parents
        first, second = first[apart], second[apart]
        one, other = one[apart], other[apart]
        np.minimum.at(parents, np.maximum(one, other), np.minimum(one, other))
        while True:
            above = parents[parents]
            if np.array_equal(above, parents):
                break
            parents = above


def apart(found: Stars, order: Numbers, edges: Edges, *, reach: int) -> Iterator[tuple[int, int]]:
    """Keepers, each with an image that it could have taken and is not joined to: connected with it, and not taken by an
    earlier keeper. Those of the first keepers come first.

    Args:
        found: the stars.
        order: as for `stars`.
        edges: as for `stars`.
        reach: about so many images that it is not joined to are looked at around a keeper, the nearest first.
    """
    n = len(order)
    near = edges.neighbours(n)
    turn = np.empty(n, np.int32)
    turn[order] = np.arange(n, dtype=np.int32)
    begun = turn[found.keeper]
    for image in order[np.diff(near.starts)[order] > 0].tolist():
        if found.keeper[image] != image:
            continue
        seen, waiting, strangers = {image}, deque([image]), 0
        while waiting and strangers < reach:
            here = waiting.popleft()
            for other in near.others[near.starts[here] : near.starts[here + 1]].tolist():
                if other not in seen and begun[other] >= begun[image]:
                    seen.add(other)
                    waiting.append(other)
                    if found.keeper[other] != image:
                        strangers += 1
                        yield image, other
