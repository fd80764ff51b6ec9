"""What is missing in an index, whatever else it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.catalogue.schema import SCHEMA
from simd.errors import StoreError
from simd.index.brute import BruteIndex
from simd.indexing.loop.targets import Target, Targets
from simd.indexing.models.backfill import Backfill, reconcile
from simd.indexing.orphans import Orphans
from simd.indexing.roots.roots import Roots
from simd.sqlite.database import Database
from simd.types import Embedding, FileKey, ImageFacts, ImageId, Stamp, image_id_of
from simd.watch.ignore import Ignore
from tests.indexing.bench import SIZE, Backbone, Bench
from tests.others import Others
from tests.stores import DIMENSION, embeddings, image_id, unit

STAMP = Stamp(1, 2, 3)
FOREIGN = range(100, 110)


class BreakingCatalogue(Catalogue):
    """While `breaks` is set, it cannot be read to its end."""

    breaks = False

    def image_ids(self) -> Iterator[ImageId]:
        yield from islice(super().image_ids(), 0 if self.breaks else None)
        if self.breaks:
            raise StoreError("the disk does not answer")


class StampedRoots(Roots):
    """Roots whose files can be read while `reachable` is set."""

    reachable = True

    def stat(self, key: FileKey) -> Stamp | None:
        """The stamp of any file, if it can be read."""
        return STAMP if self.reachable else None


class Filling:
    """A backfill of one index by hand, and what it is told at the end of each pass.

    Args:
        images: the images that have a file.
    """

    def __init__(self, directory: Path, images: range) -> None:
        self.catalogue = BreakingCatalogue(Database(directory / "catalogue.sqlite", SCHEMA))
        [self.root] = self.catalogue.sync_roots([os.fsencode(directory)])
        facts = ImageFacts(1, 1, "PNG")
        self.catalogue.record([IndexedFile(self.key(n), STAMP, image_id(n), facts) for n in images])
        self.index = BruteIndex(DIMENSION)
        self.judged: list[tuple[int, int]] = []
        self.roots = StampedRoots(self.catalogue.roots(), Ignore(), {})
        self.targets = Targets(Target("a model", SIZE, Backbone(), self.index))
        self.backfill = Backfill(
            targets=self.targets, catalogue=self.catalogue, roots=self.roots, is_complete=self._is_complete
        )

    def key(self, number: int) -> FileKey:
        """The file of an image."""
        return FileKey(self.root.root_id, b"%d" % number)

    def run(self, *, reachable: bool = True) -> list[FileKey]:
        """One pass to the end of its offers, which are returned."""
        self.roots.reachable = reachable
        self.backfill.begin_pass()
        offered = []
        while self.backfill.offering:
            if (change := self.backfill.next()) is not None:
                offered.append(change.key)
        return offered

    def _is_complete(self, missing: int, unreachable: int) -> bool:
        self.judged.append((missing, unreachable))
        return True


@pytest.fixture
def filling(tmp_path: Path) -> Iterator[Filling]:
    """Five images with a file, of which the index has three, and ten images without one."""
    made = Filling(tmp_path, range(5))
    made.index.put(embeddings(*range(3), *FOREIGN))
    yield made
    made.catalogue.close()


def test_images_that_the_catalogue_does_not_know_stand_for_none_that_is_missing(filling: Filling) -> None:
    assert set(filling.run()) == {filling.key(3), filling.key(4)}
    filling.index.put(embeddings(3))
    filling.backfill.decided()
    assert filling.judged == [(1, 0)]
    assert filling.run() == [filling.key(4)]
    assert filling.backfill.pending == 1
    filling.index.put(embeddings(4))
    filling.backfill.decided()
    assert filling.judged[-1] == (0, 0) and filling.backfill.pending == 0


def test_pending_counts_what_is_missing_and_not_what_is_foreign(filling: Filling) -> None:
    filling.run()
    filling.backfill.decided()
    filling.backfill.begin_pass()
    assert filling.backfill.pending == 2
    filling.index.put(embeddings(3))
    assert filling.backfill.pending == 1


def test_what_cannot_be_reached_is_missing_beside_foreign_images(filling: Filling) -> None:
    assert filling.run(reachable=False) == []
    filling.backfill.decided()
    assert filling.judged == [(2, 2)]


def test_a_pass_that_breaks_off_does_not_say_that_nothing_is_missing(filling: Filling) -> None:
    filling.catalogue.breaks = True
    with pytest.raises(StoreError):
        filling.run()
    filling.catalogue.breaks = False
    assert filling.backfill.next() is None and not filling.backfill.offering
    filling.backfill.decided()
    assert filling.judged == [(2, 0)]


def test_a_repeated_deletion_takes_out_what_lost_its_file_and_nothing_else(filling: Filling) -> None:
    filling.catalogue.record([], [], [filling.key(0)])
    orphans = Orphans(filling.catalogue, filling.targets, grace_s=60)
    orphans.pending = True
    orphans.run()
    assert set(filling.index.ids()) == {image_id(n) for n in (1, 2, *FOREIGN)}


def test_an_index_of_others_cannot_be_held_against_the_catalogue(filling: Filling) -> None:
    others = Others(embeddings(*FOREIGN))
    # Were it allowed, mypy would say that nothing is to be ignored.
    with pytest.raises(AttributeError):
        reconcile(filling.catalogue, others)  # type: ignore[arg-type]
    Target("a model", SIZE, Backbone(), others)  # type: ignore[arg-type]


def test_an_image_whose_vector_is_lost_gets_one_while_the_index_holds_foreign_images(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    try:
        for number in range(3):
            bench.write(f"{number}.png", b"picture %d" % number)
        bench.start().settle()
        bench.index.put([Embedding(image_id(n), unit(n, dimension=bench.index.dimension)) for n in FOREIGN])
        bench.index.delete([image_id_of(b"picture 1")])
        bench.settle()
        assert set(bench.files()) == {"0.png", "1.png", "2.png"}
    finally:
        bench.close()
