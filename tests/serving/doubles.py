"""In-memory doubles of what stands behind the server, and a real server on a unix socket in front of them."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simd.catalogue.rows import Counts, Known, LedgerLine, ListedFile, Shown
from simd.errors import CorruptStore, ImageRejected, Reason
from simd.index.base import Answer, IndexStats
from simd.serving.auth import Tokens
from simd.serving.door import Door
from simd.serving.metrics import Metrics
from simd.serving.ports import Decoder, DeviceInfo, ModelInfo
from simd.serving.queries import Queries
from simd.serving.readiness import Readiness, Services
from simd.serving.rootfiles import RootFiles
from simd.serving.served import Served, Serving
from simd.serving.server import Server
from simd.serving.tls import Tls
from simd.types import (
    AddReport,
    Embedding,
    Explanation,
    FileKey,
    Hit,
    ImageFacts,
    ImageId,
    PauseState,
    Pixels,
    Progress,
    Rejection,
    RemoveReport,
    Root,
    RootStatus,
    ScanReport,
    Size,
    Stamp,
    SwitchStatus,
    Vector,
    image_id_of,
)

DIMENSION = 4
SIZE = (1, 1)
_MIB = 1 << 20
_FACTS = ImageFacts(640, 480, "TEXT")


DAMAGE = CorruptStore("/state/index/vectors.npy", 42, "bad checksum")


class MemoryIndex:
    """An index of a few vectors."""

    def __init__(self) -> None:
        self.vectors: dict[ImageId, Vector] = {}
        self.dead: dict[ImageId, Vector] = {}
        self.asked: list[int] = []
        self.scans: list[int] = []
        self.problems: list[str] = []
        self.failure: Exception | None = None
        self.damage: CorruptStore | None = None
        self.checking = threading.Event()
        self.checking.set()

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

    def missing(self, image_ids: Sequence[ImageId]) -> list[ImageId]:
        return [i for i in image_ids if i not in self.vectors]

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        self._refuse_if_damaged()
        found = self.vectors.get(image_id)
        return self.dead.get(image_id) if found is None and deleted else found

    def search(
        self, queries: Vector, k: int, *, among: Collection[ImageId] | None = None, exact: bool = False
    ) -> list[Answer]:
        assert queries.dtype == np.float32 and queries.shape[1:] == (DIMENSION,)
        if self.failure is not None:
            raise self.failure
        self._refuse_if_damaged()
        self.asked.append(k)
        self.scans.append(len(queries))
        considered = [i for i in self.vectors if among is None or i in among]
        answers = []
        for query in queries:
            hits = [Hit(i, float(np.linalg.norm(self.vectors[i] - query))) for i in considered]
            hits.sort(key=lambda hit: (hit.distance, hit.image_id))
            answers.append(Answer(hits[:k], len(considered), exact))
        return answers

    def ids(self) -> Iterator[ImageId]:
        return iter(self.vectors)

    def __len__(self) -> int:
        return len(self.vectors)

    def embeddings(self) -> Iterator[Embedding]:
        self._refuse_if_damaged()
        return iter([Embedding(i, self.vectors[i]) for i in sorted(self.vectors)])

    def compact(self, pause: Callable[[], None] = lambda: None) -> None:
        pause()
        self.dead.clear()

    def check(self, pause: Callable[[int], None] = lambda count: None) -> list[str]:
        for _ in range(4):
            pause(1024)
            self.checking.wait()
        return self.problems

    def stats(self) -> IndexStats:
        return IndexStats("memory", DIMENSION, len(self.vectors), len(self.dead), 4096, {"segments": 1})

    def close(self) -> None:
        self.vectors.clear()

    def _refuse_if_damaged(self) -> None:
        if self.damage is not None:
            raise self.damage.again()


@dataclass
class MemoryCatalogue:
    """Files and images in dictionaries; also the ledger."""

    by_path: dict[bytes, ImageId] = field(default_factory=dict)
    stamps: dict[bytes, Stamp] = field(default_factory=dict)
    facts: dict[ImageId, ImageFacts] = field(default_factory=dict)
    ledger: list[LedgerLine] = field(default_factory=list)
    damage: CorruptStore | None = None
    readable: bool = True
    sizes: set[int] = field(default_factory=set)

    def has_size(self, size: int) -> bool:
        return size in self.sizes

    def known_at(self, path: bytes) -> Known | None:
        return Known(self.stamps[path], self.by_path[path], None) if path in self.by_path else None

    def images_under(self, prefix: bytes) -> set[ImageId]:
        return {i for path, i in self.by_path.items() if path.startswith(prefix.rstrip(b"/") + b"/")}

    def shown(self, image_ids: Iterable[ImageId]) -> dict[ImageId, Shown]:
        return {i: Shown(paths, self.facts.get(i)) for i, paths in self.files_of(image_ids).items()}

    def files_of(self, image_ids: Iterable[ImageId]) -> dict[ImageId, list[bytes]]:
        found = {i: sorted(path for path, image in self.by_path.items() if image == i) for i in image_ids}
        return {i: paths for i, paths in found.items() if paths}

    def facts_of(self, image_ids: Iterable[ImageId]) -> dict[ImageId, ImageFacts]:
        return {i: self.facts[i] for i in image_ids if i in self.facts}

    def last_counts(self) -> Counts:
        by_reason: dict[str, int] = {}
        for line in self.ledger:
            by_reason[line.rejection.reason] = by_reason.get(line.rejection.reason, 0) + 1
        return Counts(len(set(self.by_path.values())), len(self.by_path), {}, by_reason, current=self.readable)

    def count_rejections(self, under: bytes) -> int:
        return sum(line.path.startswith(under) for line in self.ledger)

    def files(self, *, after: FileKey | None, limit: int, under: bytes) -> list[ListedFile]:
        stamp = Stamp(17, 1_700_000_000_500_000_000, 1)
        keys = sorted(FileKey(1, path) for path in self.by_path if path.startswith(under))
        return [
            ListedFile(key, key.path, stamp, self.by_path[key.path]) for key in keys if after is None or key > after
        ][:limit]

    def check(self) -> None:
        if self.damage is not None:
            raise self.damage

    def rejections(self, *, after: FileKey | None, limit: int, under: bytes) -> Sequence[LedgerLine]:
        lines = [line for line in self.ledger if line.path.startswith(under) and (after is None or line.key > after)]
        return sorted(lines, key=lambda line: line.key)[:limit]


@dataclass(frozen=True)
class Picture:
    """What the decoder double gives."""

    pictures: Mapping[Size, Pixels]


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

    def submit_bytes(self, data: bytes, size: Size) -> Future[Picture]:
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
        elif data == b"damaged":
            future.set_exception(CorruptStore("/state/index/log/1", 42, "bad checksum"))
        elif data == b"explode":
            future.set_exception(RuntimeError("the secret of the decoder"))
        elif not data.startswith(b"picture "):
            future.set_exception(ImageRejected(Reason.NOT_AN_IMAGE, "the bytes are not an image"))
        else:
            values = [int(word) for word in data.split()[1:4]]
            future.set_result(Picture({SIZE: np.array(values, dtype=np.uint8).reshape(1, 1, 3)}))


def vector_of(*values: float) -> Vector:
    wide = np.array([*values, 1.0], dtype=np.float32)
    return (wide / np.linalg.norm(wide)).astype(np.float32)


class TinyFeaturizer:
    """An embedding is the pixel's direction."""

    def __init__(self) -> None:
        self.batches = 0
        self.alone: list[bool] = []

    def embed(self, pixels: Sequence[Pixels], *, alone: bool) -> Vector:
        self.batches += 1
        self.alone.append(alone)
        return np.stack([vector_of(*picture.reshape(3)) for picture in pixels])


@dataclass
class MemoryIngest:
    """Answers what it was told to answer, and remembers what it was asked."""

    add_report: AddReport = field(default_factory=lambda: AddReport(1, 0))
    remove_report: RemoveReport = field(default_factory=lambda: RemoveReport(1, 1))
    scan_report: ScanReport = field(default_factory=lambda: ScanReport(3, 1, 0))
    pending: list[int] = field(default_factory=lambda: [0])
    paused: PauseState = field(default_factory=PauseState)
    decided: int = 0
    trouble: str = ""
    starved: str = ""
    roots_: list[RootStatus] = field(default_factory=list)
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, paths: Sequence[bytes], *, alive: Callable[[], bool]) -> AddReport:
        self.calls.append(("add", *paths))
        return self.add_report

    def remove(
        self, paths: Sequence[bytes], image_ids: Sequence[ImageId], *, alive: Callable[[], bool]
    ) -> RemoveReport:
        self.calls.append(("remove", *paths, *image_ids))
        return self.remove_report

    def scan(
        self, paths: Sequence[bytes], *, retry_rejected: bool, confirm_deletes: bool, alive: Callable[[], bool]
    ) -> ScanReport:
        self.calls.append(("scan", *paths, retry_rejected, confirm_deletes))
        return self.scan_report

    def explain(self, paths: Sequence[bytes]) -> list[Explanation]:
        self.calls.append(("explain", *paths))
        return [Explanation(path, False, "ignored", "by a rule") for path in paths]

    def progress(self) -> Progress:
        """The readings in turn; the last one stays."""
        pending = self.pending.pop(0) if len(self.pending) > 1 else self.pending[0]
        return Progress(
            pending,
            self.paused,
            scanning=False,
            images_per_s=12.5,
            eta_s=pending / 12.5,
            decided=self.decided,
            trouble=self.trouble,
            starved=self.starved,
        )

    def queues(self) -> dict[str, int]:
        return {"backlog": 3}

    def pause(self, for_s: float | None) -> PauseState:
        self.calls.append(("pause", for_s))
        self.paused = PauseState(True, None if for_s is None else 1.7e9 + for_s)
        return self.paused

    def resume(self) -> bool:
        before, self.paused = self.paused, PauseState()
        return before.paused

    def roots(self) -> Sequence[RootStatus]:
        return self.roots_


class Bench:
    """A server and all its doubles.

    Args:
        directory: a short path for the socket and the root.
        decoder: another decoder.
        featurizer: another featurizer.
        listen: other addresses; once the server is started, those in force.
        max_searches: so many searches at once.
    """

    def __init__(
        self,
        directory: Path,
        *,
        decoder: TextDecoder | None = None,
        featurizer: TinyFeaturizer | None = None,
        listen: str | None = None,
        max_request_bytes: int = _MIB,
        max_searches: int = 64,
        tls: Tls | None = None,
        tokens: Tokens | None = None,
        door: Door | None = None,
    ) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.root.mkdir()
        self.listen = listen or f"unix:{directory}/simd.sock"
        self.index = MemoryIndex()
        self.catalogue = MemoryCatalogue()
        self.decoder = decoder or TextDecoder()
        self.featurizer = featurizer or TinyFeaturizer()
        self.serving = Serving(self.served())
        status = RootStatus(Root(1, os.fsencode(self.root)), True, "events", 2, 1.7e9)
        self.ingest = MemoryIngest(roots_=[status])
        self.switch: SwitchStatus | None = None
        self.thread_failures: dict[str, int] = {}
        self.readiness = Readiness()
        self.metrics = Metrics(self.readiness)
        self.door = door or Door()
        self.server = Server(
            self.listen,
            self.readiness,
            max_request_bytes=max_request_bytes,
            max_concurrent=max_searches,
            threads=4,
            tls=tls,
            admission=tokens,
            meter=self.metrics,
            door=self.door,
        )

    @property
    def services(self) -> Services:
        return Services(
            queries=self.queries(),
            serving=self.serving,
            catalogue=self.catalogue,
            ledger=self.catalogue,
            ingest=self.ingest,
            switch=lambda: self.switch,
            thread_failures=lambda: self.thread_failures,
        )

    def served(self, name: str = "tiny") -> Served:
        return Served(
            ModelInfo(name, DIMENSION, "ab" * 16, "Apache-2.0"),
            DeviceInfo("cpu", "numpy", "there is nothing else"),
            SIZE,
            self.featurizer,
            self.index,
        )

    def queries(self, cores: int = 1, decoder: Decoder | None = None) -> Queries:
        return Queries(
            serving=self.serving,
            catalogue=self.catalogue,
            decoder=decoder or self.decoder,
            files=RootFiles(lambda: [root.root.path for root in self.ingest.roots()], 1 << 20),
            meter=self.metrics,
            cores=cores,
        )

    def put(self, name: str | bytes, data: bytes, facts: ImageFacts | None = _FACTS) -> ImageId:
        """An indexed file in the root."""
        path = os.path.join(os.fsencode(self.root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)
        # Whoever writes it anew gives it another time, however soon that is.
        os.utime(path, (1.7e9, 1.7e9))
        image_id = image_id_of(data)
        values = [int(word) for word in data.split()[1:4]]
        self.index.put([Embedding(image_id, vector_of(*values))])
        self.catalogue.by_path[path] = image_id
        self.catalogue.stamps[path] = Stamp.of(os.stat(path))
        self.catalogue.sizes.add(len(data))
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
    *,
    ready: bool = True,
    decoder: TextDecoder | None = None,
    listen: str | None = None,
    max_request_bytes: int = _MIB,
    max_searches: int = 64,
    tls: Tls | None = None,
    tokens: Tokens | None = None,
    door: Door | None = None,
) -> Iterator[Bench]:
    """A server that answers on a unix socket, or where `listen` says."""
    with short_directory() as directory:
        bench = Bench(
            directory,
            decoder=decoder,
            listen=listen,
            max_request_bytes=max_request_bytes,
            max_searches=max_searches,
            tls=tls,
            tokens=tokens,
            door=door,
        )
        bench.listen = bench.server.start()
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
