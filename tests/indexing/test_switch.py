"""Another model: its index is built beside the one that answers, and takes its place when it is whole."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from simd.errors import CorruptStore, Reason, StoreFull
from simd.indexing.loop.targets import Target
from simd.indexing.models.backfill import reconcile
from simd.indexing.models.switch import ModelSwitch
from simd.types import ImageId, SwitchStatus, image_id_of
from tests.indexing.bench import DIMENSION, SIZE, Backbone, Bench, FillingIndex, picture

NEW_SIZE, NEW_DIMENSION = (6, 5), 24
SOON = 3600.0


class Switching:
    """A bench with pictures in the index of an old model, started anew with a new one.

    Args:
        size: of the new model's pictures.
        grace_s: how long the switch waits for images that are unreachable.
    """

    def __init__(self, work: Path, size: tuple[int, int] = NEW_SIZE, grace_s: float = SOON) -> None:
        self.work = work
        self.backbone = Backbone(size, NEW_DIMENSION)
        self.new = FillingIndex(NEW_DIMENSION)
        self.size = size
        self.deadline = time.time() + grace_s
        self.installed = 0
        self.refusals: list[Exception] = []
        self.switch: ModelSwitch | None = None
        self.before = Bench(work)
        self.bench = self.before

    def begin(self) -> Bench:
        """Stop, and start with the new model beside the old one."""
        self.bench.close()
        target = Target("new", self.size, self.backbone, self.new)
        self.bench = Bench(self.work, target, self._is_complete, self.before.index)
        reconcile(self.bench.catalogue, self.bench.index, self.new)
        return self.bench.start()

    def finish(self) -> None:
        """Wait for the switch, which a scan makes try again."""
        self.bench.until(lambda: self.installed == 1)
        self.bench.settle()
        assert self.status() is None

    def status(self) -> SwitchStatus | None:
        """What `status` shows of the switch."""
        assert self.switch is not None
        return self.switch.status()

    def detail(self) -> str:
        """What it waits for."""
        status = self.status()
        return status.detail if status else ""

    def _is_complete(self, bench: Bench) -> Callable[[int, int], bool]:
        self.switch = ModelSwitch(
            targets=bench.targets,
            catalogue=bench.catalogue,
            serving="old",
            detail="",
            deadline=self.deadline,
            install=self._install,
        )
        return self.switch.finish

    def _install(self) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.installed += 1


@pytest.fixture
def switching(tmp_path: Path) -> Iterator[Switching]:
    """Ten pictures, indexed with the old model."""
    made = Switching(tmp_path)
    fill(made.before, 10)
    yield made
    made.bench.close()


def fill(bench: Bench, count: int) -> None:
    """So many different pictures, indexed."""
    for number in range(count):
        bench.write(f"{number}.png", b"picture %d" % number)
    bench.start().settle()


def ids(count: int) -> set[ImageId]:
    """Their images."""
    return {image_id_of(b"picture %d" % number) for number in range(count)}


def test_every_image_gets_a_vector_of_the_new_model_and_then_it_answers(switching: Switching) -> None:
    switching.begin()
    switching.finish()
    assert set(switching.new.ids()) == set(switching.bench.index.ids()) == ids(10)
    assert (switching.backbone.embedded, switching.bench.backbone.embedded) == (10, 0)
    expected = switching.backbone.embed([picture(b"picture 3", NEW_SIZE)])[0]
    stored = switching.new.vector(image_id_of(b"picture 3"))
    assert stored is not None and np.array_equal(stored, expected)


def test_a_new_index_that_is_damaged_does_not_take_the_place_of_the_old_one(switching: Switching) -> None:
    switching.new.found = CorruptStore("/state/index/new/vectors.npy", 7, "bad checksum")
    switching.begin()
    switching.bench.until(lambda: "damaged" in switching.detail())
    assert set(switching.new.ids()) == ids(10) and switching.installed == 0
    assert "/state" not in switching.detail()
    switching.new.found = None
    switching.bench.settle()
    switching.finish()


def test_models_of_one_size_share_the_decoding(tmp_path: Path) -> None:
    switching = Switching(tmp_path, SIZE)
    fill(switching.before, 4)
    try:
        bench = switching.begin()
        switching.finish()
        assert bench.decoder.decoded == 4
        assert set(switching.new.ids()) == ids(4)
    finally:
        switching.bench.close()


def test_what_lands_leaves_and_moves_during_the_switch_is_right_in_both(switching: Switching) -> None:
    switching.refusals = [StoreFull("not yet")] * 1000
    bench = switching.begin()
    bench.write("lands.png", b"picture 10")
    (bench.root / "0.png").unlink()
    (bench.root / "1.png").rename(bench.root / "moved.png")
    bench.settle()
    assert set(bench.index.ids()) == set(switching.new.ids()) == ids(11) - ids(1)
    assert bench.index.vector(image_id_of(b"picture 10")) is not None
    assert bench.backbone.embedded == 1 and switching.backbone.embedded <= 11
    switching.refusals.clear()
    bench.settle()
    switching.finish()
    bench.write("later.png", b"picture 11")
    bench.settle()
    assert switching.new.contains(image_id_of(b"picture 11"))
    assert bench.backbone.embedded == 1, "the old model is out of use"


def test_copies_are_embedded_once_and_another_copy_serves_where_one_is_gone(switching: Switching) -> None:
    bench = switching.bench
    bench.write("a/copy.png", b"picture 0")
    bench.write("z/copy.png", b"picture 0")
    bench.settle()
    bench.ingest.stop()
    (bench.root / "0.png").unlink()
    shutil.rmtree(bench.root / "a")
    switching.begin()
    switching.finish()
    assert set(switching.new.ids()) == ids(10)
    assert switching.backbone.embedded == 10


def test_a_kill_in_the_middle_costs_no_inference_again(switching: Switching) -> None:
    switching.refusals = [StoreFull("not yet")] * 1000
    switching.begin()
    switching.bench.until(lambda: len(switching.new) >= 4)
    switching.begin()
    switching.refusals.clear()
    switching.finish()
    assert set(switching.new.ids()) == ids(10)
    assert switching.backbone.embedded == 10


def test_a_picture_that_can_no_longer_be_decoded_is_a_ledger_line_and_leaves_both(switching: Switching) -> None:
    bench = switching.bench
    bench.write("bad.png", b"bad one")
    bench.settle()
    [line] = bench.catalogue.rejections()
    good = bench.write("9.png", b"bad picture 9")
    stamp = good.stat()
    bench.settle()
    assert bench.files().keys().isdisjoint({"9.png", "bad.png"})
    assert line.rejection.reason is Reason.NOT_AN_IMAGE and stamp.st_size
    switching.begin()
    switching.finish()
    assert set(switching.new.ids()) == set(bench.index.ids()) == ids(9)


def test_images_of_an_offline_root_are_waited_for_and_then_embedded(switching: Switching) -> None:
    bench = switching.bench
    other = switching.work / "other"
    other.mkdir()
    (other / "x.png").write_bytes(b"picture 10")
    bench.ingest.add([os.fsencode(other)])
    bench.settle()
    bench.ingest.stop()
    other.rename(switching.work / "unplugged")
    bench = switching.begin()
    bench.until(lambda: "cannot be read now" in switching.detail())
    bench.until(lambda: bench.ingest.progress().pending == 0)
    status = switching.status()
    assert status == SwitchStatus("old", "new", 10, 11, 1, status.detail if status else "")
    assert set(bench.index.ids()) == ids(11), "the old index still finds them"
    (switching.work / "unplugged").rename(other)
    bench.settle()
    switching.finish()
    assert set(switching.new.ids()) == ids(11)


def test_after_the_grace_period_the_switch_goes_ahead_without_them_and_they_come_later(tmp_path: Path) -> None:
    switching = Switching(tmp_path, grace_s=0.0)
    fill(switching.before, 10)
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.png").write_bytes(b"picture 10")
    switching.before.ingest.add([os.fsencode(other)])
    switching.before.settle()
    switching.before.ingest.stop()
    other.rename(tmp_path / "unplugged")
    try:
        bench = switching.begin()
        switching.finish()
        assert set(switching.new.ids()) == ids(10)
        assert len(bench.catalogue.files()) == 11, "nothing is forgotten"
        (tmp_path / "unplugged").rename(other)
        bench.settle()
        bench.until(lambda: set(switching.new.ids()) == ids(11))
    finally:
        switching.bench.close()


def test_deletions_that_are_held_are_not_applied_by_the_switch(tmp_path: Path) -> None:
    switching = Switching(tmp_path)
    fill(switching.before, 150)
    switching.before.ingest.stop()
    for number in range(1, 150):
        (switching.before.root / f"{number}.png").unlink()
    try:
        bench = switching.begin().settle()
        bench.until(lambda: len(switching.new) == 1)
        assert len(bench.index) == len(bench.catalogue.files(limit=1000)) == 150
        status = switching.status()
        assert status is not None and status.unreachable == 149
        bench.ingest.scan([], retry_rejected=False, confirm_deletes=True)
        switching.finish()
        assert set(bench.index.ids()) == set(switching.new.ids()) == ids(1)
    finally:
        switching.bench.close()


def test_a_new_model_that_fails_is_never_switched_to_and_holds_nobody_up(switching: Switching) -> None:
    switching.backbone.broken = True
    bench = switching.begin()
    bench.until(lambda: "the model cannot be used" in switching.detail())
    bench.write("lands.png", b"picture 10")
    bench.until(lambda: bench.index.contains(image_id_of(b"picture 10")))
    assert (switching.installed, len(switching.new)) == (0, 0)
    switching.backbone.broken = False
    bench.settle()
    switching.finish()
    assert set(switching.new.ids()) == ids(11)


def test_a_switch_that_cannot_be_made_durable_is_tried_again(switching: Switching) -> None:
    # Not one refusal: the scan of the start may have it tried again before anybody looked.
    switching.refusals = [StoreFull("no room to write the mark")] * 1000
    bench = switching.begin()
    bench.until(lambda: "no room" in switching.detail())
    assert switching.installed == 0
    switching.refusals.clear()
    bench.settle()
    switching.finish()


def test_an_empty_catalogue_is_switched_at_once(tmp_path: Path) -> None:
    switching = Switching(tmp_path)
    try:
        switching.begin()
        switching.finish()
    finally:
        switching.bench.close()


def test_vectors_of_two_models_are_never_mixed(switching: Switching) -> None:
    switching.begin()
    switching.finish()
    for index, dimension in ((switching.bench.index, DIMENSION), (switching.new, NEW_DIMENSION)):
        assert {vector.shape for i in index.ids() if (vector := index.vector(i)) is not None} == {(dimension,)}
