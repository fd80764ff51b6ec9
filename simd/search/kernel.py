"""FAISS as a kernel: distances of queries to rows of an array that is ours, read where it lies.

What is used of it is the scan of a list of codes (https://faiss.ai/cpp_api/struct/structfaiss_1_1InvertedListScanner.html),
which compares many rows at once with SIMD. The range search of its indexes compares them one by one, a hundred times
as slowly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from simd.storage.snapshot import Bitmap, Rows
from simd.types import Vector
from simd.vectors.metric import Half
from simd.vectors.quantizer import Codes


def load_kernel() -> Any:
    """FAISS. Its import takes a quarter of a second; whoever opens an index can spend that before the first search."""
    import faiss

    return faiss


@cache
def _kind_of(length: int, are_vectors: bool) -> Any:
    """What makes scanners for rows of a length; the same for all of them, and for all threads."""
    kinds = load_kernel().ScalarQuantizer
    return kinds(length, kinds.QT_fp16 if are_vectors else kinds.QT_8bit_direct_signed)


class Kernel:
    """Rows that can be compared with queries.

    Args:
        array: codes uint8 `(n, d)`, excess-128, or vectors float16 `(n, d)`; C order.
    """

    def __init__(self, array: Codes | Half) -> None:
        self._faiss = load_kernel()
        self.array = array
        self._kind = _kind_of(array.shape[1], array.dtype == np.float16)

    def nearest(self, query: Vector, size: int, allowed: Bitmap | None = None) -> tuple[Vector, Rows]:
        """Squared distances and numbers, both `(size,)`, of the rows nearest to one query float32 `(d,)`.

        They are in no particular order. `size` is at most how many rows there are, or are allowed.
        """
        pointer = self._faiss.swig_ptr
        squares, rows = np.full(size, np.inf, np.float32), np.full(size, -1, np.int64)
        with self._scanner(query, allowed) as scanner:
            scanner.scan_codes(len(self.array), self._codes(), None, pointer(squares), pointer(rows), size)
        return squares, rows

    def within(self, query: Vector, distance: float) -> tuple[Vector, Rows]:
        """Squared distances and numbers of all rows that are no further from one query than a distance."""
        # What is exactly at the radius would be left out.
        square = float(np.nextafter(np.float32(distance * distance * (1 + 1e-6)), np.float32(np.inf)))
        found = self._faiss.RangeSearchResult(1)
        partial = self._faiss.RangeSearchPartialResult(found)
        with self._scanner(query, None) as scanner:
            scanner.scan_codes_range(len(self.array), self._codes(), None, square, partial.new_result(0))
        partial.finalize()
        count = int(self._faiss.rev_swig_ptr(found.lims, 2)[1])
        if not count:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        squares, rows = (self._faiss.rev_swig_ptr(one, count).copy() for one in (found.distances, found.labels))
        return squares, rows

    def _codes(self) -> Any:
        return self._faiss.swig_ptr(self.array.view(np.uint8).reshape(-1))

    @contextmanager
    def _scanner(self, query: Vector, allowed: Bitmap | None) -> Iterator[Any]:
        selector = None
        if allowed is not None:
            selector = self._faiss.IDSelectorBitmap(len(self.array), self._faiss.swig_ptr(allowed))
        scanner = self._kind.select_InvertedListScanner(self._faiss.METRIC_L2, None, True, selector, False)
        try:
            scanner.set_query(self._faiss.swig_ptr(query))
            # Numbers of rows are made with that of their list, which must add nothing.
            scanner.set_list(0, 0.0)
            yield scanner
        finally:
            # Python is not told that it is the owner; to tell it (`thisown`) spoils the class for the next one.
            type(scanner).__swig_destroy__(scanner)
