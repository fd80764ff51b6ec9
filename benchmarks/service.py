"""What a search costs over the socket, against the sum of its parts, alone and with many callers, and under overload.

100,000 images are indexed: embeddings of real crops, with a catalogue that takes empty files for them. Queries are
photographs of 1400 x 800 that are not indexed, so that each is decoded, goes through the backbone and searches.

* The parts are measured in the same run, in turns with the daemon, in this process: decoding, the backbone with all
  cores on one picture, the search core.
* The limit of the throughput is cores / the CPU seconds of the three, the backbone in its cheapest form. The callers
  run on the same cores, and what they take is in `callers_cpu_ms`.
* What the calls themselves cost, on both sides, is measured with as many callers of a service that does nothing with
  the same pictures: `throughput_of_reachable` is against the limit with that added.
* Overload is twice the measured capacity, by the clock: who is not answered must be told why, and when to try again.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from simctl import Client

from benchmarks import transport
from benchmarks.daemon import BIN, MODELS, rss_mib, usage
from benchmarks.features import real
from benchmarks.load import Outcome, by_the_clock, in_one_stream, together
from benchmarks.photographs import photographs
from benchmarks.report import Row, arguments, publish
from benchmarks.startup import IDLE_S, prepared, settle, until_answered
from simd.app.statedir import Indexes
from simd.config import DEFAULT_MODEL
from simd.featurize.decode.decode import DecodeLimits, decode
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.model import resolve
from simd.index.local import LocalIndex
from simd.types import Vector
from simd.vectors.metric import half, normalise

_LIMITS = DecodeLimits(max_bytes=1 << 29, max_pixels=250_000_000)
_K = 10
_TURN = 10
_CHUNK = 8192
_CALLERS = (1, 4, 16)


def embeddings(rows: int, dimension: int) -> Iterator[Vector]:
    """The real ones, in chunks."""
    found = half(normalise(real(rows)))
    if found.shape[1] != dimension:
        raise SystemExit(f"embeddings of {found.shape[1]} values for a model of {dimension}")
    yield from (found[at : at + _CHUNK] for at in range(0, rows, _CHUNK))


class Parts:
    """What a search is made of, in this process.

    Args:
        state: a state directory; its index is copied, because the daemon has it.
        work: where to.
        cores: to use.
    """

    def __init__(self, state: Path, work: Path, cores: int) -> None:
        self.model = resolve(DEFAULT_MODEL, MODELS)
        source = Indexes(state).directory(self.model.fingerprint.hex())
        shutil.copytree(source, work)
        # The daemon's start would wait for the disk to have it.
        os.sync()
        self.index = LocalIndex.open(work, self.model.spec.dimension, self.model.fingerprint, cores=cores)
        self.alone = Featurizer(OpenVinoEngine(self.model, threads=cores, throughput=False), self.model)
        self.many = Featurizer(OpenVinoEngine(self.model, threads=cores, throughput=True), self.model)

    def steps(self, picture: bytes) -> list[float]:
        """Seconds of decoding, of the backbone and of the search of one picture."""
        at = [time.perf_counter()]
        pixels = decode(picture, self.model.spec.size, _LIMITS).pixels
        at.append(time.perf_counter())
        vectors = self.alone.embed(pixels[None])
        at.append(time.perf_counter())
        self.index.search(vectors, _K)
        at.append(time.perf_counter())
        return list(np.diff(at))

    def cpu_s(self, pictures: Sequence[bytes]) -> list[float]:
        """CPU seconds of decoding, of the backbone and of the search, per picture."""
        at = [time.process_time()]
        pixels = np.stack([decode(picture, self.model.spec.size, _LIMITS).pixels for picture in pictures])
        at.append(time.process_time())
        vectors = self.many.embed(pixels)
        at.append(time.process_time())
        for vector in vectors:
            self.index.search(vector[None], _K)
        at.append(time.process_time())
        return list(np.diff(at) / len(pictures))


@dataclass(slots=True)
class Times:
    """Seconds, one after the other."""

    by_image: list[float] = field(default_factory=list)
    by_vector: list[float] = field(default_factory=list)
    parts: list[list[float]] = field(default_factory=list)

    def rows(self) -> list[Row]:
        """Lines of the table."""
        decoding, backbone, search = (list(taken) for taken in zip(*self.parts, strict=True))
        named = {
            "by picture": self.by_image, "by vector": self.by_vector, "sum of the parts": self.sums(),
            "decoding alone": decoding, "backbone alone": backbone, "search core alone": search,
        }  # fmt: skip
        return [{"what": name, "p50_ms": p50_ms(taken), "p99_ms": p99_ms(taken)} for name, taken in named.items()]

    def sums(self) -> list[float]:
        """Seconds of all parts of each picture."""
        return [sum(taken) for taken in self.parts]


def p50_ms(taken: Sequence[float]) -> float:
    """The median in milliseconds."""
    return statistics.median(taken) * 1e3


def p99_ms(taken: Sequence[float]) -> float:
    """What all but one in a hundred stay within, in milliseconds."""
    return float(np.quantile(taken, 0.99)) * 1e3


def one_by_one(client: Client, parts: Parts, pictures: Sequence[bytes], vectors: Vector) -> Times:
    """The daemon and the parts take turns, because the machine's speed drifts."""
    times = Times()
    lists = [[float(value) for value in vector] for vector in vectors]
    for start in range(0, len(pictures), _TURN):
        turn = slice(start, start + _TURN)
        times.by_image += _timed(lambda picture: client.search(image=picture, limit=_K), pictures[turn])
        times.parts += [parts.steps(picture) for picture in pictures[turn]]
        times.by_vector += _timed(lambda vector: client.search(vector=vector, limit=_K), lists[turn])
    return times


def _timed(act: Callable[..., object], queries: Iterable[object]) -> list[float]:
    taken = []
    for query in queries:
        began = time.perf_counter()
        act(query)
        taken.append(time.perf_counter() - began)
    return taken


@dataclass(frozen=True, slots=True)
class Started:
    """A daemon that answers: its client, its process and how long it took."""

    client: Client
    pid: int
    ready_s: float


@contextmanager
def started(root: Path, state: Path) -> Iterator[Started]:
    """The daemon, from its start until it has looked at every file."""
    with tempfile.TemporaryDirectory(prefix="simd-bench-") as socket:
        command = [
            str(BIN / "simd"), "serve", "--root", str(root), "--state-dir", str(state), "--listen", f"unix:{socket}/s",
            "--models-dir", str(MODELS), "--log-level", "warning",
        ]  # fmt: skip
        began = time.perf_counter()
        process = subprocess.Popen(command)
        try:
            with Client(f"unix:{socket}/s") as client:
                until_answered(client, process)
                yield Started(client, process.pid, time.perf_counter() - began)
        finally:
            process.terminate()
            process.wait(60)


def overload(daemon: Started, pictures: Sequence[bytes], capacity: float, seconds: float) -> dict[str, float]:
    """Twice the capacity for so long."""
    memory: list[float] = []
    watch = lambda: memory.append(usage(daemon.pid).memory_mib)  # noqa: E731
    outcome = by_the_clock(daemon.client.address, daemon.pid, pictures, 2 * capacity, seconds, watch)
    third = max(1, len(memory) // 3)
    offered = len(outcome.answered_ms) + sum(outcome.told.values())
    for text, times in outcome.told.items():
        print(f"under overload, {times} times: {text}")
    return {
        "overload_s": outcome.seconds,
        "overload_offered_per_s": offered / outcome.seconds,
        "overload_answered_per_s": outcome.per_s,
        "overload_answered_over_capacity": outcome.per_s / capacity,
        "overload_answered_p99_ms": outcome.quantile_ms(0.99),
        "overload_refused": float(outcome.told["OVERLOADED"]),
        "overload_refused_p50_ms": statistics.median(outcome.refused_ms) if outcome.refused_ms else 0.0,
        "overload_lost": float(outcome.lost),
        "overload_memory_mb": max(memory),
        "overload_growth_mb": max(memory[-third:]) - max(memory[:third]),
    }


def load_row(callers: int, outcome: Outcome) -> Row:
    """A line of the table."""
    answered = len(outcome.answered_ms)
    return {
        "what": f"{callers} callers", "p50_ms": outcome.quantile_ms(0.5), "p99_ms": outcome.quantile_ms(0.99),
        "per_s": outcome.per_s, "cpu_ms": outcome.cpu_s / answered * 1e3,
        "callers_cpu_ms": outcome.callers_cpu_s / answered * 1e3, "lost": sum(outcome.told.values()),
    }  # fmt: skip


def calls_alone(pictures: Sequence[bytes], seconds: float) -> tuple[Row, float]:
    """A line of the table, and the CPU seconds of a call of which nothing comes, those of its caller included."""
    with transport.empty() as (address, pid):
        together(address, pid, pictures, max(_CALLERS), seconds / 4)
        outcome = together(address, pid, pictures, max(_CALLERS), seconds)
    row = {**load_row(max(_CALLERS), outcome), "what": f"{max(_CALLERS)} callers of a service that does nothing"}
    return row, (outcome.cpu_s + outcome.callers_cpu_s) / len(outcome.answered_ms)


def measure(options: Namespace, work: Path) -> None:
    """Everything, one after the other."""
    cores = len(os.sched_getaffinity(0))
    root, state = prepared(work / f"real-{options.rows}", options.rows, embeddings)
    pictures = [path.read_bytes() for path in photographs(options.queries)]
    scratch = work / "parts"
    shutil.rmtree(scratch, ignore_errors=True)
    parts = Parts(state, scratch, cores)
    vectors = np.concatenate(
        [parts.many.embed(decode(p, parts.model.spec.size, _LIMITS).pixels[None]) for p in pictures]
    )
    with started(root, state) as daemon:
        settle(daemon.client, options.rows)
        time.sleep(IDLE_S)
        idle = rss_mib(daemon.pid)
        one_by_one(daemon.client, parts, pictures[:_TURN], vectors[:_TURN])
        times = one_by_one(daemon.client, parts, pictures, vectors)
        loads, costs = {}, [parts.cpu_s(pictures)]
        for n in _CALLERS:
            loads[n] = together(daemon.client.address, daemon.pid, pictures, n, options.load_s)
            costs.append(parts.cpu_s(pictures))
        stream = in_one_stream(daemon.client.address, daemon.pid, pictures, options.load_s)
        most = max(outcome.per_s for outcome in loads.values())
        strain = overload(daemon, pictures, most, options.overload_s) if options.overload_s else {}
        after = rss_mib(daemon.pid)
    shutil.rmtree(scratch)
    calls, call_s = calls_alone(pictures, options.load_s)
    # Those right before and after the most callers, because the machine's speed drifts.
    decoding, backbone, search = np.mean(costs[-2:], axis=0)
    limit = cores / (decoding + backbone + search)
    busiest = loads[max(_CALLERS)]
    rows: list[Row] = [
        *times.rows(),
        *(load_row(callers, outcome) for callers, outcome in loads.items()),
        {**load_row(1, stream), "what": "a stream of searches"},
        calls,
        {"what": "limit of the cores", "per_s": limit, "cpu_ms": cores / limit * 1e3},
    ]
    figures = {
        "rows": float(options.rows),
        "by_image_over_parts": p50_ms(times.by_image) / p50_ms(times.sums()),
        "by_image_p50_ms": p50_ms(times.by_image),
        "by_vector_p50_ms": p50_ms(times.by_vector),
        "throughput_of_limit": busiest.per_s / limit,
        "stream_of_limit": stream.per_s / limit,
        "throughput_of_reachable": busiest.per_s * (1 / limit + call_s / cores),
        "cpu_over_limit": busiest.cpu_s / len(busiest.answered_ms) * limit / cores,
        "cores_in_use": busiest.cpu_s / busiest.seconds,
        "lost": float(sum(sum(outcome.told.values()) for outcome in (*loads.values(), stream))),
        "ready_s": daemon.ready_s,
        "idle_rss_mb": idle,
        "rss_after_mb": after,
        **strain,
    }
    publish("service", rows, figures, options.json)


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200, help="how many different pictures are asked for")
    parser.add_argument("--load-s", type=float, default=15.0, metavar="S", help="seconds for each number of callers")
    parser.add_argument("--overload-s", type=float, default=30.0, metavar="S", help="seconds; 0 leaves it out")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the state is made, and left for the next time")
    options = parser.parse_args()
    work = options.keep or Path(tempfile.mkdtemp(prefix="simd-bench-"))
    try:
        measure(options, work)
    finally:
        if options.keep is None:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
