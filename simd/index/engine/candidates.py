"""The nearest of what an engine returns, in the one order that every index gives.

An engine computes distances in its own way, and rounds them in its own way; of several that are equal it returns any.
So its candidates are measured anew, and where more may be as near as the last that counts, it is asked for more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simd.types import ImageId, Vector
from simd.vectors.metric import distances

MARGIN = 16
"""So many more than are wanted are asked for at first: a file that lies in a few places is common."""

GROWTH = 4
"""How many times as many are asked for next."""

ROUNDING = 1e-5
"""How far a squared distance of the engine may be from ours: both are of float32 and at most 4."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What an engine returned: an entity's host, image and vector, its squared distance as the engine computed it, and
    the payload as it is kept."""

    host: str
    image_id: ImageId
    vector: Vector
    squared: float
    payload: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """The answer to one query: candidates with their distances, nearest first, ties by image and then by host.

    `settled` says that the engine returned all that are as near as these, if it returned the nearest of what it has.
    """

    found: list[tuple[float, Candidate]]
    settled: bool


Ask = Callable[[Vector, int], Sequence[Sequence[Candidate]]]
"""Asks the engine for so many of each query, `(q, dimension)`; fewer are all that it found. Nearest first."""


def nearest(queries: Vector, wanted: int, ask: Ask, *, most: int, radius: float = np.inf) -> list[Nearest]:
    """The nearest `wanted` (1 at least) of each query that are at most `radius` away.

    Args:
        queries: `(q, dimension)` float32, rounded as what is stored was.
        wanted: how many, at most `most`.
        ask: the engine.
        most: the greatest number that it can be asked for.
        radius: a distance.
    """
    answers: dict[int, Nearest] = {}
    open_ = list(range(len(queries)))
    number = min(wanted + MARGIN, most)
    while open_:
        for query, candidates in zip(open_, ask(queries[open_], number), strict=True):
            found = _measured(queries[query], candidates)[:wanted]
            settled = len(candidates) < number or _is_beyond(candidates[-1], found, wanted, radius)
            if settled or number == most:
                answers[query] = Nearest([one for one in found if one[0] <= radius], settled)
        open_ = [query for query in open_ if query not in answers]
        number = min(GROWTH * number, most)
    return [answers[query] for query in range(len(queries))]


def _measured(query: Vector, candidates: Sequence[Candidate]) -> list[tuple[float, Candidate]]:
    if not candidates:
        return []
    apart = distances(query, np.stack([candidate.vector for candidate in candidates]))
    measured = zip(map(float, apart), candidates, strict=True)
    return sorted(measured, key=lambda one: (one[0], one[1].image_id, one[1].host))


def _is_beyond(last: Candidate, found: list[tuple[float, Candidate]], wanted: int, radius: float) -> bool:
    """Whether the engine's last candidate, and so all that follow, is farther than what counts."""
    reach = radius if len(found) < wanted else min(radius, found[-1][0])
    return last.squared > reach * reach + ROUNDING
