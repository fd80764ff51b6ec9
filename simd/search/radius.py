"""(snapshot, queries, radius) -> every image that is no further away.

Complete by the bound of the codes: a row whose least possible distance is beyond the radius is passed over, every other
one is compared exactly. Memory is bounded by the largest part and the limit, not by how many rows are within.
"""

from __future__ import annotations

from simd.search.rerank import Nearest
from simd.search.shortlist import Projections, Scan
from simd.search.targets import Looked, are_on_disk, targets_of
from simd.storage.arrays import will_need
from simd.storage.snapshot import Part, Rows, Snapshot
from simd.types import Answer, Vector
from simd.vectors.ids import Ids
from simd.vectors.metric import check_radius, check_vectors, half

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
    looked: Looked = lambda rows: None,
) -> list[Answer]:
    """Every live image at most `radius` from each query, sorted by distance, then image_id.

    Args:
        snapshot: what is stored.
        queries: float32 `(q, dimension)`, L2-normalised; rounded to float16 first, as what is stored was.
        radius: 0 finds what is the same.
        limit: at most so many hits a query, the nearest; an answer that it cuts is not exact.
        any_of, not_in: consider only these images, and none of those: see `Filter`.
        looked: told how many rows are being read, apart from the scans.

    Raises:
        InvalidRequest: negative radius or limit, or queries that are not normalised.
    """
    check_radius(radius, limit)
    check_vectors(queries, snapshot.parts[-1].vectors.shape[1])
    queries = half(queries)
    targets = targets_of(snapshot, any_of, not_in)
    searched = sum(target.count for target in targets)
    projections = Projections(queries)
    scans = [Scan(target, projections, looked) for target in targets]
    ask_first = are_on_disk(targets)
    # One more than is given tells whether the limit cuts.
    most = min(limit, searched) + 1
    answers = []
    for number, query in enumerate(queries):
        nearest = Nearest(most, radius)
        for scan in scans:
            part, found = scan.target.part, scan.within(number, min(nearest.reach(), _BEYOND_ALL), by_vectors=False)

            def need(rows: Rows, part: Part = part) -> None:
                if ask_first:
                    will_need(part.vectors, rows)

            nearest.offer_in_order(query, part, found.rows, found.least(), max(most, _AT_ONCE), looked, need)
        hits = nearest.hits()
        answers.append(Answer(hits[:limit], searched, len(hits) <= limit))
    return answers
