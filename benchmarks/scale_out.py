"""A replica on Milvus against this host's own index: what is paid for answers over several hosts.

Real embeddings of crops and mixtures of them; queries are other crops of the same pictures. Both are asked the same,
one query at a time, over all images and over a folder with a tenth of them; recall is against brute force. The replica
is asked as soon as the engine has acknowledged the images, and again once its index is built. Answers of the replica
hold hosts, paths and facts, those of this host's index do not: the catalogue has them.

The server is a real one (`scripts/milvus`), as it comes, on the same machine. It listens on every interface, so all of
this runs in a network namespace of its own. What the daemon adds is measured last: a host of so many images publishes
all of them from nothing, and then photographs land one by one, until a search of the replica names them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from simctl import Client

from benchmarks.daemon import rss_mib, running
from benchmarks.features import real
from benchmarks.freshness import single
from benchmarks.photographs import photographs
from benchmarks.report import Row, arguments, publish
from benchmarks.search_core import ids, vectors
from benchmarks.startup import prepared
from benchmarks.truth import Truth, Wide, timed
from simd.featurize.models.registry import COPY1
from simd.index.base import Searcher
from simd.index.filter import EVERYTHING, Filter
from simd.index.local import LocalIndex
from simd.index.milvus import MilvusReplica
from simd.index.replica import Entity, Replica
from simd.types import Embedding, ImageFacts, ImageId, Vector
from simd.vectors.ids import pack_ids
from simd.vectors.metric import half, normalise
from tests.milvus.inside import is_well, loopback_up, start

if TYPE_CHECKING:
    from pymilvus import MilvusClient

HERE = Path(__file__).resolve().parent.parent
URL = "http://127.0.0.1:19530"
DIMENSION = COPY1.dimension
FINGERPRINT = bytes(32)
KINDS = ("hnsw", "flat")
QUERIES = 1000
K = 10
HOST = "here"
FOLDERS = 10
"""Folders, of which one is asked for."""
ASKED_FOLDER = 3
_REAL = 10_000
_PER_PUT = 500
_EARLY = 100
_OF_FLAT = 300
"""Queries: comparing all takes long, and misses nothing."""
_LAGS = 50
_PROBES = 100
_LANDINGS = 30
_SERVER_START_S = 120.0
_WAIT_S = 900.0
_ASK_EVERY_S = 0.01
_FACTS = ImageFacts(1400, 800, "JPEG")


@contextmanager
def milvus(home: Path, work: Path) -> Iterator[int]:
    """The server; its process."""
    process = start(home, work)
    try:
        deadline = time.monotonic() + _SERVER_START_S
        while not is_well():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"Milvus does not start within {_SERVER_START_S:g} s; see {work}/logs")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Rows:
    """The images: a number each, from which the id, the path and the vector follow.

    Attributes:
        matrix: float32 `(rows, DIMENSION)`, as they are stored.
        names: the ids.
        number: the row of an id.
        truth: the right answers over all, by `QUERIES` queries.
        truth_of_folder: over the folder that is asked for.
    """

    matrix: Vector
    names: list[ImageId]
    number: dict[ImageId, int]
    queries: Vector
    truth: Truth
    truth_of_folder: Truth

    @classmethod
    def of(cls, count: int, asked: int) -> Rows:
        """`count` images, and so many queries."""
        everything = real(_REAL + QUERIES)
        queries = half(everything[-QUERIES:])[:asked]
        matrix = half(np.concatenate(list(vectors(count, everything[:-QUERIES]))))
        names = ids(count)
        folder = np.flatnonzero(np.arange(count) % FOLDERS == ASKED_FOLDER)
        over_all, over_folder = (
            Truth(lambda rows: matrix[rows], queries, _nearest(queries, matrix, among))
            for among in (np.arange(count), folder)
        )
        return cls(matrix, names, {name: row for row, name in enumerate(names)}, queries, over_all, over_folder)

    def entity(self, row: int) -> Entity:
        """What is published of a row."""
        path = b"/pictures/%d/%08d.jpg" % (row % FOLDERS, row)
        return Entity(HOST, self.names[row], self.matrix[row], b"/pictures", (path,), _FACTS)

    def in_folder(self) -> list[ImageId]:
        """The ids of the folder that is asked for."""
        return self.names[ASKED_FOLDER::FOLDERS]

    def asked(self, method: str, searcher: Searcher, folder: Filter, most: int = QUERIES) -> list[Row]:
        """Two lines of the table: over all images, and over the folder."""
        lines: list[Row] = []
        for over, truth, among in (("all", self.truth, EVERYTHING), ("a tenth", self.truth_of_folder, folder)):
            times, answers = timed(partial(self._found, searcher, among), self.queries[:most])
            p50, p99 = np.percentile(times, [50, 99])
            recall = truth.recall(answers, K)
            line: Row = {
                "method": method,
                "over": over,
                "p50_ms": float(p50),
                "p99_ms": float(p99),
                "recall_at_10": recall,
            }
            lines.append(line)
        return lines

    def _found(self, searcher: Searcher, among: Filter, query: Vector) -> list[int]:
        """The rows of an answer."""
        [answer] = searcher.search(query[np.newaxis], K, among=among)
        return [self.number[hit.image_id] for hit in answer.hits]


def local(rows: Rows, work: Path) -> list[Row]:
    """This host's own index."""
    before, began = rss_mib(os.getpid()), time.perf_counter()
    index = LocalIndex.open(work, DIMENSION, FINGERPRINT)
    for batch in _batches(len(rows.names)):
        index.put([Embedding(rows.names[row], rows.matrix[row]) for row in batch])
    put_s = time.perf_counter() - began
    index.compact()
    ready_s = time.perf_counter() - began
    try:
        first, *more = rows.asked("local", index, Filter(any_of=pack_ids(rows.in_folder())))
        held = rss_mib(os.getpid()) - before
    finally:
        index.close()
    return [{**first, "put_per_s": len(rows.names) / put_s, "ready_s": ready_s, "here_mib": held}, *more]


def is_indexed(client: MilvusClient, collection: str, rows: int) -> bool:
    """Whether so many rows are searched through the index of the collection, and not by what Milvus does until it has
    built and loaded that. Those of a collection that compares all need none."""
    flat = client.describe_index(collection, "vector")["index_type"] == "FLAT"
    segments = client.list_loaded_segments(collection)
    indexed = [one.num_rows for one in segments if one.state_name == "Sealed" and (flat or one.index_name)]
    return sum(map(int, indexed)) >= rows


def opened(kind: str) -> MilvusReplica:
    """The collection of a kind."""
    return MilvusReplica(URL, kind, dimension=DIMENSION, fingerprint=FINGERPRINT.hex(), kind=kind)


def probe(kind: str) -> None:
    """In a fresh process: by how much searching a collection makes it larger."""
    queries = half(real(_REAL + QUERIES)[:_PROBES])
    before = rss_mib(os.getpid())
    replica = opened(kind)
    replica.open()
    for query in queries:
        replica.search(query[np.newaxis], K)
    print(rss_mib(os.getpid()) - before)
    replica.close()


def probed(kind: str) -> float:
    """`probe`, run."""
    command = [sys.executable, "-m", "benchmarks.scale_out", "--inside", "--probe", kind]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def replicated(rows: Rows, kind: str, server: int) -> tuple[list[Row], list[float]]:
    """A collection of a kind: lines before and after its index is built, and the lags."""
    from pymilvus import MilvusClient

    count = len(rows.names)
    folder = Filter(prefix=b"/pictures/%d" % ASKED_FOLDER)
    client = MilvusClient(URL)
    replica = opened(kind)
    try:
        replica.open()
        began = time.perf_counter()
        for batch in _batches(count):
            replica.put([rows.entity(row) for row in batch])
        put_s = time.perf_counter() - began
        replica.count()
        early = rows.asked(f"{kind}, just put", replica, folder, most=_EARLY)
        began = time.perf_counter()
        replica.settle()
        _until(lambda: is_indexed(client, kind, count), "the index to be built", every_s=0.5)
        ready_s = put_s + time.perf_counter() - began
        first, *more = rows.asked(kind, replica, folder, most=_OF_FLAT if kind == "flat" else QUERIES)
        memory = {"here_mib": probed(kind), "server_mib": rss_mib(server)}
        lags = [lag(replica, number) for number in range(_LAGS)]
    finally:
        replica.close()
    client.drop_collection(kind)
    client.close()
    return [*early, {**first, "put_per_s": count / put_s, "ready_s": ready_s, **memory}, *more], lags


def lag(replica: Replica, number: int) -> float:
    """Seconds from when the engine acknowledged an image to its being in an answer."""
    vector = half(normalise(np.random.default_rng(number).standard_normal((1, DIMENSION), dtype=np.float32)))
    image_id = ids(number + 1)[number]
    replica.put([Entity("lag", image_id, vector[0], b"/lag", (b"/lag/%d" % number,), _FACTS)])
    began = time.perf_counter()
    _until(lambda: any(hit.distance < 0.01 for hit in replica.search(vector, 1)[0].hits), "an image to be found")
    return time.perf_counter() - began


def _nearest(queries: Vector, matrix: Vector, among: npt.NDArray[np.int64]) -> list[list[int]]:
    """The `K` nearest of some rows, by query, from comparing all of them."""
    chosen = matrix[among]
    lengths: Wide = (chosen.astype(np.float64) ** 2).sum(axis=1)
    found = []
    for query in queries:
        # The query's own length is the same for all.
        apart = lengths - 2 * (chosen @ query)
        found.append([int(row) for row in among[np.argpartition(apart, K)[:K]]])
    return found


def _batches(count: int) -> Iterator[range]:
    return (range(begin, min(begin + _PER_PUT, count)) for begin in range(0, count, _PER_PUT))


def _until(holds: Callable[[], bool], what: str, every_s: float = _ASK_EVERY_S) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {_WAIT_S:g} s for {what}")
        time.sleep(every_s)


def published(work: Path, count: int) -> dict[str, float]:
    """What a daemon of so many images needs to publish them all from nothing, and new ones as they land."""
    root, state = prepared(work / "host", count, lambda rows, _: vectors(rows, real(_REAL + QUERIES)[:_REAL]))
    config = work / "simd.toml"
    config.write_text(f'replica = "{URL}/of_the_daemon"\nreplica_host = "{HOST}"\nsearch = "replica"\natlas = "off"\n')
    began = time.perf_counter()
    with running(root, "--config", str(config), "--state-dir", str(state)) as (client, pid):
        _until(lambda: _is_current(client, count), "the host to be published")
        published_s = time.perf_counter() - began
        landed = single(client, photographs(_LANDINGS), root)
        held = rss_mib(pid)
        client.drop_replica()
    p50, p99 = np.percentile(landed, [50, 99])
    return {
        "published_s": published_s,
        "daemon_mib": held,
        "closed_to_found_p50_s": float(p50),
        "closed_to_found_p99_s": float(p99),
    }


def _is_current(client: Client, count: int) -> bool:
    replica = client.replica()
    return replica.state == "current" and replica.images >= count


def in_namespace() -> None:
    """Run this again where nothing but itself is in the network."""
    prefix = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    os.execvp("unshare", [*prefix, sys.executable, "-m", "benchmarks.scale_out", *sys.argv[1:], "--inside"])


def main() -> None:
    """Build, measure, print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=QUERIES, help=f"at most {QUERIES}")
    parser.add_argument("--kind", action="append", choices=KINDS, help="measure this kind of collection only")
    parser.add_argument("--probe", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        return probe(options.probe)
    if not options.inside:
        # What has to be fetched or made is while there is a network.
        real(_REAL + QUERIES)
        photographs(_LANDINGS)
        subprocess.run([HERE / "scripts" / "milvus"], check=True, stdout=subprocess.DEVNULL)
        in_namespace()
    loopback_up()
    with tempfile.TemporaryDirectory(prefix="simd-bench-") as work:
        return measure(Path(work), options.rows, options.queries, options.kind or KINDS, options.json)


def measure(work: Path, count: int, asked: int, kinds: Sequence[str], file: Path | None) -> None:
    """Everything about one size."""
    rows = Rows.of(count, asked)
    lines = local(rows, work / "index")
    figures: dict[str, float] = {"rows": count}
    home = Path(
        subprocess.run([HERE / "scripts" / "milvus"], check=True, capture_output=True, text=True).stdout.strip()
    )
    with milvus(home, work / "milvus") as server:
        for kind in kinds:
            more, lags = replicated(rows, kind, server)
            lines += more
            p50, p99 = np.percentile(lags, [50, 99])
            figures |= {f"{kind}_lag_p50_s": float(p50), f"{kind}_lag_p99_s": float(p99)}
        figures |= published(work, count)
    publish("scale_out", lines, figures, file)


if __name__ == "__main__":
    main()
