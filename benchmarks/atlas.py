"""The map: how long it takes and what it holds, how far it keeps what is near, what searches notice of it, and where
new pictures come; against plain openTSNE and umap-learn on the same vectors.

One picture of eleven is left out of the layout, and placed after it. `points` are positions as they were laid out,
`cells` what the map shows: each picture in a cell of its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.environments import environment
from benchmarks.features import mixed, real
from benchmarks.mapquality import Positions, Truth
from benchmarks.report import Row, arguments, publish
from simd.featurize.priority import Priority
from simd.index.base import View
from simd.index.local import LocalIndex
from simd.insight.atlas.board import Board, middles
from simd.insight.atlas.cells import Points, side_for, spread
from simd.insight.atlas.layouter import TsneLayouter
from simd.insight.atlas.placing import wanted
from simd.jobs.jobs import Progress
from simd.storage.store import StoreOptions
from simd.types import Embedding, Vector, image_id_of
from simd.vectors.ids import Ids, pack_ids, unpack_ids

UMAP = "umap-learn==0.5.12"
_NEW = 11
_AT_ONCE = 64
_PEER_TIMEOUT_S = 7200.0


@dataclass(frozen=True, slots=True)
class Collection:
    """Vectors in the order of their ids, and which of them are laid out, the others being new."""

    vectors: Vector
    ids: Ids
    old: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @classmethod
    def of(cls, rows: int, real_rows: int) -> Collection:
        """So many, real ones as far as they go."""
        base = real(real_rows)[:rows]
        vectors = np.concatenate([base, *mixed(base, rows - len(base))]) if rows > len(base) else base
        ids = pack_ids(sorted(image_id_of(b"%d" % row) for row in range(rows)))
        return cls(vectors, ids, np.arange(rows) % _NEW != 0)

    def put(self, directory: Path) -> LocalIndex:
        """An index of all of them."""
        options = StoreOptions(flush_rows=max(4096, len(self.ids) // 10))
        index = LocalIndex.open(directory, self.vectors.shape[1], bytes(32), options=options)
        images = unpack_ids(self.ids)
        for start in range(0, len(images), 4096):
            some = slice(start, start + 4096)
            index.put([Embedding(one, v) for one, v in zip(images[some], self.vectors[some], strict=True)])
        index.compact()
        return index

    def merged(self, old: Positions, new: Positions) -> Positions:
        """Positions of all."""
        every = np.empty((len(self.ids), 2), np.float32)
        every[self.old], every[~self.old] = old, new
        return every

    @property
    def truths(self) -> dict[str, Truth]:
        """What judges those that were laid out among themselves, and new ones among these."""
        old, new = np.flatnonzero(self.old), np.flatnonzero(~self.old)
        sample = np.random.default_rng(0).permutation(old)
        return {"": Truth(self.vectors, sample, old), "new_": Truth(self.vectors, new, old)}

    def judged(self, old: Positions, new: Positions) -> dict[str, float]:
        """How good positions are."""
        every = self.merged(old, new)
        return {name + key: value for name, truth in self.truths.items() for key, value in truth.judge(every).items()}


def searched(index: LocalIndex, queries: Vector, until: Future[Points] | None, seconds: float) -> list[float]:
    """Milliseconds of searches, twenty a second, until some work is done or the time is over."""
    times: list[float] = []
    ending = time.perf_counter() + seconds
    pause = threading.Event()
    while (time.perf_counter() < ending) if until is None else not until.done():
        began = time.perf_counter()
        index.search(queries[len(times) % len(queries)][np.newaxis], 10)
        times.append((time.perf_counter() - began) * 1e3)
        pause.wait(0.05)
    return times


def ours(collection: Collection, work: Path, priority: Priority) -> tuple[list[Row], dict[str, float]]:
    """Our lines, and what searches noticed."""
    index = collection.put(work / "index")
    old, new = collection.ids[collection.old], collection.ids[~collection.old]
    idle = searched(index, collection.vectors, None, 15.0)
    with index.view() as view, ThreadPoolExecutor(1) as pool:
        began = time.perf_counter()
        layouter = TsneLayouter(work / "unfinished", priority=priority)
        making = pool.submit(layouter.lay_out, view, old, None, Progress())
        busy = searched(index, collection.vectors, making, 0.0)
        points = making.result()
        laid_s = time.perf_counter() - began
        side = side_for(len(old))
        board = Board(side, old, *spread(points, side))
        seconds = time.perf_counter() - began
        before = middles(board.places(1), old)
        placed_s, new_points = placed(view, collection.vectors[~collection.old], new, board)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    places = board.places(2)
    assert np.array_equal(middles(places, old), before), "nobody is moved"
    cells = collection.judged(before, middles(places, new))
    index.close()
    rows: list[Row] = [
        {"method": "simd cells", "seconds": seconds, "transform_s": placed_s, "peak_mb": peak, **cells},
        {"method": "simd points", "seconds": laid_s, "peak_mb": peak,
         **{key: value for key, value in collection.judged(points, new_points).items() if "new" not in key}},
    ]  # fmt: skip
    return rows, {
        "idle_p99_ms": float(np.percentile(idle, 99)),
        "busy_p99_ms": float(np.percentile(busy, 99)),
        "placed_per_s": len(new) / placed_s,
    }


def placed(view: View, vectors: Vector, ids: Ids, board: Board) -> tuple[float, Positions]:
    """Seconds that it takes to place new ones, and where they were to be."""
    began = time.perf_counter()
    parts = []
    for start in range(0, len(ids), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        parts.append(wanted(view, vectors[some], board.ids, board.where))
        board.place(ids[some], parts[-1])
    return time.perf_counter() - began, np.concatenate(parts)


def peer(method: str, python: str, collection: Collection, work: Path) -> Row:
    """The line of another program."""
    np.save(work / "vectors.npy", collection.vectors[collection.old])
    np.save(work / "fresh.npy", collection.vectors[~collection.old])
    script = str(Path(__file__).parent / "peer_layouts.py")
    done = subprocess.run(
        [python, script, method, str(work / "vectors.npy"), str(work / "fresh.npy"), str(work)],
        check=True, stdout=subprocess.PIPE, text=True, timeout=_PEER_TIMEOUT_S,
    )  # fmt: skip
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    judged = collection.judged(np.load(work / "points.npy"), np.load(work / "new.npy"))
    return {"method": method, **figures, **judged}


def measure(options: Namespace, work: Path) -> None:
    """Everything about each size."""
    lines: list[Row] = []
    figures: dict[str, float] = {}
    for rows in options.rows or [10_000]:
        collection = Collection.of(rows, options.real)
        directory = work / str(rows)
        directory.mkdir()
        found, noticed = ours(collection, directory, Priority(options.priority))
        found += [peer(method, python, collection, directory) for method, python in peers(options.skip)]
        lines += [{"rows": rows, **line} for line in found]
        own = found[0]
        named = {"seconds": own["seconds"], "peak_mb": own["peak_mb"], "knn": own["knn"], **noticed}
        named["busy_over_idle_p99"] = noticed["busy_p99_ms"] / noticed["idle_p99_ms"]
        figures |= {f"{name}_{rows}": float(value) for name, value in named.items()}
    publish("atlas", lines, figures, options.json)


def peers(skip: Sequence[str]) -> list[tuple[str, str]]:
    """The other programs and the Python that has each."""
    found = [("openTSNE", sys.executable)] if "openTSNE" not in skip else []
    if "umap" not in skip:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        found.append(("umap", str(environment("umap-learn", version, [UMAP]) / "bin/python")))
    return found


def main() -> None:
    """Measure, print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, action="append", help="how many pictures; may be given more than once")
    parser.add_argument("--real", type=int, default=20_000, help="so many vectors are real, the others mixed of them")
    parser.add_argument("--priority", default="idle", choices=list(Priority), help="of the process that lays out")
    parser.add_argument("--skip", action="append", default=[], help="a peer to leave out: openTSNE, umap")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simd-bench-") as work:
        measure(options, Path(work))


if __name__ == "__main__":
    main()
