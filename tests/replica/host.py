"""A host whose images are published: a catalogue, an index, a publisher, and a collection that others share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.feed import Position
from simd.catalogue.rows import IndexedFile
from simd.errors import StoreFull
from simd.index.base import Index
from simd.index.brute import BruteIndex
from simd.index.replica import Entity, Replica, version_of
from simd.replica.delivery import Source
from simd.replica.publisher import Publisher, Timing
from simd.replica.state import Phase, ReplicaState
from simd.replica.store import FILE, ReplicaStore
from simd.supervision import Backoff, Threads
from simd.types import Embedding, FileKey, ImageFacts, ImageId, Stamp
from tests.replicas import Collection, MemoryReplica
from tests.serving.waiting import until
from tests.stores import DIMENSION, image_id, unit

FACTS = ImageFacts(40, 30, "PNG", False)
STAMP = Stamp(1, 2, 3)
QUICK = Timing(rest_s=0.001, quiet_s=0.002, look_s=0.02, drop_within_s=10.0)
MANY = 500


class FullStore(ReplicaStore):
    """Has no room for a position while that is said."""

    is_full = False

    def follow(self, number: int, position: Position, images: Sequence[ImageId], waiting: Sequence[ImageId]) -> bool:
        if self.is_full:
            raise StoreFull("no room to write replica.sqlite", remedy="free space on that disk")
        return super().follow(number, position, images, waiting)


def soon() -> Backoff:
    return Backoff(0.002, 0.01)


class Host:
    """A file is named `NUMBER` or `NUMBER-COPY`; its image is that of the number.

    Args:
        directory: where its state is.
        collection: where it publishes.
        name: the host's.
        index: where its vectors are.
        timing: of the publisher.
    """

    def __init__(
        self,
        directory: Path,
        collection: Collection,
        name: str = "lake",
        *,
        index: Index | None = None,
        timing: Timing = QUICK,
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.collection = collection
        self.name = name
        self.model = "model 1"
        self.address = MemoryReplica.address
        self.timing = timing
        self.clock = 1_700_000_000.0
        self.threads = Threads()
        self.catalogue = Catalogue.open(directory / "catalogue.sqlite", lambda: self.clock)
        self.root = self.catalogue.add_root(b"/" + name.encode())
        self.index: Index = BruteIndex(DIMENSION) if index is None else index
        self.replica: Replica = MemoryReplica(collection)
        self.store: FullStore | None = None
        self.publisher: Publisher | None = None

    def add(self, *files: str, vectors: bool = True) -> None:
        numbers = [int(file.split("-")[0]) for file in files]
        if vectors:
            self.embed(*numbers)
        self.catalogue.record(
            [
                IndexedFile(FileKey(self.root.root_id, file.encode()), STAMP, image_id(number), FACTS)
                for file, number in zip(files, numbers, strict=True)
            ]
        )

    def embed(self, *numbers: int) -> None:
        self.index.put([Embedding(image_id(number), unit(number)) for number in dict.fromkeys(numbers)])

    def remove(self, *files: str) -> None:
        orphans = self.catalogue.record([], [], [FileKey(self.root.root_id, file.encode()) for file in files])
        self.index.delete(orphans)

    def rename(self, old: str, new: str) -> None:
        self.index.delete(self.catalogue.rename_under(self.root.root_id, old.encode(), new.encode()))

    def open(self) -> Publisher:
        """What publishes, without its thread."""
        self.store = FullStore(self.directory / FILE, self.catalogue.position().epoch.hex())
        self.publisher = Publisher(
            store=self.store,
            catalogue=self.catalogue,
            use=self._use,
            address=self.address,
            host=self.name,
            threads=self.threads,
            timing=self.timing,
            retry=soon(),
            refused=soon(),
            later=soon(),
            doubt=soon(),
            many=MANY,
            clock=lambda: self.clock,
        )
        return self.publisher

    def start(self) -> None:
        self.open().start()

    def stop(self) -> None:
        if self.publisher is not None and self.store is not None:
            self.publisher.close()
            self.store.close()
            self.publisher = self.store = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self.stop()
        self.catalogue.close()

    @property
    def publishing(self) -> Publisher:
        assert self.publisher is not None
        return self.publisher

    @property
    def state(self) -> ReplicaState:
        return self.publishing.state()

    def expected(self) -> dict[ImageId, bytes]:
        """The versions of what is to be in the collection."""
        found = {}
        for image, one in self.catalogue.searchable(self.catalogue.image_ids()).items():
            vector = self.index.vector(image)
            if vector is not None:
                root = b"/" + self.name.encode()
                found[image] = version_of(Entity(self.name, image, vector, root, tuple(one.paths), one.facts))
        return found

    def lacking(self) -> int:
        """How many images have a file and no vector."""
        return self.catalogue.counts().images - len(self.expected())

    def published(self) -> dict[ImageId, bytes]:
        """The versions of what is in the collection, whether its engine answers or not."""
        with self.collection.lock:
            return {image: version_of(e) for (host, image), e in self.collection.entities.items() if host == self.name}

    def is_equal(self) -> bool:
        return self.published() == self.expected()

    def settle(self) -> None:
        """Wait until the collection is what it should be, and is said to be so."""
        until(lambda: self.state.phase is Phase.CURRENT, f"{self.name} to be current")
        until(self.is_equal, "the collection to be what it should be")
        until(lambda: self.state.images == len(self.published()), "the images to be counted")
        until(lambda: (self.state.phase, self.state.outbox) == (Phase.CURRENT, 0), "the state to say so")
        assert self.state.detail == ""

    def reaches(self, phase: Phase) -> ReplicaState:
        until(lambda: self.state.phase is phase, f"the phase {phase}")
        return self.state

    @contextmanager
    def _use(self) -> Iterator[Source]:
        yield Source(self.index, self.model, self.replica)
