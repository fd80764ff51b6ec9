"""The map is kept up: new images are placed and move nobody, those that are gone leave it, and it is laid out anew when
more than a third is new."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.errors import AtlasUnavailable, CorruptStore, Overloaded, StoreFull
from simd.index.base import View
from simd.index.brute import BruteIndex, BruteView
from simd.insight.atlas.atlas import Atlas
from simd.insight.atlas.cells import Points
from simd.insight.atlas.kept import KeptMap
from simd.insight.atlas.maker import Maker
from simd.insight.atlas.places import AtlasState, Places
from simd.insight.atlas.projection import principal
from simd.insight.atlas.store import AtlasStore, Laid
from simd.insight.atlas.upkeep import JOB, Upkeep
from simd.insight.searched import Searched
from simd.jobs.jobs import Jobs, Progress
from simd.supervision import Backoff, Threads
from simd.types import Embedding, FileKey, ImageFacts, ImageId, Stamp, Vector, image_id_of
from simd.vectors.ids import Ids, unpack_ids
from simd.vectors.metric import half, normalise
from tests.catalogue.test_damaged import damage
from tests.serving import waiting


def until(condition: Callable[[], bool]) -> None:
    waiting.until(condition, "the map is as it is to be")


FACTS = ImageFacts(40, 30, "PNG")
SUBJECTS = ("cat", "dog", "owl", "cow")


def looks(name: str) -> Vector:
    """Pictures of one subject, the first word, are much alike."""
    return half(normalise(unit(name.split()[0]) + 0.2 * unit(name)))


def unit(name: str) -> Vector:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return normalise(np.random.default_rng(seed).normal(size=16))


class PlainLayouter:
    """Lays out by principal components, at once; waits or fails where a test says so."""

    def __init__(self) -> None:
        self.made = 0
        self.begun_from: list[bool] = []
        self.going_on = threading.Event()
        self.going_on.set()
        self.failure: BaseException | None = None

    def lay_out(self, view: View, ids: Ids, initial: Points | None, progress: Progress) -> Points:
        progress.expect(len(ids))
        while not self.going_on.wait(0.01):
            progress.step()
        if self.failure is not None:
            raise self.failure
        self.made += 1
        self.begun_from.append(initial is not None)
        return principal(view, ids)


class FullStore(AtlasStore):
    """Has no room while a test says so."""

    full = False

    def renew(self, laid: Laid) -> None:
        if self.full:
            raise StoreFull("no room to write atlas.sqlite", remedy="free space on that disk")
        super().renew(laid)


class BrokenIndex(BruteIndex):
    """Cannot be read."""

    def view(self) -> BruteView:
        raise CorruptStore("vectors.npy", 128, "the checksum does not fit")


class Room:
    """A collection whose map is kept up. A picture is its name."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.catalogue = Catalogue.open(work / "catalogue.sqlite")
        self.root = self.catalogue.add_root(b"/pictures")
        self.index = BruteIndex(16)
        self.searched = Searched(self.index, "model 1", None)
        self.layouter = PlainLayouter()
        self.jobs = Jobs()
        self.threads = Threads()
        self.busy = False
        self.most = 1000
        self.open()

    def open(self) -> None:
        self.store = FullStore(self.work / "atlas.sqlite")
        self.upkeep = Upkeep(
            kept=KeptMap(self.store, self.catalogue),
            maker=Maker(
                catalogue=self.catalogue,
                searched=lambda: nullcontext(self.searched),
                layouter=self.layouter,
                most=self.most,
                clock=lambda: 1.7e9,
            ),
            catalogue=self.catalogue,
            searched=lambda: nullcontext(self.searched),
            jobs=self.jobs,
            busy=lambda: self.busy,
            threads=self.threads,
            rest_s=0.0,
            soon_s=0.01,
            retry=Backoff(0.01, 0.01),
            again=Backoff(0.01, 0.01),
            later=Backoff(0.01, 0.01),
        )
        self.atlas = Atlas(self.upkeep)

    def restart(self) -> None:
        self.upkeep.close()
        self.store.close()
        self.open()
        self.upkeep.start()

    def close(self) -> None:
        self.jobs.close()
        self.upkeep.close()
        self.store.close()
        self.catalogue.close()

    def put(self, *names: str, vectors: bool = True) -> list[ImageId]:
        images = [image_id_of(name.encode()) for name in names]
        if vectors:
            self.index.put([Embedding(i, looks(name)) for i, name in zip(images, names, strict=True)])
        self.catalogue.record(
            [
                IndexedFile(FileKey(self.root.root_id, name.encode()), Stamp(1, 2, 3), image_id, FACTS)
                for image_id, name in zip(images, names, strict=True)
            ]
        )
        return images

    def lose(self, *names: str) -> None:
        self.index.delete([image_id_of(name.encode()) for name in names])
        self.catalogue.record([], deleted=[FileKey(self.root.root_id, name.encode()) for name in names])

    @property
    def state(self) -> AtlasState:
        return self.atlas.state()

    @property
    def places(self) -> Places:
        places = self.atlas.places()
        assert places is not None
        return places

    def cells(self) -> dict[ImageId, tuple[int, int]]:
        places = self.places
        cells = list(zip(places.columns.tolist(), places.rows.tolist(), strict=True))
        assert len(set(cells)) == len(cells), "each has a cell of its own"
        return dict(zip(unpack_ids(places.ids), cells, strict=True))

    def settled(self, images: int) -> dict[ImageId, tuple[int, int]]:
        """The map once so many are on it and nothing is under way."""
        until(lambda: (self.state.images, self.state.pending, self.state.total) == (images, 0, 0))
        return self.cells()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.close()
    assert room.threads.failures == {}


def some(count: int, start: int = 0) -> list[str]:
    return [f"{SUBJECTS[number % 4]} {number}" for number in range(start, start + count)]


def test_what_is_there_at_the_start_is_laid_out(room: Room) -> None:
    assert room.state == AtlasState("none") and room.atlas.places() is None
    images = room.put(*some(40))
    room.upkeep.start()
    assert set(room.settled(40)) == set(images)
    state = room.state
    assert (state.state, state.detail, state.added) == ("ready", "", 0)
    assert (state.side, state.levels, state.laid_out_ms) == (16, 1, 1_700_000_000_000)


def test_a_new_image_comes_next_to_those_like_it_and_moves_nobody(room: Room) -> None:
    room.put(*some(40))
    room.upkeep.start()
    before = room.settled(40)
    (new,) = room.put("owl 1000")
    after = room.settled(41)
    assert {image_id: after[image_id] for image_id in before} == before
    assert room.state.added == 1 and room.layouter.made == 1
    apart = {name: distance(after[new], after[image_id_of(name.encode())]) for name in some(40)}
    owls = [apart[name] for name in apart if name.startswith("owl")]
    assert np.mean(owls) < np.mean(list(apart.values())) / 2


def distance(one: tuple[int, int], other: tuple[int, int]) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))


def test_an_image_that_is_gone_leaves_the_map_and_one_that_moved_stays(room: Room) -> None:
    room.put(*some(40))
    room.upkeep.start()
    before = room.settled(40)
    revision = room.state.revision
    (lost,) = (image_id_of(b"cat 0"),)
    room.lose("cat 0")
    after = room.settled(39)
    assert after == {image_id: cell for image_id, cell in before.items() if image_id != lost}
    assert room.state.revision > revision
    room.catalogue.rename_under(room.root.root_id, b"dog 1", b"dog 1 elsewhere")
    room.put("dog 1000")
    assert room.settled(40).items() >= after.items()


def test_more_than_a_third_new_is_laid_out_anew_like_the_old_map(room: Room) -> None:
    room.put(*some(40))
    room.upkeep.start()
    room.settled(40)
    room.put(*some(20, 100))
    room.settled(60)
    assert room.layouter.made == 1 and room.state.added == 20
    room.put("owl 2000")
    until(lambda: room.layouter.made == 2)
    until(lambda: room.state.added == 0)
    room.settled(61)
    assert room.layouter.begun_from == [False, True]


def test_while_indexing_goes_on_only_a_map_that_has_trebled_is(room: Room) -> None:
    room.busy = True
    room.put(*some(40))
    room.upkeep.start()
    room.settled(40)
    room.put(*some(60, 100))
    room.settled(100)
    assert room.layouter.made == 1
    room.put(*some(21, 200))
    until(lambda: room.layouter.made == 2)
    room.settled(121)
    room.put(*some(70, 300))
    room.settled(191)
    room.busy = False
    until(lambda: room.layouter.made == 3)


def test_while_it_is_laid_out_the_map_so_far_is_kept_up(room: Room) -> None:
    room.put(*some(40))
    room.upkeep.start()
    before = room.settled(40)
    room.layouter.going_on.clear()
    room.atlas.lay_out()
    with pytest.raises(Overloaded):
        room.atlas.lay_out()
    until(lambda: room.state.total == 40)
    assert [job.name for job in room.jobs.running()] == [JOB] and room.state.state == "ready"
    with pytest.raises(Overloaded):
        room.atlas.lay_out()
    room.put("owl 1000")
    room.lose("cat 0")
    until(lambda: room.state.images == 40 and image_id_of(b"owl 1000") in room.cells())
    assert room.cells().items() >= {i: c for i, c in before.items() if i != image_id_of(b"cat 0")}.items()
    room.layouter.going_on.set()
    until(lambda: room.layouter.made == 2)
    after = room.settled(40)
    assert image_id_of(b"owl 1000") in after and image_id_of(b"cat 0") not in after


@pytest.mark.parametrize("count", range(1, 6))
def test_a_few_images_have_a_map_too_and_none_has_none(room: Room, count: int) -> None:
    room.put(*some(count))
    room.upkeep.start()
    room.settled(count)
    room.lose(*some(count))
    until(lambda: room.state == AtlasState("none"))
    assert room.atlas.places() is None
    room.put("owl 1")
    room.settled(1)


def test_the_map_is_the_same_after_a_restart(room: Room) -> None:
    room.put(*some(40))
    room.upkeep.start()
    room.settled(40)
    room.put("owl 1000")
    before = room.settled(41)
    room.upkeep.close()
    room.lose("cat 0")
    room.put("cat 1000")
    room.restart()
    until(lambda: room.state.images == 41 and image_id_of(b"cat 1000") in room.cells())
    after = room.settled(41)
    gone = image_id_of(b"cat 0")
    assert after.items() >= {i: c for i, c in before.items() if i != gone}.items() and gone not in after
    assert room.layouter.made == 1 and room.state.added == 2


def test_an_image_without_a_vector_waits_for_it(room: Room) -> None:
    room.put(*some(40))
    room.upkeep.start()
    room.settled(40)
    (late,) = room.put("owl 1000", vectors=False)
    until(lambda: room.state.pending == 1)
    room.restart()
    until(lambda: room.state.images == 40)
    room.index.put([Embedding(late, looks("owl 1000"))])
    assert late in room.settled(41)


def test_images_that_have_no_vectors_yet_are_laid_out_once_they_have(room: Room) -> None:
    images = room.put(*some(20), vectors=False)
    room.upkeep.start()
    until(lambda: room.state.pending == 20)
    room.index.put([Embedding(image_id, looks(name)) for image_id, name in zip(images, some(20), strict=True)])
    room.settled(20)


def test_another_model_lays_the_map_out_anew(room: Room) -> None:
    room.put(*some(40))
    room.upkeep.start()
    room.settled(40)
    room.searched = Searched(room.index, "model 2", None)
    room.put("owl 1000")
    until(lambda: room.layouter.made == 2)
    until(lambda: room.state.added == 0)
    room.settled(41)


def test_a_catalogue_made_anew_is_looked_through(room: Room, tmp_path: Path) -> None:
    room.put(*some(40))
    room.upkeep.start()
    before = room.settled(40)
    room.upkeep.close()
    room.catalogue.close()
    (tmp_path / "catalogue.sqlite").unlink()
    room.catalogue = Catalogue.open(tmp_path / "catalogue.sqlite")
    room.root = room.catalogue.add_root(b"/pictures")
    kept = room.put(*some(30))
    room.restart()
    assert room.settled(30) == {image_id: before[image_id] for image_id in kept}
    assert room.layouter.made == 1


def test_more_images_than_are_laid_out_are_placed_among_these(room: Room) -> None:
    room.upkeep.close()
    room.store.close()
    room.most = 30
    room.open()
    room.put(*some(100))
    room.upkeep.start()
    cells = room.settled(100)
    assert room.state.added == 0 and len(cells) == 100


def failing_once(room: Room, failure: BaseException) -> None:
    room.layouter.failure = failure
    room.put(*some(40))
    room.upkeep.start()
    until(lambda: room.state.detail != "")


def test_a_layout_that_fails_is_told_and_tried_again(room: Room) -> None:
    failing_once(room, AtlasUnavailable("the map was not laid out: killed by SIGKILL"))
    assert room.state.detail == "the map was not laid out: killed by SIGKILL"
    room.layouter.failure = None
    room.settled(40)
    assert room.state.detail == ""


def test_a_bug_in_a_layout_is_told_and_tried_again(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    failing_once(room, RuntimeError("a bug of ours"))
    assert "a bug of ours" not in room.state.detail
    room.layouter.failure = None
    room.settled(40)
    assert "the job atlas failed unexpectedly" in caplog.text


def test_a_full_disk_is_told_and_costs_no_second_layout(room: Room) -> None:
    room.store.full = True
    room.put(*some(40))
    room.upkeep.start()
    until(lambda: room.state.detail != "")
    assert "no room" in room.state.detail and room.layouter.made == 1
    room.store.full = False
    room.settled(40)
    assert room.layouter.made == 1 and room.state.detail == ""


def test_a_damaged_file_is_made_anew(room: Room) -> None:
    room.put(*some(40))
    room.upkeep.start()
    room.settled(40)
    room.upkeep.close()
    room.store.close()
    damage(room.work / "atlas.sqlite")
    room.restart()
    until(lambda: room.layouter.made == 2)
    room.settled(40)


def test_a_damaged_index_is_told_and_tried_again(room: Room) -> None:
    room.put(*some(40))
    room.upkeep.start()
    room.settled(40)
    good, room.searched = room.searched, Searched(BrokenIndex(16), "model 1", None)
    room.put("owl 1000")
    until(lambda: room.state.detail != "")
    assert room.state.state == "ready" and room.state.images == 40
    room.searched = good
    room.settled(41)


def test_a_stop_ends_a_layout(room: Room) -> None:
    room.layouter.going_on.clear()
    room.put(*some(40))
    room.upkeep.start()
    until(lambda: room.state.state == "laying_out")
    room.upkeep.close()
    assert room.layouter.made == 0 and room.jobs.running() == []


def test_a_map_that_is_off_says_why() -> None:
    atlas = Atlas(off="the setting `atlas` is off")
    assert atlas.state() == AtlasState("off", "the setting `atlas` is off") and atlas.places() is None
    with pytest.raises(AtlasUnavailable, match="the setting `atlas` is off"):
        atlas.lay_out()
