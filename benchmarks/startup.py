"""How soon a daemon with a large index answers, and how much memory it takes while nobody asks anything.

The state is made by hand: random vectors, and a catalogue of empty files that are taken for images. Ready is when the
health check says SERVING and a search by vector is answered; idle is when the scan of the start has ended and nobody
has asked for a minute. The page cache is warm, as it is after a restart of the daemon.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

import numpy as np
from simctl import Client
from simctl.errors import SimctlError

from benchmarks.daemon import BIN, MODELS, rss_mib, usage
from benchmarks.report import Row, arguments, publish
from benchmarks.rescan import grow, look
from simd.app.statedir import Indexes
from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.config import DEFAULT_MODEL
from simd.featurize.models.model import Model, resolve
from simd.index.local import LocalIndex
from simd.storage.store import StoreOptions
from simd.types import Embedding, FileKey, ImageFacts, ImageId, Stamp, Vector, image_id_of
from simd.vectors.metric import normalise
from simd.watch.roots import identify

_PER_PUT = 8192
_PER_TRANSACTION = 20_000
IDLE_S = 65.0
"""After so long the daemon has given back what searches made resident."""

_FACTS = ImageFacts(800, 600, "JPEG")


def name_of(row: int) -> ImageId:
    """The id of a row: a hash, as real ones are."""
    return image_id_of(b"%d" % row)


def fill_index(state: Path, model: Model, rows: int, chunks: Iterable[Vector]) -> None:
    """Put vectors into the model's index, as many as `rows` in all."""
    options = StoreOptions(flush_rows=min(max(4096, rows // 10), 1_000_000))
    directory = Indexes(state).directory(model.fingerprint.hex())
    directory.parent.mkdir(parents=True, exist_ok=True)
    index = LocalIndex.open(directory, model.spec.dimension, model.fingerprint, options=options)
    names = map(name_of, count())
    for vectors in chunks:
        index.put([Embedding(name, vector) for vector, name in zip(vectors, names, strict=False)])
    index.compact()
    index.close()


def random_vectors(rows: int, dimension: int) -> Iterator[Vector]:
    """Chunks of random vectors, `rows` in all."""
    random = np.random.default_rng(0)
    for start in range(0, rows, _PER_PUT):
        yield unit(random, min(_PER_PUT, rows - start), dimension)


def unit(random: np.random.Generator, count: int, dimension: int) -> Vector:
    """Random vectors of length 1, exact in float16."""
    drawn = normalise(random.standard_normal((count, dimension), dtype=np.float32))
    return drawn.astype(np.float16).astype(np.float32)


def fill_catalogue(state: Path, root: Path) -> None:
    """Tell the catalogue that every file of the tree is an image of its own."""
    catalogue = Catalogue.open(state / "catalogue.sqlite")
    [known] = catalogue.sync_roots([os.fsencode(root)])
    catalogue.set_identity(known.root_id, identify(known.path))
    prefix = len(str(root)) + 1
    lines: Iterator[IndexedFile] = (
        IndexedFile(FileKey(known.root_id, os.fsencode(e.path[prefix:])), Stamp.of(e.stat()), name_of(row), _FACTS)
        for row, e in enumerate(look(str(root)))
    )
    while page := list(islice(lines, _PER_TRANSACTION)):
        catalogue.record(page)
    catalogue.close()


def prepared(
    work: Path, rows: int, vectors: Callable[[int, int], Iterable[Vector]] = random_vectors
) -> tuple[Path, Path]:
    """A root and a state directory of so many images; used again where they were made before.

    Args:
        work: where to make them.
        rows: how many.
        vectors: gives so many of such a dimension, in chunks.
    """
    work = work.resolve()
    root, state, made = work / "root", work / "state", work / "made"
    if not made.exists():
        root.mkdir(parents=True)
        state.mkdir()
        grow(root, rows)
        model = resolve(DEFAULT_MODEL, MODELS)
        fill_index(state, model, rows, vectors(rows, model.spec.dimension))
        fill_catalogue(state, root)
        made.touch()
    return root, state


def measure(root: Path, state: Path, rows: int, runs: int) -> Row:
    """The best of some starts, and the memory of the last."""
    ready: list[float] = []
    cpu_s: list[float] = []
    for run in range(runs):
        with tempfile.TemporaryDirectory(prefix="simd-bench-") as socket:
            address = f"unix:{socket}/s"
            began = time.perf_counter()
            command = [
                str(BIN / "simd"), "serve", "--root", str(root), "--state-dir", str(state), "--listen", address,
                "--models-dir", str(MODELS), "--log-level", "warning",
            ]  # fmt: skip
            process = subprocess.Popen(command)
            try:
                with Client(address) as client:
                    until_answered(client, process)
                    ready.append(time.perf_counter() - began)
                    cpu_s.append(usage(process.pid).cpu_s)
                    settle(client, rows)
                    if run == runs - 1:
                        time.sleep(IDLE_S)
                    idle, everything = rss_mib(process.pid), usage(process.pid).memory_mib
            finally:
                process.terminate()
                began = time.perf_counter()
                process.wait(60)
            stopped = time.perf_counter() - began
    return {
        "images": rows, "ready_s": min(ready), "ready_max_s": max(ready), "ready_cpu_s": min(cpu_s),
        "idle_rss_mb": idle, "idle_with_children_mb": everything, "stop_s": stopped,
    }  # fmt: skip


def until_answered(client: Client, process: subprocess.Popen[bytes], timeout_s: float = 300.0) -> None:
    """Wait until a search is answered."""
    vector = [1.0] + 1279 * [0.0]
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the daemon ended with status {process.returncode}")
        with suppress(SimctlError):
            if client.health(timeout=1.0) == "SERVING" and client.search(vector=vector, timeout=5.0).matches:
                return
        time.sleep(0.01)
    raise SystemExit(f"the daemon did not answer within {timeout_s:g} s")


def settle(client: Client, rows: int) -> None:
    """Wait until the scan of the start has ended; it must have found nothing."""
    status = client.wait(600.0)
    if not status.settled or client.status().images != rows:
        raise SystemExit(f"not {rows} settled images: {client.status()}")


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, action="append", metavar="N", help="may be given more than once")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where the states are made, and left for the next time"
    )
    options = parser.parse_args()
    work = options.keep or Path(tempfile.mkdtemp(prefix="simd-bench-"))
    try:
        results = []
        for rows in options.rows or [100_000]:
            root, state = prepared(work / str(rows), rows)
            results.append(measure(root, state, rows, options.runs))
        figures = {
            key: float(results[0][key])
            for key in ("ready_s", "ready_cpu_s", "idle_rss_mb", "idle_with_children_mb", "stop_s")
        }
        publish("startup", results, figures, options.json)
    finally:
        if options.keep is None:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
