"""The indexing room on real files, with a decoder and a backbone that take no time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.schema import SCHEMA
from simd.config import Settings
from simd.decisions.decisions import Decisions
from simd.errors import CorruptStore, DecoderUnavailable, FileChanged, ImageRejected, ModelError, Reason, StoreFull
from simd.featurize.decode.renditions import Array, Features, Rendition, Stretched
from simd.featurize.workers.pool import DecodedFile
from simd.index.brute import BruteIndex
from simd.indexing.build import Delays, build
from simd.indexing.loop.backlog import Backlog, Priority
from simd.indexing.loop.targets import Target, Targets
from simd.indexing.models.backfill import IsComplete
from simd.indexing.summary import Summary
from simd.sqlite.database import Database
from simd.supervision import Backoff, Threads
from simd.types import Change, Embedding, FileKey, ImageFacts, ImageId, Pixels, Size, Stamp, Vector, image_id_of
from simd.vectors.metric import half, normalise
from simd.watch.settle import Settler

T = TypeVar("T")

DIMENSION = 16
SIZE = (4, 4)
QUICK = Delays(batch_retry_s=(0.01, 0.02), scan_retry_s=(0.01, 0.6), offline_s=0.05, growing_s=0.0)


class Decoder:
    """Every file is an image unless it begins with `bad`; `torn` files change while they are read, once each.

    `growing` ones always do. With `hold`, the next file waits for it before it is decoded, or before it is read with
    `hold_before_reading`. One that is handed over while `broken` is set is a bug of ours; so is one that begins with
    `bug`, until it is `mended`. The next `kills` pictures have their workers killed by somebody else, and there are no
    workers while `unavailable` is set.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2)
        self._torn: set[bytes] = set()
        self.decoded = 0
        self.asked: list[str] = []
        self.broken = False
        self.mended = False
        self.unavailable = False
        self.kills = 0
        self.hold_before_reading = False
        self.hold: threading.Event | None = None

    def submit_file(self, path: bytes, wanted: Callable[[ImageId], Collection[Rendition]]) -> Future[DecodedFile]:
        """As `DecodePool.submit_file`; `asked` keeps the files' names in order."""
        if self.broken:
            raise RuntimeError("a bug of ours")
        self.asked.append(os.path.basename(os.fsdecode(path)))
        return self._pool.submit(self._decode, path, wanted)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _decode(self, path: bytes, wanted: Callable[[ImageId], Collection[Rendition]]) -> DecodedFile:
        hold, self.hold = self.hold, None
        if hold is not None and self.hold_before_reading:
            assert hold.wait(20.0)
        info = os.stat(path)
        data = Path(os.fsdecode(path)).read_bytes()
        if hold is not None:
            assert hold.wait(20.0)
        if self.unavailable:
            raise DecoderUnavailable("no process can be started")
        if self.kills:
            self.kills -= 1
            raise ImageRejected(Reason.KILLED, "its worker was killed")
        if data.startswith(b"bug") and not self.mended:
            raise RuntimeError("a bug of ours")
        if data.startswith(b"torn") and path not in self._torn:
            self._torn.add(path)
            raise FileChanged("written to meanwhile")
        if data.startswith(b"growing"):
            raise FileChanged("written to meanwhile")
        image_id = image_id_of(data)
        made = wanted(image_id)
        if not made:
            return DecodedFile(image_id, Stamp.of(info), {}, None)
        if data.startswith(b"bad"):
            raise ImageRejected(Reason.NOT_AN_IMAGE, "it begins with `bad`")
        self.decoded += 1
        facts, features = ImageFacts(4, 3, "PNG"), features_of(data, made)
        return DecodedFile(image_id, Stamp.of(info), pictures_of(data, made), facts, features=features)


class Backbone:
    """Counts what it embeds, and calls `meanwhile` each time.

    Args:
        size: of the pictures it takes.
        dimension: of the vectors it makes.
    """

    def __init__(self, size: Size = SIZE, dimension: int = DIMENSION) -> None:
        self._size = size
        self._dimension = dimension
        self.embedded = 0
        self.broken = False
        self.meanwhile: Callable[[], None] = lambda: None

    def embed(self, pictures: Sequence[Pixels]) -> Vector:
        """As `Featurizer.embed`."""
        if self.broken:
            raise ModelError("the engine failed")
        self.meanwhile()
        pixels = np.stack(pictures)
        assert pixels.shape[1:] == (*self._size, 3)
        self.embedded += len(pixels)
        return half(normalise(pixels.reshape(len(pixels), -1).astype(np.float32)[:, : self._dimension] + 1.0))


class Fullness:
    """Refuses while `full` is set, and else one call in `every`, if that is not 0."""

    full = False
    every = 0
    refused = 0
    asked = 0

    def refuse(self, what: str) -> None:
        """Raise, or not."""
        self.asked += 1
        if self.full or (self.every and self.asked % self.every == 0):
            self.refused += 1
            raise StoreFull(what)


class FillingIndex(BruteIndex, Fullness):
    """An index whose disk may be full, and which knows of the damage that is set."""

    found: CorruptStore | None = None

    @property
    def damage(self) -> CorruptStore | None:
        """What is set."""
        return self.found

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        """Refuse, or tell."""
        if self.found is not None:
            raise self.found.again()
        return super().vector(image_id, deleted=deleted)

    def put(self, embeddings: Sequence[Embedding]) -> None:
        """Refuse, or put."""
        self.refuse("no room")
        super().put(embeddings)

    def delete(self, image_ids: Sequence[ImageId]) -> int:
        """Refuse, or delete."""
        self.refuse("no room")
        return super().delete(image_ids)


class FillingDatabase(Database, Fullness):
    """A catalogue's file whose disk may be full; `before` is called before it is written to."""

    before: Callable[[], None] = staticmethod(lambda: None)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Refuse, or write."""
        self.before()
        self.refuse("no room for the catalogue")
        with super().writing() as connection:
            yield connection


def picture(data: bytes, size: Size) -> Pixels:
    """Pixels that differ where the data does."""
    seed = int.from_bytes(image_id_of(data)[:4], "big")
    return np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)


def pictures_of(data: bytes, wanted: Collection[Rendition]) -> dict[Array, Pixels]:
    """The models' inputs that are wanted."""
    return {one: picture(data, one.size) for one in wanted if isinstance(one, Stretched)}


def features_of(data: bytes, wanted: Collection[Rendition]) -> bytes | None:
    """Those of a picture, if they are wanted; of a blank one none can be made."""
    if Features() not in wanted:
        return None
    return b"" if data.startswith(b"blank") else b"features of " + data


class WatchedBacklog(Backlog):
    """A backlog that remembers in `requested` which files callers waited for."""

    def __init__(self, scan_bytes: int = 32 << 20, event_bytes: int = 32 << 20) -> None:
        super().__init__(scan_bytes, event_bytes)
        self.requested: set[FileKey] = set()

    def push(self, change: Change, priority: Priority) -> bool:
        """Remember, and push."""
        if priority is Priority.REQUEST:
            self.requested.add(change.key)
        return super().push(change, priority)


class Bench:
    """Everything between a folder and an index, started by `start`.

    Args:
        work: holds the folder and the catalogue.
        successor: an index to build beside the one that answers.
        is_complete: judges the end of a pass of the backfill.
        grace_s: the setting `grace_period_s`.
        clock: seconds since the epoch, as scans see it.
    """

    def __init__(
        self,
        work: Path,
        successor: Target | None = None,
        is_complete: Callable[[Bench], IsComplete] | None = None,
        index: FillingIndex | None = None,
        backlog: WatchedBacklog | None = None,
        grace_s: float = 7 * 86400.0,
        clock: Callable[[], float] = time.time,
        delays: Delays = QUICK,
        retry_delays_s: Sequence[float] = (0.01, 0.02, 0.05),
    ) -> None:
        self.root = work / "root"
        self.root.mkdir(exist_ok=True)
        state_dir = work / "state"
        state_dir.mkdir(exist_ok=True)
        self.database = FillingDatabase(work / "catalogue.sqlite", SCHEMA)
        self.catalogue = Catalogue(self.database)
        self.decisions = Decisions(work / "decisions.sqlite")
        self.threads = Threads(lambda: Backoff(0.01, 0.01))
        self.index = index or FillingIndex(DIMENSION)
        self.decoder = Decoder()
        self.summary = Summary()
        self.backbone = Backbone()
        self.targets = Targets(Target("old", SIZE, self.backbone, self.index), successor)
        self.backlog = WatchedBacklog() if backlog is None else backlog
        self.ingest = build(
            Settings(state_dir, "", roots=(self.root,), batch_size=4, grace_period_s=grace_s),
            catalogue=self.catalogue,
            decisions=self.decisions,
            targets=self.targets,
            decoder=self.decoder,
            summary=self.summary,
            threads=self.threads,
            is_complete=is_complete(self) if is_complete else None,
            starved=lambda: "starved",
            backlog=self.backlog,
            settler=Settler(0.05, retry_delays_s=retry_delays_s),
            clock=clock,
            delays=delays,
        )

    def start(self) -> Bench:
        """Begin."""
        self.ingest.start()
        return self

    def write(self, name: str, data: bytes) -> Path:
        """A file under the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def settle(self) -> Bench:
        """Wait until the index agrees with the folder and nothing is pending."""
        self.patiently(lambda: self.ingest.scan([], retry_rejected=False))
        self.until(lambda: self.ingest.progress().pending == 0)
        return self

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask again and again while the disk is full."""
        deadline = time.monotonic() + 20.0
        while True:
            try:
                return ask()
            except StoreFull:
                assert time.monotonic() < deadline, "asked in vain"

    def files(self) -> dict[str, bytes]:
        """What is searchable: name under the root -> image id."""
        found = self.catalogue.files_of(list(self.index.ids()))
        return {
            os.path.relpath(os.fsdecode(path), self.root): image_id
            for image_id, paths in found.items()
            for path in paths
        }

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.002)

    def close(self) -> None:
        """End everything."""
        self.ingest.stop()
        self.decoder.close()
        self.catalogue.close()
        self.decisions.close()
