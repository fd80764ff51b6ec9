"""Stage 1: which rows of a part can be among the nearest, by a SIMD scan.

Coarse codes are scanned where they lie (for segments: in the memory map), or the float16 vectors of a part that has no
codes. What coarse codes leave is narrowed by the fine ones, and if that is much by the vectors. Whatever is compared, a
row's estimate is a lower bound of its true distance once the error of that kind is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.search.kernel import Kernel
from simd.search.targets import FEW, Looked, Target
from simd.storage.snapshot import Bitmap, Coded, Rows
from simd.types import Vector
from simd.vectors.quantizer import SLACK

_SCAN_ERROR = 1e-4
"""How far the kernel's float32 distance of float16 vectors may be from the exact one."""

_MANY = 1 / 3
"""Where fewer rows count, the kernel is told which: it then looks at one at a time, where it would compare several."""

_ENOUGH = 1024
"""So few rows are compared exactly as soon as by the kernel."""

_SPARE = 1.25
"""So many times more rows than would have to be looked at are, lest too few of them count."""


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """Some rows of one part for one query, in no particular order.

    Args:
        rows: row numbers.
        estimates: float32, about how far each row is.
        error: no row is nearer than its estimate by more than this.
        outside: no other row of the part that was asked about is nearer than this.
    """

    rows: Rows
    estimates: Vector
    error: float
    outside: float

    def least(self) -> npt.NDArray[np.float64]:
        """For each row a distance that it is not nearer than."""
        return self.estimates.astype(np.float64) - self.error


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """A batch of queries as the rows of some kind are: what is compared with them.

    Args:
        queries: float32 `(q, d)`.
        moved: float32 `(q,)`, how far each is from what it stands for, in the units of the rows.
    """

    queries: Vector
    moved: Vector


class Projections:
    """A batch of queries as each quantizer sees it; parts mostly share one."""

    def __init__(self, queries: Vector) -> None:
        self.as_they_are = Projected(queries, np.zeros(len(queries), dtype=np.float32))
        self._known: dict[str, Projected] = {}

    def of(self, coded: Coded) -> Projected:
        """The queries in the units of these codes, rounded as the codes are.

        The kernel compares whole numbers, and would cut off what is behind the point.
        """
        if coded.quantizer_id not in self._known:
            exact = coded.quantizer.project(self.as_they_are.queries)
            rounded = np.rint(exact)
            self._known[coded.quantizer_id] = Projected(rounded, np.linalg.norm(exact - rounded, axis=1))
        return self._known[coded.quantizer_id]


class Scan:
    """One part, ready to be scanned for a batch of queries.

    Args:
        target: what to scan.
        projections: the queries.
        looked: told how many rows are being read one by one.
    """

    def __init__(self, target: Target, projections: Projections, looked: Looked = lambda rows: None) -> None:
        self.target = target
        self.looked = looked
        self._projections = projections
        self._first = self._level(0)
        if target.few is not None:
            self._first = self._first.of_rows(target.few)

    @property
    def rows(self) -> int:
        """How many rows are scanned."""
        return self._first.rows

    @property
    def bytes_to_prove(self) -> float:
        """How many bytes of codes it may take to prove an answer; infinite where codes alone cannot."""
        coded = self.target.part.coded
        if not coded:
            return 0.0
        if len(coded) == 1 and not coded[0].quantizer.is_whole:
            return np.inf
        return float(self.target.count * coded[-1].quantizer.dims)

    def nearest(self, size: int) -> list[Shortlist]:
        """For each query the `size` rows of the smallest estimates, or some more; all that count if those are fewer."""
        return [self._nearest(query, size) for query in range(len(self._projections.as_they_are.queries))]

    def within(self, query: int, radius: float, *, by_vectors: bool) -> Shortlist:
        """For one query every row whose true distance can be at most `radius`.

        Args:
            query, radius: as said.
            by_vectors: have the kernel compare the vectors as well where codes leave many rows.
        """
        level = self._first
        estimates, rows = level.within(query, radius)
        if self.target.few is not None:
            rows = self.target.few[rows]
        estimates, rows = self._counting(estimates, rows)
        last = len(self.target.part.coded)
        for number in range(1, last + 1):
            if number == last and (rows.size <= _ENOUGH or not by_vectors):
                break
            level = self._level(number)
            self.looked(rows.size)
            if self.target.few is not None or rows.size < FEW * self.target.part.rows:
                estimates, places = level.of_rows(rows).within(query, radius)
                rows = rows[places]
            else:
                estimates, rows = self._counting(*level.within(query, radius))
        return Shortlist(rows, estimates, level.error(query), np.inf)

    def _nearest(self, query: int, size: int) -> Shortlist:
        target, first = self.target, self._first
        size = min(size, target.count)
        if target.allowed is None:
            estimates, rows = first.nearest(query, size)
            rows = rows if target.few is None else target.few[rows]
            return self._shortlist(query, estimates, rows, estimates)
        if target.count >= _MANY * target.part.rows:
            more = min(target.part.rows, int(size * target.part.rows / target.count * _SPARE))
            all_estimates, all_rows = first.nearest(query, more)
            estimates, rows = self._counting(all_estimates, all_rows)
            if rows.size >= size:
                return self._shortlist(query, estimates, rows, all_estimates)
        estimates, rows = first.nearest(query, size, target.allowed)
        return self._shortlist(query, estimates, rows, estimates)

    def _shortlist(self, query: int, estimates: Vector, rows: Rows, seen: Vector) -> Shortlist:
        """`seen` are the estimates of all rows than which no other one had a smaller one."""
        error = self._first.error(query)
        outside = np.inf if rows.size == self.target.count else float(seen.max()) - error
        return Shortlist(rows, estimates, error, outside)

    def _counting(self, estimates: Vector, rows: Rows) -> tuple[Vector, Rows]:
        """Those of the rows that count."""
        if self.target.allowed is None:
            return estimates, rows
        kept = self.target.are_allowed(rows)
        return estimates[kept], rows[kept]

    def _level(self, number: int) -> _Level:
        """Codes from coarse to fine, then the vectors."""
        part = self.target.part
        if number == len(part.coded):
            return _Level(Kernel(part.vectors), self._projections.as_they_are, 1.0, _SCAN_ERROR)
        coded = part.coded[number]
        projected = self._projections.of(coded)
        return _Level(Kernel(coded.codes), projected, coded.quantizer.scale, coded.max_error + SLACK)


class _Level:
    """One kind of what can be compared.

    Args:
        kernel: the rows.
        projected: the queries.
        scale: units per unit of distance.
        moved: in units, how far a row may be from what it stands for.
    """

    def __init__(self, kernel: Kernel, projected: Projected, scale: float, moved: float) -> None:
        self.rows = len(kernel.array)
        self._kernel = kernel
        self._projected = projected
        self._scale = scale
        self._moved = moved

    def of_rows(self, rows: Rows) -> _Level:
        """The same of these rows alone, which are copied."""
        return _Level(Kernel(self._kernel.array.take(rows, axis=0)), self._projected, self._scale, self._moved)

    def error(self, query: int) -> float:
        """How much too large an estimate may be."""
        return (self._moved + float(self._projected.moved[query])) / self._scale

    def nearest(self, query: int, size: int, allowed: Bitmap | None = None) -> tuple[Vector, Rows]:
        """Estimates and numbers of the `size` rows of the smallest ones."""
        squares, rows = self._kernel.nearest(self._projected.queries[query], size, allowed)
        return self._unscaled(squares), rows

    def within(self, query: int, radius: float) -> tuple[Vector, Rows]:
        """Estimates and numbers of the rows whose true distance can be at most `radius`."""
        reach = (radius + self.error(query)) * self._scale
        squares, rows = self._kernel.within(self._projected.queries[query], reach)
        return self._unscaled(squares), rows

    def _unscaled(self, squares: Vector) -> Vector:
        return np.asarray(np.sqrt(squares) / np.float32(self._scale), dtype=np.float32)
