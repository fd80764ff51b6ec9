"""Whether searches starve while pictures are indexed: their time on an idle daemon and on a busy one.

One client searches by vector and by picture in turn, with a pause between two searches, as people do. Then thousands of
pictures are added at once and it goes on until they are indexed. The pictures searched with are not indexed, so each
search by picture decodes and runs the backbone. Bound: busy p99 at most 4 times idle p99.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from simctl import Client

from benchmarks.daemon import running, usage
from benchmarks.photographs import Maker
from benchmarks.pictures import CACHE, files
from benchmarks.report import Row, arguments, publish

_PAUSE_S = 0.02
_KINDS = ("vector", "picture")


@dataclass
class Times:
    """Milliseconds by kind of search."""

    ms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})

    def row(self, state: str, kind: str) -> Row:
        """One line of the table."""
        p50, p99 = np.percentile(self.ms[kind], [50, 99])
        return {"daemon": state, "search by": kind, "searches": len(self.ms[kind]), "p50_ms": p50, "p99_ms": p99}

    def p99(self, kind: str) -> float:
        """The time that one search in a hundred exceeds."""
        return float(np.percentile(self.ms[kind], 99))


class Searcher:
    """Searches with the same queries again and again."""

    def __init__(self, client: Client, pictures: Sequence[bytes], vectors: Sequence[Sequence[float]]) -> None:
        self._client = client
        self._queries: dict[str, Sequence[object]] = {"picture": pictures, "vector": vectors}
        self._turn = 0

    def search(self, times: Times) -> None:
        """One search of each kind."""
        self._turn += 1
        for kind in _KINDS:
            query = self._queries[kind][self._turn % len(self._queries[kind])]
            time.sleep(_PAUSE_S)
            began = time.perf_counter()
            if kind == "vector":
                self._client.search(vector=query)  # type: ignore[arg-type]
            else:
                self._client.search(image=query)  # type: ignore[arg-type]
            times.ms[kind].append((time.perf_counter() - began) * 1e3)

    def until(self, done: Callable[[], bool]) -> Times:
        """Search until it is so."""
        times = Times()
        while not done():
            self.search(times)
        return times


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--pictures", type=int, default=3000, help="how many are indexed meanwhile")
    parser.add_argument("--searches", type=int, default=300, help="of each kind, on the idle daemon")
    args = parser.parse_args()
    found = files("openclipart-png")[: args.pictures + 500]
    maker = Maker((800, 600))
    queries = [maker.jpeg(number) for number in range(40)]
    with _folder(found[:500]) as before, _folder(found[500:]) as more, running(before) as (client, pid):
        rng = np.random.default_rng(0)
        dimension = int(client.status().model["dimension"])
        vectors = rng.normal(size=(40, dimension)).astype(np.float32).tolist()
        searcher = Searcher(client, queries, vectors)
        searcher.until(_after(20))
        idle = searcher.until(_after(args.searches))
        settled, began, cpu = _Settled(client), time.perf_counter(), usage(pid).cpu_s
        client.add([more])
        busy = searcher.until(settled)
        took, cpu = time.perf_counter() - began, usage(pid).cpu_s - cpu
    rows = [times.row(state, kind) for kind in _KINDS for state, times in (("idle", idle), ("indexing", busy))]
    figures = {f"by_{kind}_p99_busy_over_idle": busy.p99(kind) / idle.p99(kind) for kind in _KINDS}
    figures |= {"images_per_s": len(found[500:]) / took, "cores_used": cpu / took}
    publish("starvation", rows, figures, args.json)


class _Settled:
    """Whether nothing is pending, asked no more than ten times a second."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked = time.perf_counter()

    def __call__(self) -> bool:
        """Ask."""
        if time.perf_counter() - self._asked < 0.1:
            return False
        self._asked = time.perf_counter()
        return self._client.status().settled


def _after(count: int) -> Callable[[], bool]:
    """True from the call after so many."""
    left = iter(range(count))
    return lambda: next(left, None) is None


@contextmanager
def _folder(pictures: Sequence[Path]) -> Iterator[Path]:
    """A folder of links to pictures, on the same disk as they."""
    path = Path(tempfile.mkdtemp(prefix="starvation-", dir=CACHE))
    try:
        for number, picture in enumerate(pictures):
            os.link(picture, path / f"{number:06d}{picture.suffix}")
        yield path
    finally:
        shutil.rmtree(path)


if __name__ == "__main__":
    main()
