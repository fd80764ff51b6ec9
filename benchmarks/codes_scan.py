"""Stage 1 alone over as many synthetic codes as memory holds: how search grows to a hundred million images.

The codes are random: what a scan costs does not depend on what they say, while recall does and is measured elsewhere.
The limit is one pass over the same bytes that only adds them up, by as many threads.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.report import Row, arguments, publish
from simd.search.kernel import load_kernel
from simd.search.shortlist import Projections, Scan
from simd.search.targets import Target
from simd.storage.snapshot import Coded, Part
from simd.types import Vector
from simd.vectors.metric import normalise
from simd.vectors.quantizer import Quantizer

DIMENSION, DIMS, PART_ROWS, SHORTLIST = 512, 128, 1_000_000, 200


def quantizer() -> Quantizer:
    """Any orthonormal one."""
    axes, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(DIMENSION, DIMS - 1)))
    return Quantizer(np.zeros(DIMENSION, np.float32), np.ascontiguousarray(axes.T, np.float32), 1.0, 200.0)


def parts(rows: int) -> list[Part]:
    """Segments of codes, as a large index has them."""
    chosen, draw, made = quantizer(), np.random.default_rng(2), []
    for start in range(0, rows, PART_ROWS):
        count = min(PART_ROWS, rows - start)
        codes = np.frombuffer(draw.bytes(count * DIMS), np.uint8).reshape(count, DIMS)
        nothing = np.broadcast_to(np.zeros(1, np.float16), (count, DIMENSION))
        ids = np.broadcast_to(np.zeros(1, np.uint8), (count, 16))
        made.append(Part(str(start), ids, nothing, True, (Coded(codes, chosen, "any", 0.5),)))
    return made


def scan(sought: list[Part], query: Vector, pool: ThreadPoolExecutor) -> None:
    """One query over all parts."""
    projections = Projections(query[np.newaxis])
    scans = [Scan(Target(part, part.rows), projections) for part in sought]
    list(pool.map(lambda one: one.nearest(SHORTLIST), scans))


def read(sought: list[Part], pool: ThreadPoolExecutor) -> None:
    """All bytes once."""
    list(pool.map(lambda part: part.coded[0].codes.view(np.int64).sum(), sought))


def milliseconds(act: Callable[[], None]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    """Make the codes, scan them, print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, default=10_000_000, help="128 bytes of memory each")
    parser.add_argument("--queries", type=int, default=10)
    options = parser.parse_args()
    load_kernel()
    sought = parts(options.rows)
    queries = normalise(np.random.default_rng(3).normal(size=(options.queries, DIMENSION)).astype(np.float32))
    lines: list[Row] = []
    figures: dict[str, float] = {"rows": options.rows}
    for cores in sorted({1, len(os.sched_getaffinity(0))}):
        with ThreadPoolExecutor(cores) as pool:
            scan(sought, queries[0], pool)
            times, limits = [], []
            for query in queries:
                times.append(milliseconds(lambda query=query, pool=pool: scan(sought, query, pool)))  # type: ignore[misc]
                limits.append(milliseconds(lambda pool=pool: read(sought, pool)))  # type: ignore[misc]
        p50, limit = float(np.median(times)), float(np.median(limits))
        lines.append({"cores": cores, "p50_ms": p50, "worst_ms": max(times), "reading_ms": limit, "ratio": p50 / limit})
        figures[f"p50_ms_{cores}_cores"] = p50
    publish("codes_scan", lines, figures, options.json)


if __name__ == "__main__":
    main()
