"""The search core against a full NumPy scan, FAISS, NGT and usearch, over real embeddings, one thread each.

Ours and the NumPy scan take turns every twenty queries, so that noise of the machine hits both. Memory and readiness
are those of a fresh process that opens the index. Past 200,000 rows the graphs are left out (their builds take hours),
past 2,000,000 the full scans too (they do not fit into memory): recall is then against our own exact search.

`simd` is what a caller gets, `simd_approximate` the same without the proof that small indexes get unasked, `simd_exact`
with the proof. `simd, 1 %` searches among so many images, chosen at random.
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

from benchmarks.daemon import rss_mib
from benchmarks.features import mixed, real
from benchmarks.peers import GRAPHS, PEERS, Rows
from benchmarks.report import Row, arguments, publish
from benchmarks.truth import Truth, brute, row, timed
from simd.config import DEFAULT_MODEL
from simd.index.filter import EVERYTHING, Filter
from simd.index.local import LocalIndex
from simd.search.searcher import PROVE_BYTES
from simd.storage.store import StoreOptions
from simd.types import Embedding, ImageId, Vector, image_id_of
from simd.vectors.ids import pack_ids
from simd.vectors.metric import half

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
    index = open_index(directory, rows, base.shape[1])
    done = 0
    for chunk in vectors(rows, base):
        batch = [Embedding(names[done + i], vector) for i, vector in enumerate(chunk)]
        index.put(batch)
        done += len(chunk)
    index.compact()
    index.close()
    return time.perf_counter() - began


def open_index(directory: Path, rows: int, dimension: int, prove_bytes: float = PROVE_BYTES) -> LocalIndex:
    """The index; large ones are flushed in large pieces."""
    options = StoreOptions(flush_rows=min(max(4096, rows // 10), 1_000_000))
    return LocalIndex.open(directory, dimension, FINGERPRINT, options=options, prove_bytes=prove_bytes)


class Bench:
    """One index and its queries; an index that was built in `directory` before is used again."""

    def __init__(self, directory: Path, rows: int, everything: Vector) -> None:
        self.rows = rows
        self._directory = directory
        self.base, self.queries = everything[:-QUERIES], everything[-QUERIES:]
        self.names = ids(self.rows)
        self.number = {name: i for i, name in enumerate(self.names)}
        built = directory / "build_s"
        if not built.exists():
            shutil.rmtree(directory, ignore_errors=True)
            seconds = build(directory, self.rows, self.base, self.names)
            built.write_text(str(seconds))
        self.build_s = float(built.read_text())
        self.index = open_index(directory, self.rows, self.base.shape[1])

    def _reopen(self, prove_bytes: float) -> None:
        self.index.close()
        self.index = open_index(self._directory, self.rows, self.base.shape[1], prove_bytes)

    def ours(self, k: int, exact: bool = False, among: Filter = EVERYTHING) -> Callable[[Vector], list[int]]:
        """Our search, as row numbers."""

        def search(query: Vector) -> list[int]:
            hits = self.index.search(query[np.newaxis], k, exact=exact, among=among)[0].hits
            return [self.number[hit.image_id] for hit in hits]

        return search

    def stored(self, rows: list[int]) -> Vector:
        """Rows as the index has them."""
        vectors = [self.index.vector(self.names[row]) for row in rows]
        return np.stack([vector for vector in vectors if vector is not None])

    def approximately(self) -> list[float]:
        """Milliseconds of searches without a proof."""
        self._reopen(-1)
        try:
            return timed(self.ours(10), self.queries)[0]
        finally:
            self._reopen(PROVE_BYTES)

    def proved(self, queries: Vector) -> float:
        """The share of answers that say they are exact."""
        return float(np.mean([self.index.search(query[np.newaxis], 10)[0].exact for query in queries]))

    def filtered(self) -> list[Row]:
        """Searches among a part of the images."""
        lines: list[Row] = []
        for share in (0.001, 0.01, 0.1):
            chosen = np.sort(np.random.default_rng(1).choice(self.rows, max(1, int(self.rows * share)), replace=False))
            among = Filter(any_of=pack_ids([self.names[number] for number in chosen]))
            times, _ = timed(self.ours(10, among=among), self.queries)
            lines.append({"method": f"simd, {share:.1%}", **_spread(times)})
        return lines

    def differing(self, count: int) -> int:
        """How many of so many proved answers differ, in any bit of a distance, from those of a full scan."""
        asked = np.concatenate(list(mixed(self.base, count, seed=1)))
        expected = brute(half(np.concatenate(list(vectors(self.rows, self.base)))), half(asked), 10)
        wrong = 0
        for query, right in zip(asked, expected, strict=True):
            answer = self.index.search(query[np.newaxis], 10, exact=True)[0]
            got = np.array([hit.distance for hit in answer.hits], dtype=np.float32)
            wrong += not (answer.exact and np.array_equal(got, right))
        return wrong

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
            self.index.delete([image_id_of(b"extra %d" % number) for number in range(turn - 50, turn)])

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
    index = open_index(directory, rows, asked.shape[1])
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
        if name == "numpy_scan" or name in skip or (bench.rows > _GRAPHS and name in GRAPHS):
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
    parser.add_argument("--model", default=DEFAULT_MODEL, help="whose embeddings, by name")
    parser.add_argument("--real", type=int, default=100_000, help="so many rows are embeddings of pictures")
    parser.add_argument("--compare", type=int, default=10_000, help="so many proved answers are compared with a scan's")
    parser.add_argument("--skip", action="append", default=[], help="a peer to leave out")
    parser.add_argument("--directory", type=Path, help="where the index is built and kept, to be used again")
    parser.add_argument("--probe", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        return probe(options.probe, options.rows, options.probe.parent / "queries.npy")
    everything = real(options.real, options.model)
    with tempfile.TemporaryDirectory(prefix="simd-bench-") as work:
        directory = options.directory or Path(work)
        directory.mkdir(parents=True, exist_ok=True)
        bench = Bench(directory / "index", options.rows, everything)
        compared = options.compare if options.rows <= _GRAPHS else 0
        measure(bench, directory, options.skip, compared, options.json)


def measure(bench: Bench, work: Path, skip: list[str], compared: int, file: Path | None) -> None:
    """Everything about one size."""
    lines: list[Row]
    # Proving an answer over a large index is slow by its nature: a few queries tell.
    sample = bench.queries if bench.rows <= _SCANS else bench.queries[:20]
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
    lines.insert(2, {"method": "simd_approximate", **_spread(bench.approximately())})
    lines[3:3] = bench.filtered()
    idle = float(lines[0]["p99_ms"])
    busy = bench.mixed_load()
    lines.insert(3, {"method": "simd_mixed_load", **_spread(busy)})
    stats = bench.index.stats()
    code_bytes = bench.rows * StoreOptions().code_dims
    differing = bench.differing(compared) if compared else 0
    proved = bench.proved(bench.queries)
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
        "proved": proved,
        "compared": compared,
        "differing": differing,
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


def _spread(times: list[float]) -> dict[str, float]:
    return {"p50_ms": _percentile(times, 50), "p99_ms": _percentile(times, 99)}


def _list(rows: Rows) -> list[int]:
    return [int(r) for r in rows]


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
