"""The search core against a full NumPy scan, FAISS, NGT and usearch, over real embeddings, one thread each.

Ours and the NumPy scan take turns every twenty queries, so that noise of the machine hits both. Memory and readiness
are those of a fresh process that opens the index. Past 200,000 rows the graphs are left out (their builds take hours),
past 2,000,000 the full scans too (they do not fit into memory): recall is then against our own exact search.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.daemon import rss_mib
from benchmarks.features import mixed, real
from benchmarks.peers import PEERS, Rows
from benchmarks.report import Row, arguments, publish
from simd.featurize.models.registry import COPY1
from simd.index.local import LocalIndex
from simd.storage.store import StoreOptions
from simd.types import Embedding, ImageId, Vector, image_id_of

Wide = npt.NDArray[np.float64]

DIMENSION = COPY1.dimension
QUERIES = 200
FINGERPRINT = bytes(32)
_GRAPHS, _SCANS = 200_000, 2_000_000


def ids(rows: int) -> list[ImageId]:
    """The id of each row: a hash, as real ones are."""
    return [image_id_of(b"%d" % row) for row in range(rows)]


def vectors(rows: int, base: Vector) -> Iterator[Vector]:
    """The rows, in chunks: real ones as far as they go, mixtures of them past that."""
    yield from np.array_split(base[:rows], -(-min(rows, len(base)) // 4096))
    if rows > len(base):
        yield from mixed(base, rows - len(base))


def build(directory: Path, rows: int, base: Vector, names: list[ImageId]) -> float:
    """Put all rows through the index's own door; seconds."""
    began = time.perf_counter()
    index = open_index(directory, rows)
    done = 0
    for chunk in vectors(rows, base):
        batch = [Embedding(names[done + i], vector) for i, vector in enumerate(chunk)]
        index.put(batch)
        done += len(chunk)
    index.compact()
    index.close()
    return time.perf_counter() - began


def open_index(directory: Path, rows: int) -> LocalIndex:
    """The index; large ones are flushed in large pieces."""
    options = StoreOptions(flush_rows=min(max(4096, rows // 10), 1_000_000))
    return LocalIndex.open(directory, DIMENSION, FINGERPRINT, options=options)


def timed(search: Callable[[Vector], list[int]], queries: Vector) -> tuple[list[float], list[list[int]]]:
    """Milliseconds and answers, a query at a time."""
    times, answers = [], []
    for query in queries:
        began = time.perf_counter()
        answers.append(search(query))
        times.append((time.perf_counter() - began) * 1e3)
    return times, answers


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


def row(method: str, times: list[float], answers: list[list[int]], truth: Truth, **more: float) -> Row:
    """A line of the table."""
    recalls = {f"recall_at_{k}": truth.recall(answers, k) for k in (1, 10, 100)}
    p50, p99 = np.percentile(times, [50, 99])
    return {"method": method, "p50_ms": float(p50), "p99_ms": float(p99), **recalls, **more}


class Bench:
    """One index and its queries; an index that was built in `directory` before is used again."""

    def __init__(self, directory: Path, rows: int) -> None:
        self.rows = rows
        everything = real(100_000)
        self.base, self.queries = everything[:-QUERIES], everything[-QUERIES:]
        self.names = ids(self.rows)
        self.number = {name: i for i, name in enumerate(self.names)}
        built = directory / "build_s"
        if not built.exists():
            shutil.rmtree(directory, ignore_errors=True)
            seconds = build(directory, self.rows, self.base, self.names)
            built.write_text(str(seconds))
        self.build_s = float(built.read_text())
        self.index = open_index(directory, self.rows)

    def ours(self, k: int, exact: bool = False) -> Callable[[Vector], list[int]]:
        """Our search, as row numbers."""

        def search(query: Vector) -> list[int]:
            hits = self.index.search(query[np.newaxis], k, exact=exact)[0].hits
            return [self.number[hit.image_id] for hit in hits]

        return search

    def stored(self, rows: list[int]) -> Vector:
        """Rows as the index has them."""
        vectors = [self.index.vector(self.names[row]) for row in rows]
        return np.stack([vector for vector in vectors if vector is not None])

    def mixed_load(self) -> list[float]:
        """Milliseconds of searches while a hundred inserts and a hundred deletes a second go on."""
        stop = threading.Event()

        def load() -> None:
            turn = 0
            while not stop.wait(0.01):
                name = image_id_of(b"extra %d" % turn)
                self.index.put([Embedding(name, self.base[turn % 1000])])
                self.index.delete([image_id_of(b"extra %d" % (turn - 50))])
                turn += 1

        thread = threading.Thread(target=load)
        thread.start()
        times: list[float] = []
        try:
            for query in np.concatenate([self.queries] * (10 if self.rows <= _SCANS else 2)):
                began = time.perf_counter()
                self.index.search(query[np.newaxis], 10)
                times.append((time.perf_counter() - began) * 1e3)
        finally:
            stop.set()
            thread.join()
        return times

    def remove(self, count: int) -> float:
        """Seconds to take `count` images out, seen to be gone from the next answer; then they are put back."""
        gone = self.names[:: max(1, self.rows // count)][:count]
        kept = [Embedding(name, vector) for name in gone if (vector := self.index.vector(name)) is not None]
        began = time.perf_counter()
        self.index.delete(gone)
        taken = time.perf_counter() - began
        left = {hit.image_id for query in self.queries for hit in self.index.search(query[np.newaxis], 50)[0].hits}
        assert not left & set(gone)
        self.index.put(kept)
        return taken


def probe(directory: Path, rows: int, queries: Path) -> None:
    """In a fresh process: how soon the first answer is there, and what the process holds after all queries."""
    asked = np.load(queries)
    began = time.perf_counter()
    index = open_index(directory, rows)
    index.search(asked[:1], 10)
    ready = time.perf_counter() - began
    before = time.perf_counter()
    for query in asked:
        index.search(query[np.newaxis], 10)
    each = (time.perf_counter() - before) / len(asked) * 1e3
    print(json.dumps({"ready_s": ready, "rss_mb": rss_mib(os.getpid()) * 1.048576, "mean_ms": each}))
    index.close()


def probed(directory: Path, rows: int, queries: Vector) -> dict[str, float]:
    """`probe`, run."""
    file = directory.parent / "queries.npy"
    np.save(file, queries)
    command = [sys.executable, "-m", "benchmarks.search_core", "--rows", str(rows), "--probe", str(directory)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def against_peers(bench: Bench, skip: list[str]) -> tuple[list[Row], Truth, float]:
    """The peers' lines, what is true, and the p50 of the NumPy scan measured in turn with ours."""
    rows = np.concatenate(list(vectors(bench.rows, bench.base)))
    lines: list[Row] = []
    scan = PEERS["numpy_scan"](rows)
    nearest = [_list(scan(query, 100)) for query in bench.queries]
    truth = Truth(lambda chosen: rows[chosen], bench.queries, nearest)
    ours: list[float] = []
    scans: list[float] = []
    ours_found: list[list[int]] = []
    scans_found: list[list[int]] = []
    search = bench.ours(10)
    # Twenty of ours, twenty scans, and so on: noise of the machine hits both, and neither empties the other's caches
    # at every turn.
    for block in np.array_split(bench.queries, -(-len(bench.queries) // 20)):
        for times, answers, ask in (
            (ours, ours_found, search),
            (scans, scans_found, lambda q: _list(scan(q, 10))),
        ):
            took, found = timed(ask, block)
            times += took
            answers += found
    hundred = [bench.ours(100)(query) for query in bench.queries]
    lines.append(row("simd", ours, hundred, truth, build_s=bench.build_s))
    lines.append(row("numpy_scan", scans, nearest, truth, rss_mb=rows.nbytes / 1e6))
    for name, make in PEERS.items():
        if name == "numpy_scan" or name in skip or (bench.rows > _GRAPHS and name != "faiss_flat"):
            continue
        before, began = rss_mib(os.getpid()), time.perf_counter()
        peer = make(rows)
        built = time.perf_counter() - began
        held = (rss_mib(os.getpid()) - before) * 1.048576
        times, _ = timed(lambda query, peer=peer: _list(peer(query, 10)), bench.queries)  # type: ignore[misc]
        answers = [_list(peer(query, 100)) for query in bench.queries]
        lines.append(row(name, times, answers, truth, build_s=built, rss_mb=held))
    return lines, truth, float(np.median(scans))


def bandwidth(size: int) -> float:
    """Milliseconds to read so many bytes once, one thread: what no scan of them can be faster than."""
    data = np.ones(min(size, 1 << 31) // 8, dtype=np.int64)
    best = min(_seconds(lambda: data.sum()) for _ in range(5))
    return best * 1e3 * size / data.nbytes


def main() -> None:
    """Build, measure, print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--skip", action="append", default=[], help="a peer to leave out")
    parser.add_argument("--directory", type=Path, help="where the index is built and kept, to be used again")
    parser.add_argument("--probe", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        return probe(options.probe, options.rows, options.probe.parent / "queries.npy")
    if options.directory:
        options.directory.mkdir(parents=True, exist_ok=True)
        return measure(options.directory, options.rows, options.skip, options.json)
    with tempfile.TemporaryDirectory(prefix="simd-bench-") as work:
        return measure(Path(work), options.rows, options.skip, options.json)


def measure(work: Path, wanted: int, skip: list[str], file: Path | None) -> None:
    """Everything about one size."""
    bench = Bench(work / "index", wanted)
    lines: list[Row]
    # Proving an answer over a large index is slow by its nature: a few queries tell.
    sample = bench.queries if bench.rows <= _GRAPHS else bench.queries[:5]
    exact_times, _ = timed(bench.ours(10, exact=True), sample)
    exact = [bench.ours(100, exact=True)(query) for query in sample]
    if bench.rows <= _SCANS:
        lines, truth, scan_ms = against_peers(bench, skip)
    else:
        truth, scan_ms = Truth(bench.stored, sample, exact), float("nan")
        times, _ = timed(bench.ours(10), bench.queries)
        hundred = [bench.ours(100)(query) for query in sample]
        lines = [row("simd", times, hundred, truth, build_s=bench.build_s)]
    lines.insert(1, row("simd_exact", exact_times, exact, truth))
    idle = float(lines[0]["p99_ms"])
    busy = bench.mixed_load()
    lines.insert(2, {"method": "simd_mixed_load", "p50_ms": _percentile(busy, 50), "p99_ms": _percentile(busy, 99)})
    stats = bench.index.stats()
    code_bytes = bench.rows * StoreOptions().code_dims
    lines.append({"method": "reading the codes once", "p50_ms": bandwidth(code_bytes)})
    began = time.perf_counter()
    problems = bench.index.check() if bench.rows <= _SCANS else []
    verify_s = time.perf_counter() - began if bench.rows <= _SCANS else float("nan")
    removed_s = bench.remove(10_000)
    bench.index.close()
    fresh = probed(work / "index", bench.rows, bench.queries)
    figures = {
        "rows": bench.rows,
        "speedup_over_scan": scan_ms / float(lines[0]["p50_ms"]),
        "recall_at_10": float(lines[0]["recall_at_10"]),
        "p50_ms": float(lines[0]["p50_ms"]),
        "rss_mb": fresh["rss_mb"],
        "ready_s": fresh["ready_s"],
        "mixed_p99_over_idle_p99": _percentile(busy, 99) / idle,
        "remove_10000_s": removed_s,
        "verify_s": verify_s,
        "problems": len(problems),
        "disk_bytes_per_image": stats.disk_bytes / bench.rows,
    }
    publish("search_core", lines, figures, file)


def _percentile(times: list[float], percent: float) -> float:
    return float(np.percentile(times, percent))


def _list(rows: Rows) -> list[int]:
    return [int(r) for r in rows]


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
