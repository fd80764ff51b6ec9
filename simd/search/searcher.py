"""(snapshot, queries) -> the nearest images.

For each part a shortlist by scan, over all parts the best of those by exact distance. A search is *proved* when no row
left out can be nearer than, or as near as, the last answer; that is often so by itself. Where it costs little, or is
asked for, it is made so: every row that a part's bounds do not rule out is looked at. Parts without codes are always
searched that way, so that equal vectors come out in the order of their ids whatever part they are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from simd.errors import InvalidRequest
from simd.search.rerank import Nearest
from simd.search.shortlist import Projections, Scan, Shortlist
from simd.search.targets import Looked, are_on_disk, targets_of
from simd.storage.arrays import will_need
from simd.storage.snapshot import Snapshot
from simd.types import Answer, Vector
from simd.vectors.ids import Ids
from simd.vectors.metric import check_vectors, half

_MIN_SHORTLIST = 200
_SHORTLIST_PER_HIT = 8
_AT_ONCE = 512

PROVE_BYTES = 1 << 30
"""So many bytes of fine codes are likely in memory, and then a search that proves its answer takes about twice as long
as one that does not."""

Spread = Callable[[Callable[[Scan], list[Shortlist]], Sequence[Scan]], Iterable[list[Shortlist]]]
"""Calls a function for each scan and gives the results in order."""


def search(
    snapshot: Snapshot,
    queries: Vector,
    k: int,
    *,
    any_of: Ids | None = None,
    not_in: Ids | None = None,
    exact: bool = False,
    spread: Spread = map,
    looked: Looked = lambda rows: None,
    prove_bytes: float = PROVE_BYTES,
) -> list[Answer]:
    """The `k` nearest live images of each query, sorted by distance, then image_id.

    Args:
        snapshot: what is stored.
        queries: float32 `(q, dimension)`, L2-normalised; rounded to float16 first, as what is stored was.
        k: at most so many hits a query.
        any_of, not_in: consider only these images, and none of those: see `Filter`.
        exact: prove that nothing was missed, whatever it costs; it is done unasked where it costs little.
        spread: calls a function for each scan, as `map` does; the way to use several cores.
        looked: told how many rows are being read, apart from the scans.
        prove_bytes: prove unasked where it takes no more bytes of fine codes.

    Raises:
        InvalidRequest: negative k, or queries that are not normalised.
    """
    if k < 0:
        raise InvalidRequest(f"k is {k}; it must not be negative", field="limit")
    check_vectors(queries, snapshot.parts[-1].vectors.shape[1])
    queries = half(queries)
    targets = targets_of(snapshot, any_of, not_in)
    searched = sum(target.count for target in targets)
    if k == 0 or not searched or not len(queries):
        return [Answer([], searched, True) for _ in range(len(queries))]
    k = min(k, searched)
    projections = Projections(queries)
    size = shortlist_size(k)
    scans = [Scan(target, projections, looked) for target in targets]
    exact |= sum(scan.bytes_to_prove for scan in scans) <= prove_bytes
    lists = list(spread(lambda scan: scan.nearest(size), scans))
    found = []
    for number, query in enumerate(queries):
        nearest = Nearest(k)
        mine = [one[number] for one in lists]
        proved = _search_one(query, number, scans, mine, size, nearest, exact, spread)
        found.append(Answer(nearest.hits(), searched, proved))
    return found


def shortlist_size(k: int) -> int:
    """How many rows are looked at exactly, at least, to find the `k` nearest."""
    return max(_MIN_SHORTLIST, _SHORTLIST_PER_HIT * k)


def _search_one(
    query: Vector,
    number: int,
    scans: list[Scan],
    shortlists: list[Shortlist],
    size: int,
    nearest: Nearest,
    exact: bool,
    spread: Spread,
) -> bool:
    """Fill `nearest`; returns whether it is proved."""
    cut = _cut([s.estimates for s in shortlists], size)
    chosen = [s.estimates <= cut for s in shortlists]
    if are_on_disk([scan.target for scan in scans]):
        for scan, shortlist, mask in zip(scans, shortlists, chosen, strict=True):
            will_need(scan.target.part.vectors, shortlist.rows[mask])
    for scan, shortlist, mask in zip(scans, shortlists, chosen, strict=True):
        scan.looked(int(np.count_nonzero(mask)))
        nearest.offer(query, scan.target.part, shortlist.rows[mask])
    to_prove = [place for place, scan in enumerate(scans) if exact or not scan.target.part.coded]
    for place in to_prove:
        _offer(nearest, query, scans[place], shortlists[place], ~chosen[place])
    reach = nearest.reach()
    unsure = [place for place in to_prove if shortlists[place].outside <= reach and shortlists[place].outside != np.inf]
    more = spread(lambda scan: [scan.within(number, reach, by_vectors=True)], [scans[place] for place in unsure])
    for place, (found,) in zip(unsure, more, strict=True):
        _offer(nearest, query, scans[place], found, ~np.isin(found.rows, shortlists[place].rows))
    proved, reach = True, nearest.reach()
    for place in set(range(len(scans))).difference(to_prove):
        # What the cut left out is further than the cut, give or take the error of this part.
        shortlist = shortlists[place]
        bound = shortlist.outside if chosen[place].all() else min(shortlist.outside, cut - shortlist.error)
        proved &= bound > reach or bound == np.inf
    return proved


def _offer(nearest: Nearest, query: Vector, scan: Scan, found: Shortlist, some: npt.NDArray[np.bool_]) -> None:
    rows, least = found.rows[some], found.least()[some]
    nearest.offer_in_order(query, scan.target.part, rows, least, _AT_ONCE, scan.looked)


def _cut(estimates: list[Vector], size: int) -> float:
    """The estimate of the `size`-th best over all parts."""
    together = np.concatenate(estimates)
    return float(np.partition(together, size - 1)[size - 1]) if together.size > size else np.inf
