"""In-memory doubles of what stands behind the server, and a real server on a unix socket in front of them."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simd.catalogue.rows import Counts, LedgerLine
from simd.errors import ImageRejected, Reason
from simd.index.base import Answer, IndexStats
from simd.serving.ports import DeviceInfo, ModelInfo
from simd.serving.queries import Queries
from simd.serving.readiness import Readiness, Services
from simd.serving.rootfiles import RootFiles
from simd.serving.server import Server
from simd.types import (
    AddReport,
    Embedding,
    FileKey,
    Hit,
    ImageFacts,
    ImageId,
    Pixels,
    Progress,
    Rejection,
    RemoveReport,
    Root,
    RootStatus,
    ScanReport,
    Stamp,
    Vector,
    image_id_of,
)

DIMENSION = 4
_MIB = 1 << 20
_FACTS = ImageFacts(640, 480, "TEXT")


class MemoryIndex:
    """An index of a few vectors."""

    def __init__(self) -> None:
        self.vectors: dict[ImageId, Vector] = {}
        self.dead: dict[ImageId, Vector] = {}
        self.asked: list[int] = []

    @property
    def dimension(self) -> int:
        return DIMENSION

    def put(self, embeddings: Sequence[Embedding]) -> None:
        self.vectors.update((e.image_id, e.vector) for e in embeddings)

    def delete(self, image_ids: Sequence[ImageId]) -> int:
        gone = [i for i in image_ids if i in self.vectors]
        self.dead.update((i, self.vectors.pop(i)) for i in gone)
        return len(gone)

    def contains(self, image_id: ImageId) -> bool:
        return image_id in self.vectors

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        found = self.vectors.get(image_id)
        return self.dead.get(image_id) if found is None and deleted else found

    def search(
        self, queries: Vector, k: int, *, among: Collection[ImageId] | None = None, exact: bool = False
    ) -> list[Answer]:
        assert queries.dtype == np.float32 and queries.shape == (1, DIMENSION)
        self.asked.append(k)
        considered = [i for i in self.vectors if among is None or i in among]
        hits = [Hit(i, float(np.linalg.norm(self.vectors[i] - queries[0]))) for i in considered]
        hits.sort(key=lambda hit: (hit.distance, hit.image_id))
        return [Answer(hits[:k], len(considered), exact)]

    def ids(self) -> Iterator[ImageId]:
        return iter(self.vectors)

    def __len__(self) -> int:
        return len(self.vectors)

    def compact(self) -> None:
        self.dead.clear()

    def check(self) -> list[str]:
        return []

    def stats(self) -> IndexStats:
        return IndexStats("memory", DIMENSION, len(self.vectors), len(self.dead), 4096, {"segments": 1})

    def close(self) -> None:
        self.vectors.clear()


@dataclass
class MemoryCatalogue:
    """Files and images in dictionaries; also the ledger."""

    files: dict[bytes, ImageId] = field(default_factory=dict)
    facts: dict[ImageId, ImageFacts] = field(default_factory=dict)
    ledger: list[LedgerLine] = field(default_factory=list)

    def image_at(self, path: bytes) -> ImageId | None:
        return self.files.get(path)

    def images_under(self, prefix: bytes) -> set[ImageId]:
        return {i for path, i in self.files.items() if path.startswith(prefix.rstrip(b"/") + b"/")}

    def files_of(self, image_ids: Iterable[ImageId]) -> dict[ImageId, list[bytes]]:
        found = {i: sorted(path for path, image in self.files.items() if image == i) for i in image_ids}
        return {i: paths for i, paths in found.items() if paths}

    def facts_of(self, image_ids: Iterable[ImageId]) -> dict[ImageId, ImageFacts]:
        return {i: self.facts[i] for i in image_ids if i in self.facts}

    def counts(self) -> Counts:
        by_reason: dict[str, int] = {}
        for line in self.ledger:
            by_reason[line.rejection.reason] = by_reason.get(line.rejection.reason, 0) + 1
        return Counts(len(set(self.files.values())), len(self.files), {}, by_reason)

    def rejections(self, *, after: FileKey | None, limit: int, under: bytes) -> Sequence[LedgerLine]:
        lines = [line for line in self.ledger if line.path.startswith(under) and (after is None or line.key > after)]
        return sorted(lines, key=lambda line: line.key)[:limit]


@dataclass(frozen=True)
class Picture:
    """What the decoder double gives."""

    pixels: Pixels


class TextDecoder:
    """Reads `picture a b c` as a picture of three pixels' worth of direction; everything else is no image.

    Args:
        hold: decoding ends only when this is set.
    """

    def __init__(self, hold: threading.Event | None = None) -> None:
        self.hold = hold
        self.started = threading.Event()
        self.cancelled = threading.Event()
        self.decoded = 0

    def submit_bytes(self, data: bytes) -> Future[Picture]:
        future: Future[Picture] = Future()
        future.add_done_callback(lambda f: self.cancelled.set() if f.cancelled() else None)
        self.started.set()
        if self.hold is None:
            self._finish(future, data)
        else:
            threading.Thread(target=self._later, args=(future, data), daemon=True).start()
        return future

    def _later(self, future: Future[Picture], data: bytes) -> None:
        assert self.hold is not None
        self.hold.wait(10)
        if not future.cancelled():
            self._finish(future, data)

    def _finish(self, future: Future[Picture], data: bytes) -> None:
        self.decoded += 1
        if data == b"closed":
            future.cancel()
        elif data == b"explode":
            future.set_exception(RuntimeError("the secret of the decoder"))
        elif not data.startswith(b"picture "):
            future.set_exception(ImageRejected(Reason.NOT_AN_IMAGE, "the bytes are not an image"))
        else:
            values = [int(word) for word in data.split()[1:4]]
            future.set_result(Picture(np.array(values, dtype=np.uint8).reshape(1, 1, 3)))


def vector_of(*values: float) -> Vector:
    wide = np.array([*values, 1.0], dtype=np.float32)
    return (wide / np.linalg.norm(wide)).astype(np.float32)


class TinyFeaturizer:
    """An embedding is the pixel's direction."""

    def __init__(self) -> None:
        self.batches = 0

    def embed(self, pixels: Pixels) -> Vector:
        self.batches += 1
        return np.stack([vector_of(*picture.reshape(3)) for picture in pixels])


@dataclass
class MemoryIngest:
    """Answers what it was told to answer, and remembers what it was asked."""

    add_report: AddReport = field(default_factory=lambda: AddReport(1, 0))
    remove_report: RemoveReport = field(default_factory=lambda: RemoveReport(1, 1))
    scan_report: ScanReport = field(default_factory=lambda: ScanReport(3, 1, 0))
    pending: list[int] = field(default_factory=lambda: [0])
    roots_: list[RootStatus] = field(default_factory=list)
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, paths: Sequence[bytes]) -> AddReport:
        self.calls.append(("add", *paths))
        return self.add_report

    def remove(self, paths: Sequence[bytes], image_ids: Sequence[ImageId]) -> RemoveReport:
        self.calls.append(("remove", *paths, *image_ids))
        return self.remove_report

    def scan(self, paths: Sequence[bytes], *, retry_rejected: bool, confirm_deletes: bool = False) -> ScanReport:
        self.calls.append(("scan", *paths, retry_rejected, confirm_deletes))
        return self.scan_report

    def progress(self) -> Progress:
        """The readings in turn; the last one stays."""
        pending = self.pending.pop(0) if len(self.pending) > 1 else self.pending[0]
        return Progress(pending=pending, paused=False, scanning=False, images_per_s=12.5)

    def roots(self) -> Sequence[RootStatus]:
        return self.roots_


class Bench:
    """A server and all its doubles.

    Args:
        directory: a short path for the socket and the root.
        decoder: another decoder.
    """

    def __init__(self, directory: Path, *, decoder: TextDecoder | None = None, max_request_bytes: int = _MIB) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.root.mkdir()
        self.listen = f"unix:{directory}/simd.sock"
        self.index = MemoryIndex()
        self.catalogue = MemoryCatalogue()
        self.decoder = decoder or TextDecoder()
        self.featurizer = TinyFeaturizer()
        status = RootStatus(Root(1, os.fsencode(self.root), 0, 0), True, "events", 2, 1.7e9)
        self.ingest = MemoryIngest(roots_=[status])
        self.readiness = Readiness()
        self.server = Server(self.listen, self.readiness, max_request_bytes=max_request_bytes, threads=4)

    @property
    def services(self) -> Services:
        return Services(
            queries=self.queries(),
            index=self.index,
            ledger=self.catalogue,
            ingest=self.ingest,
            model=ModelInfo("tiny", DIMENSION, "ab" * 16, "Apache-2.0"),
            device=DeviceInfo("cpu", "numpy", "there is nothing else"),
        )

    def queries(self) -> Queries:
        return Queries(
            index=self.index,
            catalogue=self.catalogue,
            decoder=self.decoder,
            featurizer=self.featurizer,
            files=RootFiles(lambda: [root.root.path for root in self.ingest.roots()], 1 << 20),
        )

    def put(self, name: str | bytes, data: bytes, facts: ImageFacts | None = _FACTS) -> ImageId:
        """An indexed file in the root."""
        path = os.path.join(os.fsencode(self.root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)
        image_id = image_id_of(data)
        values = [int(word) for word in data.split()[1:4]]
        self.index.put([Embedding(image_id, vector_of(*values))])
        self.catalogue.files[path] = image_id
        if facts is not None:
            self.catalogue.facts[image_id] = facts
        return image_id

    def reject(self, name: str | bytes, reason: Reason, detail: str) -> bytes:
        """A line in the ledger."""
        path = os.path.join(os.fsencode(self.root), os.fsencode(name))
        key = FileKey(1, os.fsencode(name))
        stamp = Stamp(17, 1_700_000_000_500_000_000, 1)
        self.catalogue.ledger.append(LedgerLine(key, path, stamp, Rejection(reason, detail), 1_700_000_100_000))
        return path


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    directory = Path(tempfile.mkdtemp(prefix="simd-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def serving(
    *, ready: bool = True, decoder: TextDecoder | None = None, max_request_bytes: int = _MIB
) -> Iterator[Bench]:
    """A server that answers on a unix socket."""
    with short_directory() as directory:
        bench = Bench(directory, decoder=decoder, max_request_bytes=max_request_bytes)
        bench.server.start()
        try:
            if ready:
                bench.server.open(bench.services)
            yield bench
        finally:
            bench.server.stop(0.2)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """An environment in which a subprocess finds `simd` and `simctl`, and nothing else of this one's settings."""
    top = Path(__file__).parents[2]
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return {**kept, "PYTHONPATH": f"{top}:{top / 'client'}", **extra}
