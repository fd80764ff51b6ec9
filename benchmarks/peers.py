"""The peers of the search core, behind one face: build over float32 rows, answer one query at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simd.types import Vector

Rows = npt.NDArray[np.int64]
Search = Callable[[Vector, int], Rows]
"""A query `(dimension,)` and k -> the row numbers of the k nearest, nearest first."""


def numpy_scan(rows: Vector) -> Search:
    """The full scan: one matrix-vector product, then the best k."""
    squares = np.einsum("ij,ij->i", rows, rows)

    def search(query: Vector, k: int) -> Rows:
        distances = squares - 2.0 * (rows @ query)
        best = np.argpartition(distances, k)[:k]
        return np.asarray(best[np.argsort(distances[best])], dtype=np.int64)

    return search


def faiss_flat(rows: Vector) -> Search:
    """FAISS IndexFlatL2."""
    import faiss

    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    return _faiss(index)


def faiss_flat_float16(rows: Vector) -> Search:
    """The full scan by FAISS over float16 rows, as ours are stored."""
    import faiss

    index = faiss.IndexScalarQuantizer(rows.shape[1], faiss.ScalarQuantizer.QT_fp16)
    index.add(rows)
    return _faiss(index)


def faiss_panorama(rows: Vector) -> Search:
    """FAISS IndexFlatL2Panorama, the exact peer: distances by parts of the dimensions, most rows given up early. Its
    rows are rotated onto their principal components, as its authors do, for which the query pays as well."""
    import faiss

    rotation = faiss.PCAMatrix(rows.shape[1], rows.shape[1])
    rotation.train(rows[:: max(1, len(rows) // 20_000)])
    index = faiss.IndexPreTransform(rotation, faiss.IndexFlatL2Panorama(rows.shape[1], 8))
    index.add(rows)
    return _faiss(index)


def faiss_hnsw(rows: Vector) -> Search:
    """FAISS IndexHNSWFlat, M 32, efConstruction 200, efSearch 256."""
    import faiss

    faiss.omp_set_num_threads(2)
    index = faiss.IndexHNSWFlat(rows.shape[1], 32)
    index.hnsw.efConstruction = 200
    index.hnsw.efSearch = 256
    index.add(rows)
    return _faiss(index)


def ngt(rows: Vector) -> Search:
    """NGT ANNG, epsilon 0.3."""
    import ngtpy

    directory = Path(tempfile.mkdtemp(prefix="simd-ngt-")) / "index"
    ngtpy.create(str(directory), rows.shape[1], distance_type="L2")
    index = ngtpy.Index(str(directory))
    index.batch_insert(rows, num_threads=2)
    index.save()

    def search(query: Vector, k: int) -> Rows:
        found = index.search(query, size=k, epsilon=0.3, with_distance=False)
        return np.asarray(found, dtype=np.int64)

    return search


def usearch(rows: Vector) -> Search:
    """usearch HNSW, connectivity 32, expansion 256, float32."""
    from usearch.index import Index

    index = Index(
        ndim=rows.shape[1], metric="l2sq", dtype="f32", connectivity=32, expansion_add=200, expansion_search=256
    )
    index.add(np.arange(len(rows)), rows, threads=2)

    def search(query: Vector, k: int) -> Rows:
        return np.asarray(index.search(query, k, threads=1).keys, dtype=np.int64)

    return search


def _faiss(index: Any) -> Search:
    import faiss

    def search(query: Vector, k: int) -> Rows:
        faiss.omp_set_num_threads(1)
        _, rows = index.search(query[np.newaxis], k)
        return np.asarray(rows[0], dtype=np.int64)

    return search


PEERS: dict[str, Callable[[Vector], Search]] = {
    "numpy_scan": numpy_scan,
    "faiss_flat": faiss_flat,
    "faiss_flat_f16": faiss_flat_float16,
    "faiss_panorama": faiss_panorama,
    "faiss_hnsw": faiss_hnsw,
    "ngt": ngt,
    "usearch": usearch,
}

GRAPHS = {"faiss_hnsw", "ngt", "usearch"}
"""Those whose builds take hours over a million rows."""
