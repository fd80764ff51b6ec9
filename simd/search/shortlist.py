"""Stage 1: which rows of a part can be among the nearest, by a SIMD scan.

FAISS is used as a kernel over arrays that are ours: codes, or float16 vectors where a part has no codes, are scanned
where they lie (for segments: in the memory map), without a copy. Whatever is scanned, a row's estimate is a lower bound
of its true distance once the part's `error` is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simd.storage.snapshot import Bitmap, Part
from simd.types import Vector
from simd.vectors.quantizer import SLACK, Quantizer

_SCAN_ERROR = 1e-4
"""How far the kernel's float32 distance of float16 vectors may be from the exact one."""


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """Some rows of one part for one query, in no particular order.

    Args:
        rows: row numbers.
        estimates: float32, about how far each row is.
        outside: no other row of the part that was asked about is nearer than this.
    """

    rows: npt.NDArray[np.intp]
    estimates: Vector
    outside: float


class Projections:
    """A batch of queries as each quantizer sees it; parts mostly share one."""

    def __init__(self, queries: Vector) -> None:
        self.queries = queries
        self._known: dict[str, Vector] = {}

    def of(self, quantizer_id: str, quantizer: Quantizer) -> Vector:
        """The queries in the quantizer's code units."""
        if quantizer_id not in self._known:
            self._known[quantizer_id] = quantizer.project(self.queries)
        return self._known[quantizer_id]


def load_kernel() -> Any:
    """FAISS. Its import takes a quarter of a second; whoever opens an index can spend that before the first search."""
    import faiss

    return faiss


class Scan:
    """One part, ready to be scanned for a batch of queries.

    Args:
        part: what to scan.
        allowed: which rows count; None for all.
        count: how many those are.
        projections: the queries.
    """

    def __init__(self, part: Part, allowed: Bitmap | None, count: int, projections: Projections) -> None:
        faiss = self._faiss = load_kernel()
        codes: npt.NDArray[Any]
        if part.coded is None:
            self.error, self._scale = _SCAN_ERROR, 1.0
            self._queries = projections.queries
            kind, codes = faiss.ScalarQuantizer.QT_fp16, part.vectors
        else:
            self._scale = part.coded.quantizer.scale
            self.error = (part.coded.max_error + SLACK) / self._scale
            self._queries = projections.of(part.coded.quantizer_id, part.coded.quantizer)
            kind, codes = faiss.ScalarQuantizer.QT_8bit_direct_signed, part.coded.codes
        # The index borrows these arrays; they live as long as it does.
        self._codes = codes
        self._allowed = allowed
        self._count = count
        self._index = faiss.IndexScalarQuantizer(self._queries.shape[1], kind)
        self._index.codes = _borrow(faiss, codes)
        self._index.ntotal = part.rows
        self._parameters = None
        if allowed is not None:
            self._selector = faiss.IDSelectorBitmap(part.rows, faiss.swig_ptr(allowed))
            self._parameters = faiss.SearchParameters(sel=self._selector)

    @property
    def rows(self) -> int:
        """How many rows are scanned."""
        return int(self._index.ntotal)

    def nearest(self, size: int) -> list[Shortlist]:
        """For each query the `size` rows of the smallest estimates, or all that count if those are fewer."""
        # Per thread, and so also for those that this library did not start. One query gains nothing from a second.
        self._faiss.omp_set_num_threads(1)
        squares, rows = self._index.search(self._queries, min(size, self._count), params=self._parameters)
        complete = size >= self._count
        return [self._shortlist(row, square, complete) for row, square in zip(rows, squares, strict=True)]

    def within(self, query: int, radius: float) -> Shortlist:
        """For one query every row whose true distance can be at most `radius`."""
        reach = (radius + self.error) * self._scale
        self._faiss.omp_set_num_threads(1)
        # The kernel leaves out what is exactly at the radius.
        square = float(np.nextafter(np.float32(reach * reach * (1 + 1e-6)), np.float32(np.inf)))
        _, squares, rows = self._index.range_search(self._queries[query : query + 1], square, params=self._parameters)
        return Shortlist(rows.astype(np.intp), self._unscaled(squares), np.inf)

    def _shortlist(self, rows: npt.NDArray[np.int64], squares: Vector, complete: bool) -> Shortlist:
        estimates = self._unscaled(squares)
        outside = np.inf if complete else float(estimates.max()) - self.error
        return Shortlist(rows.astype(np.intp), estimates, outside)

    def _unscaled(self, squares: Vector) -> Vector:
        return np.asarray(np.sqrt(squares) / np.float32(self._scale), dtype=np.float32)


def _borrow(faiss: Any, codes: npt.NDArray[Any]) -> Any:
    """FAISS's view of an array's bytes, without a copy and without ownership."""
    raw = codes.view(np.uint8).reshape(-1)
    # `owner` points into the empty vector, which has to live until it was read.
    nobodys = faiss.MaybeOwnedVectorUInt8()
    return faiss.MaybeOwnedVectorUInt8.create_view(faiss.swig_ptr(raw), raw.size, nobodys.owner)
