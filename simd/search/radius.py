"""(snapshot, queries, radius) -> every image that is no further away.

Complete by the bound of the codes: a row whose least possible distance is beyond the radius is passed over, every other
one is compared exactly. Memory is bounded by the largest part and the limit, not by how many rows are within.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simd.search.rerank import Nearest
from simd.search.shortlist import Projections, Scan
from simd.search.targets import Target, are_on_disk, targets_of
from simd.storage.arrays import will_need
from simd.storage.snapshot import Snapshot
from simd.types import Answer, Vector
from simd.vectors.metric import check_radius, check_vectors, half
from simd.vectors.topk import Ids

_AT_ONCE = 4096
_BEYOND_ALL = 3.0
"""Vectors of norm 1 are at most 2 apart, and a little more by their rounding."""


def within(
    snapshot: Snapshot,
    queries: Vector,
    radius: float,
    *,
    limit: int,
    any_of: Ids | None = None,
    not_in: Ids | None = None,
    looked: Callable[[int], None] = lambda rows: None,
) -> list[Answer]:
    """Every live image at most `radius` from each query, sorted by distance, then image_id.

    Args:
        snapshot: what is stored.
        queries: float32 `(q, dimension)`, L2-normalised; rounded to float16 first, as what is stored was.
        radius: 0 finds what is the same.
        limit: at most so many hits a query, the nearest; an answer that it cuts is not exact.
        any_of, not_in: consider only these images, and none of those: see `Filter`.
        looked: told how many vectors are being read.

    Raises:
        InvalidRequest: negative radius or limit, or queries that are not normalised.
    """
    check_radius(radius, limit)
    check_vectors(queries, snapshot.parts[-1].vectors.shape[1])
    queries = half(queries)
    targets = targets_of(snapshot, any_of, not_in)
    searched = sum(target.count for target in targets)
    projections = Projections(queries)
    scans = [(target, Scan(target.part, target.allowed, target.count, projections)) for target in targets]
    ask_first = are_on_disk(targets)
    # One more than is given tells whether the limit cuts.
    most = min(limit, searched) + 1
    answers = []
    for number, query in enumerate(queries):
        nearest = Nearest(most, radius)
        for target, scan in scans:
            _collect(number, query, target, scan, nearest, max(most, _AT_ONCE), ask_first, looked)
        hits = nearest.hits()
        answers.append(Answer(hits[:limit], searched, len(hits) <= limit))
    return answers


def _collect(
    number: int,
    query: Vector,
    target: Target,
    scan: Scan,
    nearest: Nearest,
    at_once: int,
    ask_first: bool,
    looked: Callable[[int], None],
) -> None:
    """Offer the rows of one part that may be within reach, those that look nearest first: they shorten the reach."""
    found = scan.within(number, min(nearest.reach(), _BEYOND_ALL))
    order = np.argsort(found.estimates)
    for start in range(0, order.size, at_once):
        some = order[start : start + at_once]
        if found.estimates[some[0]] - scan.error > nearest.reach():
            break
        rows = found.rows[some]
        looked(rows.size)
        if ask_first:
            will_need(target.part.vectors, rows)
        nearest.offer(query, target.part, rows)
