"""A real server on a unix socket, and what stands behind it: a real catalogue, the oracle for an index, and doubles of
what decodes, embeds and indexes.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import Counts, IndexedFile, RejectedFile
from simd.catalogue.schema import SCHEMA
from simd.decisions.decisions import Decisions
from simd.derived.icon import ICONS_VERSION
from simd.derived.kinds import ICONS
from simd.derived.store import DerivedStore
from simd.errors import CorruptStore, ImageRejected, Reason, StoreError
from simd.featurize.cache import RenditionCache
from simd.featurize.decode.renditions import Array, Digest, Features, Region, Rendition, Stretched, Thumbnail
from simd.featurize.engines.base import DeviceChoice
from simd.featurize.models.spec import Levels
from simd.index.base import Index, IndexStats
from simd.index.brute import BruteIndex, BruteView
from simd.index.filter import EVERYTHING, Filter
from simd.index.local import LocalIndex
from simd.insight.atlas.tiles import Tiles
from simd.insight.groups.collapse import Copies
from simd.insight.groups.groups import Groups
from simd.insight.labels.divisions import Divisions
from simd.insight.labels.pictures import Pictures
from simd.jobs.jobs import Jobs
from simd.replica.publishing import Publishing
from simd.serving.admin.metrics import Metrics
from simd.serving.images.elsewhere import Elsewhere
from simd.serving.images.originals import Originals
from simd.serving.images.thumbnails import Thumbnails
from simd.serving.ports import Decoder
from simd.serving.readiness import Readiness, Services
from simd.serving.search.queries import Queries
from simd.serving.search.rootfiles import RootFiles
from simd.serving.search.route import Route
from simd.serving.search.served import ModelInfo, Served, Serving
from simd.serving.search.verifier import Verifier
from simd.serving.server import Server
from simd.serving.transport.auth import Tokens
from simd.serving.transport.calllog import CallLog
from simd.serving.transport.tls import Tls
from simd.sqlite.database import Database
from simd.types import (
    AddReport,
    Answer,
    Embedding,
    Explanation,
    FileKey,
    ImageFacts,
    ImageId,
    PauseState,
    Pixels,
    Progress,
    Rejection,
    RemoveReport,
    RootStatus,
    ScanReport,
    Stamp,
    SwitchStatus,
    Vector,
    image_id_of,
)
from simd.vectors.metric import half, normalise
from tests.insight.memoryatlas import MemoryAtlas
from tests.insight.memorypairs import MemoryPairs
from tests.serving.givensuggestions import GivenSuggestions
from tests.stores import FINGERPRINT, OPTIONS

DIMENSION = 4
SIZE = (1, 1)
_MIB = 1 << 20
_FACTS = ImageFacts(640, 480, "TEXT")
_NOW = 1_700_000_100.0
_MODIFIED_NS = 1_700_000_000_500_000_000

DAMAGE = CorruptStore("/state/index/vectors.npy", 42, "bad checksum")


@dataclass(frozen=True, slots=True)
class Scan:
    """A search that an index was asked for: the nearest `k` of each of so many queries, `exact` or not."""

    k: int
    queries: int
    exact: bool


class BenchIndex(BruteIndex):
    """The oracle, which writes down what it is asked, and is damaged while a test says so.

    Attributes:
        scans: the searches, in their order.
    """

    damage: CorruptStore | None = None

    def __init__(self) -> None:
        super().__init__(DIMENSION)
        self.scans: list[Scan] = []

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        self._refuse_if_damaged()
        return super().vector(image_id, deleted=deleted)

    def search(self, queries: Vector, k: int, *, among: Filter = EVERYTHING, exact: bool = False) -> list[Answer]:
        self._refuse_if_damaged()
        self.scans.append(Scan(k, len(queries), exact))
        return super().search(queries, k, among=among, exact=exact)

    def view(self) -> BruteView:
        self._refuse_if_damaged()
        return super().view()

    def stats(self) -> IndexStats:
        # The oracle has nothing on a disk, and what is told of one has to be seen.
        return replace(super().stats(), disk_bytes=4096, details={"segments": 1})

    def _refuse_if_damaged(self) -> None:
        if self.damage is not None:
            raise self.damage.again()


class BenchCatalogue(Catalogue):
    """The catalogue of the daemon, which is damaged, or whose counts cannot be read, while a test says so."""

    damage: CorruptStore | None = None
    readable = True
    counted = 0

    def counts(self) -> Counts:
        if not self.readable:
            raise StoreError("the disk does not answer")
        return super().counts()

    def count_files(self, under: bytes = b"") -> int:
        self.counted += 1
        return super().count_files(under)

    def count_rejections(self, under: bytes = b"") -> int:
        self.counted += 1
        return super().count_rejections(under)


@dataclass(frozen=True)
class Picture:
    """What the decoder double gives."""

    pictures: Mapping[Array, Pixels]
    features: bytes | None = None
    facts: ImageFacts | None = None
    digest: bytes | None = None
    thumbnails: Mapping[Thumbnail, bytes] = field(default_factory=dict)


class TextDecoder:
    """Reads `picture a b c` as a picture of three pixels' worth of direction; everything else is no image. Its features
    are its bytes, and ` both ways` if they tell of its mirror image; its digest is of the three numbers alone, whatever
    follows them; a thumbnail is its bytes, shortened to as many as the edge has pixels. In `picture a b c beside d e f`
    the right half is another one, which is seen by its region only.

    Args:
        hold: decoding ends only when this is set.
    """

    def __init__(self, hold: threading.Event | None = None) -> None:
        self.hold = hold
        self.started = threading.Event()
        self.cancelled = threading.Event()
        self.decoded = 0

    def submit_bytes(self, data: bytes, *wanted: Rendition) -> Future[Picture]:
        future: Future[Picture] = Future()
        future.add_done_callback(lambda f: self.cancelled.set() if f.cancelled() else None)
        self.started.set()
        if self.hold is None:
            self._finish(future, data, wanted)
        else:
            threading.Thread(target=self._later, args=(future, data, wanted), daemon=True).start()
        return future

    def submit_file(
        self,
        path: bytes,
        wanted: Callable[[ImageId], Collection[Rendition]],
        opening: Callable[[bytes], int],
    ) -> Future[Picture]:
        try:
            with open(opening(path), "rb") as stream:
                data = stream.read()
            renditions = wanted(image_id_of(data))
        except Exception as error:  # noqa: BLE001 - the future carries it
            refused: Future[Picture] = Future()
            refused.set_exception(error)
            return refused
        if renditions:
            return self.submit_bytes(data, *renditions)
        spared: Future[Picture] = Future()
        spared.set_result(Picture({}))
        return spared

    def _later(self, future: Future[Picture], data: bytes, wanted: Sequence[Rendition]) -> None:
        assert self.hold is not None
        assert self.hold.wait(60), "nobody let it go on"
        if not future.cancelled():
            self._finish(future, data, wanted)

    def _finish(self, future: Future[Picture], data: bytes, wanted: Sequence[Rendition]) -> None:
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
            pixels = _pixels(data)
            pictures: dict[Array, Pixels] = {Stretched(SIZE): pixels}
            for part in wanted:
                if isinstance(part, Region):
                    right = data.partition(b" beside ")[2]
                    pictures[part] = _pixels(right) if right and part.box[0] >= 0.5 else pixels
            features = [data + b" both ways" * one.mirrored for one in wanted if isinstance(one, Features)]
            digest = image_id_of(pixels.tobytes()) if Digest() in wanted else None
            thumbnails = {one: data[: one.edge] for one in wanted if isinstance(one, Thumbnail)}
            future.set_result(Picture(pictures, features[0] if features else None, _FACTS, digest, thumbnails))


def _values(data: bytes) -> list[int]:
    return [int(word) for word in data.removeprefix(b"picture ").split()[:3]]


def _pixels(data: bytes) -> Pixels:
    return np.array(_values(data), dtype=np.uint8).reshape(1, 1, 3)


def vector_of(*values: float) -> Vector:
    """As the featurizer makes it: exact in float16."""
    return half(normalise(np.array([*values, 1.0])))


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

    def add(self, paths: Sequence[bytes], *, cancelled: Cancelled) -> AddReport:
        self.calls.append(("add", *paths))
        return self.add_report

    def remove(self, paths: Sequence[bytes], image_ids: Sequence[ImageId], *, cancelled: Cancelled) -> RemoveReport:
        self.calls.append(("remove", *paths, *image_ids))
        return self.remove_report

    def scan(
        self, paths: Sequence[bytes], *, retry_rejected: bool, confirm_deletes: bool, cancelled: Cancelled
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


def local_index(directory: Path) -> LocalIndex:
    """The index of the daemon, which keeps what was deleted for no time."""
    return LocalIndex.open(directory / "index", DIMENSION, FINGERPRINT, options=replace(OPTIONS, grace_ms=0))


def damage_a_segment(directory: Path) -> Path:
    """Change a byte of the vectors of an index's only segment; the file."""
    [file] = directory.glob("segments/*/vectors.npy")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    return file


class Bench:
    """A server that does not listen yet, and what stands behind it. To be closed.

    Args:
        directory: a short path for the socket, the root and the catalogue.
        index: opens another index than the oracle, in a directory.
        decoder: another decoder.
        featurizer: another featurizer.
        listen: other addresses; once the server is started, those in force.
        max_searches: searches at once.
        replica: what is published in.
    """

    def __init__(
        self,
        directory: Path,
        *,
        index: Callable[[Path], Index] | None = None,
        decoder: TextDecoder | None = None,
        featurizer: TinyFeaturizer | None = None,
        listen: str | None = None,
        max_request_bytes: int = _MIB,
        max_searches: int = 64,
        tls: Tls | None = None,
        tokens: Tokens | None = None,
        call_log: CallLog | None = None,
        replica: Publishing | None = None,
    ) -> None:
        self.replica = replica
        self.elsewhere: Elsewhere | None = None
        self.directory = directory
        self.root = directory / "root"
        self.root.mkdir()
        self.listen = listen or f"unix:{directory}/simd.sock"
        self.catalogue = BenchCatalogue(Database(directory / "catalogue.sqlite", SCHEMA), lambda: _NOW)
        self.decisions = Decisions(directory / "decisions.sqlite")
        self.pairs = MemoryPairs()
        self.groups = Groups(catalogue=self.catalogue, pairs=self.pairs, decisions=self.decisions)
        pictures = Pictures(self.pairs, self.decisions)
        self.divisions = Divisions(catalogue=self.catalogue, pictures=pictures)
        self.atlas = MemoryAtlas()
        self.icons = DerivedStore(self.directory / ICONS.file, ICONS, ICONS_VERSION)
        self.tiles = Tiles(atlas=self.atlas, catalogue=self.catalogue, icons=self.icons, pictures=pictures)
        [self._watched] = self.catalogue.sync_roots([os.fsencode(self.root)])
        self.oracle = BenchIndex()
        self.index: Index = index(directory) if index else self.oracle
        self.decoder = decoder or TextDecoder()
        self.featurizer = featurizer or TinyFeaturizer()
        self.serving = Serving(self.served())
        self.ingest = MemoryIngest(roots_=[RootStatus(self._watched, True, "events", 2, 1.7e9)])
        self.switch: SwitchStatus | None = None
        self.thread_failures: dict[str, int] = {}
        self.problems: list[str] = []
        self.jobs = Jobs()
        self.suggestions = GivenSuggestions(self.jobs)
        self._caches: list[RenditionCache] = []
        self.thumbnails = self.thumbnails_of(self.decoder, self.cache(_MIB))
        self.verifier: Verifier | None = None
        self.route: Route | None = None
        self._queries: list[Queries] = []
        self.readiness = Readiness()
        self.metrics = Metrics(self.readiness)
        self.call_log = call_log or CallLog()
        self.server = Server(
            self.listen,
            self.readiness,
            max_request_bytes=max_request_bytes,
            max_searches=max_searches,
            max_running_searches=8,
            tls=tls,
            authorizer=tokens,
            meter=self.metrics,
            call_log=self.call_log,
        )

    @property
    def scans(self) -> list[Scan]:
        """The searches that the oracle was asked for."""
        return self.oracle.scans

    @property
    def services(self) -> Services:
        return Services(
            queries=self.queries(),
            serving=self.serving,
            catalogue=self.catalogue,
            decisions=self.decisions,
            ingest=self.ingest,
            jobs=self.jobs,
            groups=self.groups,
            divisions=self.divisions,
            suggestions=self.suggestions,
            atlas=self.atlas,
            tiles=self.tiles,
            thumbnails=self.thumbnails,
            originals=Originals(self.catalogue, self.files),
            replica=self.replica,
            elsewhere=self.elsewhere,
            switch=lambda: self.switch,
            problems=lambda: self.problems,
            thread_failures=lambda: self.thread_failures,
        )

    def calibrate(self) -> None:
        """From now on similarities have levels: of (200, 10, 10), (190, 30, 30) is near and (200, 120, 10) similar."""
        self.serving.replace(self.served(levels=Levels(same=0.999, near=0.95, similar=0.6)))

    def served(self, name: str = "tiny", index: Index | None = None, levels: Levels | None = None) -> Served:
        return Served(
            ModelInfo(name, DIMENSION, "ab" * 16, "Apache-2.0", levels),
            DeviceChoice("cpu", "numpy", "there is nothing else"),
            SIZE,
            self.featurizer,
            self.index if index is None else index,
        )

    @property
    def files(self) -> RootFiles:
        return RootFiles(lambda: [root.root.path for root in self.ingest.roots()])

    def queries(self, cores: int = 1, decoder: Decoder | None = None, verifier: Verifier | None = None) -> Queries:
        copies = Copies(self.pairs, self.decisions.duplicates)
        queries = Queries(
            serving=self.serving,
            catalogue=self.catalogue,
            decoder=decoder or self.decoder,
            files=self.files,
            route=self.route,
            verifier=verifier or self.verifier,
            copies_among=copies.among,
            tiers_to=copies.tiers_to,
            meter=self.metrics,
            cores=cores,
        )
        self._queries.append(queries)
        return queries

    def cache(self, max_bytes: int, directory: Path | None = None) -> RenditionCache:
        """A cache of thumbnails, in the directory of the others if none is named."""
        self._caches.append(RenditionCache(directory or self.directory, max_bytes))
        return self._caches[-1]

    def thumbnails_of(self, decoder: Decoder, cache: RenditionCache | None = None) -> Thumbnails:
        """What gives thumbnails; without a cache none is kept."""
        return Thumbnails(catalogue=self.catalogue, decoder=decoder, files=self.files, cache=cache or self.cache(0))

    def put(self, name: str | bytes, data: bytes, facts: ImageFacts | None = _FACTS) -> ImageId:
        """An indexed file in the root.

        Args:
            name: relative to the root.
            data: its content.
            facts: None is what no change of the catalogue leaves and a damaged file of it may have: nothing is known.
        """
        [image_id] = self.put_all((name, data), facts=facts or _FACTS)
        if facts is None:
            with closing(sqlite3.connect(self.directory / "catalogue.sqlite")) as connection, connection:
                connection.execute("DELETE FROM images WHERE image_id = ?", (image_id,))
        return image_id

    def put_all(self, *files: tuple[str | bytes, bytes], facts: ImageFacts = _FACTS) -> list[ImageId]:
        """Indexed files in the root, names and contents, in one transaction."""
        indexed = []
        for name, data in files:
            path = os.path.join(os.fsencode(self.root), os.fsencode(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                stream.write(data)
            os.utime(path, ns=(_MODIFIED_NS, _MODIFIED_NS))
            indexed.append(IndexedFile(self._key(name), Stamp.of(os.stat(path)), image_id_of(data), facts))
        self.index.put([Embedding(image_id_of(data), vector_of(*_values(data))) for _, data in files])
        self.catalogue.record(indexed)
        return [file.image_id for file in indexed]

    def lose(self, *names: str | bytes) -> None:
        """Files that are gone; their images have not left the index yet."""
        self.catalogue.record([], deleted=[self._key(name) for name in names])

    def reject(self, *names: str | bytes, reason: Reason, detail: str = "no") -> list[bytes]:
        """Lines in the ledger, in one transaction; the absolute paths."""
        why, stamp = Rejection(reason, detail), Stamp(17, _MODIFIED_NS, 1)
        self.catalogue.record([], [RejectedFile(self._key(name), stamp, why) for name in names])
        return [os.path.join(os.fsencode(self.root), os.fsencode(name)) for name in names]

    def calls(self, method: str, code: str) -> int:
        """How many calls of a method, `Service/Method`, ended with a code."""
        labels = {"method": f"/simd.v1.{method}", "code": code}
        return int(self.metrics.registry.get_sample_value("simd_requests_total", labels) or 0)

    def close(self) -> None:
        """Close what is open, but not the server."""
        self.jobs.close()
        for queries in self._queries:
            queries.close()
        for cache in self._caches:
            cache.close()
        self.index.close()
        self.icons.close()
        self.catalogue.close()
        self.decisions.close()

    def _key(self, name: str | bytes) -> FileKey:
        return FileKey(self._watched.root_id, os.fsencode(name))


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    directory = Path(tempfile.mkdtemp(prefix="simd-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def prepared(**arguments: Any) -> Iterator[Bench]:
    """A bench in a directory of its own; arguments as `Bench`."""
    with short_directory() as directory:
        bench = Bench(directory, **arguments)
        try:
            yield bench
        finally:
            bench.close()


@contextmanager
def serving(*, ready: bool = True, **arguments: Any) -> Iterator[Bench]:
    """A server that answers on a unix socket, or where `listen` says; other arguments as `Bench`."""
    with prepared(**arguments) as bench:
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
