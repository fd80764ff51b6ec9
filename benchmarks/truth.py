"""What the right answers are, and what part of them a search gave."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks.report import Row
from simd.types import Vector
from simd.vectors.metric import distances

Wide = npt.NDArray[np.float64]

_MARGIN = 1e-3
"""How far a squared distance by way of a matrix product may be off; a thousand times what it is."""


class Truth:
    """The right answers: distances of rows to the queries, and how far the k-th nearest is.

    An answer is right when it is no further than the k-th nearest, whichever of equally near rows that is.
    """

    def __init__(self, fetch: Callable[[list[int]], Vector], queries: Vector, nearest: list[list[int]]) -> None:
        self._fetch = fetch
        self._queries = queries.astype(np.float64)
        self._reach = [np.sort(self._apart(i, rows)) for i, rows in enumerate(nearest)]

    def recall(self, answers: list[list[int]], k: int) -> float:
        """The mean share of right answers among the first `k`."""
        shares = []
        for i, answer in enumerate(answers):
            reach = self._reach[i][k - 1] + 1e-6
            shares.append(np.count_nonzero(self._apart(i, answer[:k]) <= reach) / k)
        return float(np.mean(shares))

    def _apart(self, query: int, rows: list[int]) -> Wide:
        found: Wide = np.linalg.norm(self._fetch(rows) - self._queries[query], axis=1)
        return found


def timed(search: Callable[[Vector], list[int]], queries: Vector) -> tuple[list[float], list[list[int]]]:
    """Milliseconds and answers, a query at a time."""
    times, answers = [], []
    for query in queries:
        began = time.perf_counter()
        answers.append(search(query))
        times.append((time.perf_counter() - began) * 1e3)
    return times, answers


def row(method: str, times: list[float], answers: list[list[int]], truth: Truth, **more: float) -> Row:
    """A line of the table."""
    recalls = {f"recall_at_{k}": truth.recall(answers, k) for k in (1, 10, 100)}
    p50, p99 = np.percentile(times, [50, 99])
    return {"method": method, "p50_ms": float(p50), "p99_ms": float(p99), **recalls, **more}


def brute(stored: Vector, queries: Vector, k: int) -> list[Vector]:
    """The distances of the `k` nearest rows of each query, bit for bit those of a full scan in our arithmetic.

    A matrix product says which rows can be among them, with a margin that is far beyond its rounding.
    """
    squares = np.einsum("ij,ij->i", stored, stored)
    found = []
    for block in np.array_split(queries, -(-len(queries) // 64)):
        about = squares - 2 * (block @ stored.T)
        reach = np.partition(about, k - 1, axis=1)[:, k - 1] + _MARGIN
        for query, row_about, far in zip(block, about, reach, strict=True):
            found.append(np.sort(distances(query, stored[np.flatnonzero(row_about <= far)]))[:k])
    return found
