"""Local features are made of the images that lack them, and dropped with those that are forgotten."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.derived.icon import ICON_BYTES
from simd.derived.kinds import FEATURES, ICONS
from simd.derived.store import DerivedStore
from simd.featurize.decode.renditions import Rendition
from simd.featurize.workers.pool import DecodedFile
from simd.indexing.derived import recipe
from simd.indexing.derived.upkeep import Upkeep
from simd.jobs.jobs import Jobs
from simd.supervision import Backoff, Threads
from simd.types import FileKey, ImageFacts, ImageId, Stamp, image_id_of
from tests.indexing.bench import Decoder
from tests.indexing.test_pipeline import FullStore
from tests.serving.waiting import until

LATER = Stamp(1, 2, 3)


class Room:
    """A folder whose pictures are indexed, and what keeps their features."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "pictures"
        self.folder.mkdir()
        self.catalogue = Catalogue.open(work / "catalogue.sqlite")
        self.root = self.catalogue.add_root(bytes(self.folder))
        self.decoder = Decoder()
        self.store = FullStore(work / "features.sqlite", FEATURES, "orb-1")
        self.store.full = False
        self.jobs = Jobs()
        self.threads = Threads()
        self.paused = threading.Event()
        self._upkeep: Upkeep | None = None

    def add(self, *names: bytes) -> list[ImageId]:
        """Pictures that are indexed, and of which no features were kept."""
        for name in names:
            (self.folder / name.decode()).write_bytes(name)
        facts = ImageFacts(4, 3, "PNG")
        keys = {name: FileKey(self.root.root_id, name) for name in names}
        self.catalogue.record([IndexedFile(key, LATER, image_id_of(name), facts) for name, key in keys.items()])
        return [image_id_of(name) for name in names]

    def forget(self, *names: bytes) -> None:
        """Pictures whose files are gone for longer than they are remembered."""
        self.catalogue.record([], [], [FileKey(self.root.root_id, name) for name in names])
        self.catalogue.purge_images(1 << 60)

    def start(self, decoder: Decoder | Held | None = None, retry: Backoff | None = None) -> None:
        self._upkeep = Upkeep(
            store=self.store,
            recipe=recipe.features(),
            catalogue=self.catalogue,
            decoder=decoder or self.decoder,
            jobs=self.jobs,
            paused=self.paused.is_set,
            at_once=2,
            threads=self.threads,
            rest_s=0.0,
            retry=retry or Backoff(0.01, 0.02),
        )
        self._upkeep.start()

    def stop(self) -> None:
        if self._upkeep is not None:
            self._upkeep.close()
            self._upkeep = None

    def follows(self) -> bool:
        """Whether everything that the catalogue tells of was dealt with."""
        position = self.store.followed
        return position is not None and self.catalogue.changes(position, 1).position == position

    def close(self) -> None:
        self.stop()
        self.jobs.close()
        self.decoder.close()
        self.store.close()
        self.catalogue.close()


class Held:
    """Decodes nothing until it is told to."""

    def __init__(self) -> None:
        self.under_way: list[Future[DecodedFile]] = []

    def submit_file(self, path: bytes, wanted: Callable[[ImageId], Collection[Rendition]]) -> Future[DecodedFile]:
        self.under_way.append(Future())
        return self.under_way[-1]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.close()
    assert room.threads.failures == {}


def test_what_was_indexed_before_gets_its_features_and_so_does_what_comes(room: Room) -> None:
    images = room.add(*(b"%d" % number for number in range(40)))
    room.start()
    until(room.follows, "the feed to be followed")
    assert room.store.get(images) == {image: b"features of %d" % number for number, image in enumerate(images)}
    [late] = room.add(b"late")
    until(lambda: not room.store.missing([late]), "the features of what came")
    assert room.decoder.decoded == 41


def test_what_has_features_is_not_decoded(room: Room) -> None:
    images = room.add(b"a", b"b")
    room.store.put(dict.fromkeys(images, b"from before"))
    room.start()
    until(room.follows, "the feed to be followed")
    assert room.decoder.decoded == 0


def test_features_go_with_their_image(room: Room) -> None:
    a, b, c = room.add(b"a", b"b", b"c")
    room.start()
    until(room.follows, "the feed to be followed")
    room.catalogue.record([], [], [FileKey(room.root.root_id, b"a")])
    until(room.follows, "the deletion to be followed")
    assert room.store.missing([a, b, c]) == [], "a file that returns needs none"
    room.forget(b"a", b"b")
    until(lambda: room.store.missing([a, b, c]) == [a, b], "the features to be dropped")


def test_what_was_forgotten_while_nobody_looked_is_dropped(room: Room, tmp_path: Path) -> None:
    a, b = room.add(b"a", b"b")
    room.start()
    until(room.follows, "the feed to be followed")
    room.stop()
    room.catalogue.close()
    (tmp_path / "catalogue.sqlite").unlink()
    room.catalogue = Catalogue.open(tmp_path / "catalogue.sqlite")
    room.root = room.catalogue.add_root(bytes(room.folder))
    room.add(b"b")
    room.start()
    until(lambda: room.follows() and room.store.missing([a, b]) == [a], "the features of nothing to be dropped")


def test_a_damaged_row_and_a_lost_file_are_made_again(room: Room, tmp_path: Path) -> None:
    a, b = images = room.add(b"a", b"b")
    room.start()
    until(room.follows, "the feed to be followed")
    with closing(sqlite3.connect(tmp_path / "features.sqlite")) as connection:
        connection.execute("UPDATE features SET data = x'00' WHERE image_id = ?", (a,))
        connection.commit()
    assert list(room.store.get(images)) == [b]
    room.add(b"news")
    until(lambda: not room.store.missing(images), "the features to be made again")
    assert room.store.get([a]) == {a: b"features of a"}
    room.stop()
    room.store.close()
    (tmp_path / "features.sqlite").unlink()
    room.store = FullStore(tmp_path / "features.sqlite", FEATURES, "orb-1")
    room.store.full = False
    room.start()
    until(lambda: not room.store.missing(images), "the features to be made again")


def test_another_version_is_made_anew(room: Room, tmp_path: Path) -> None:
    [a] = room.add(b"a")
    with closing(DerivedStore(tmp_path / "features.sqlite", FEATURES, "orb-0")) as older:
        older.put({a: b"older"})
    room.start()
    until(room.follows, "the feed to be followed")
    assert room.store.get([a]) == {a: b"features of a"}


@pytest.mark.parametrize("name", [b"gone", b"bad", b"torn", b"other"])
def test_what_cannot_be_made_now_holds_nothing_up_and_is_tried_again(room: Room, name: bytes) -> None:
    odd, a = room.add(name, b"a")
    path = room.folder / name.decode()
    if name == b"gone":
        path.unlink()
    if name == b"other":
        path.write_bytes(b"another picture")
    room.start()
    until(lambda: not room.store.missing([a]), "the features of the other picture")
    if name != b"torn":
        assert room.store.missing([odd, a]) == [odd]
    # The double takes the content of these for reasons to fail; the file is the picture again when it has it.
    if name in (b"gone", b"other"):
        path.write_bytes(name)
    if name != b"bad":
        until(lambda: not room.store.missing([odd]), "another attempt")


class Late(Held):
    """Its first file is on a network that does not answer: reading it ends with the error of a timeout."""

    def submit_file(self, path: bytes, wanted: Callable[[ImageId], Collection[Rendition]]) -> Future[DecodedFile]:
        work = super().submit_file(path, wanted)
        if len(self.under_way) == 1:
            work.set_exception(TimeoutError("the server does not answer"))
        return work


def test_a_file_that_a_network_does_not_answer_for_holds_no_others_up(room: Room) -> None:
    room.add(b"a", b"b", b"c")
    late = Late()
    room.start(late)
    until(lambda: len(late.under_way) == 3, "the others to be decoded")


def test_what_none_can_be_made_of_is_not_tried_again(room: Room) -> None:
    [blank] = room.add(b"blank")
    room.start()
    until(room.follows, "the feed to be followed")
    assert room.store.get([blank]) == {blank: b""}


def test_no_room_and_no_process_are_waited_for(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.store.full = True
    room.decoder.unavailable = True
    images = room.add(b"a", b"b")
    room.start()
    until(lambda: "no process" in caplog.text, "the failure to be said")
    room.decoder.unavailable = False
    until(lambda: "no room" in caplog.text, "the failure to be said")
    room.store.full = False
    until(lambda: not room.store.missing(images), "the features")


def test_a_stop_ends_the_job_and_the_next_start_goes_on_from_there(room: Room) -> None:
    images = room.add(*(b"%d" % number for number in range(5)))
    held = Held()
    room.start(held)
    until(lambda: len(held.under_way) == 2, "as many decodings as may be at once")
    [status] = room.jobs.running()
    assert (status.name, status.unit, status.total) == ("features", "pictures", 5)
    room.stop()
    assert room.jobs.running() == [] and all(work.cancelled() for work in held.under_way)
    room.start()
    until(lambda: not room.store.missing(images), "the features")


def test_nothing_is_decoded_while_indexing_is_paused(room: Room) -> None:
    room.paused.set()
    images = room.add(b"a")
    room.start()
    until(lambda: bool(room.jobs.running()), "the job")
    assert room.decoder.asked == []
    room.paused.clear()
    until(lambda: not room.store.missing(images), "the features")


def test_a_stop_ends_a_pause(room: Room) -> None:
    room.paused.set()
    room.add(b"a")
    room.start()
    until(lambda: bool(room.jobs.running()), "the job")
    room.stop()
    assert room.decoder.asked == []


def test_icons_are_made_of_what_was_indexed_before_like_features(room: Room, tmp_path: Path) -> None:
    images = room.add(b"a", b"b")
    with closing(DerivedStore(tmp_path / "icons.sqlite", ICONS, "1")) as icons:
        upkeep = Upkeep(
            store=icons,
            recipe=recipe.icons(),
            catalogue=room.catalogue,
            decoder=room.decoder,
            jobs=room.jobs,
            threads=room.threads,
            rest_s=0.0,
        )
        upkeep.start()
        try:
            until(lambda: not icons.missing(images), "the icons")
        finally:
            upkeep.close()
        assert {len(data) for data in icons.get(images).values()} == {ICON_BYTES}
    assert room.store.missing(images) == images, "each kind has a file of its own"
