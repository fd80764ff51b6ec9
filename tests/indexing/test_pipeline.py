"""Files whose decoding ends in whatever order, by a decoder that is told when."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest

from simd.catalogue.catalogue import Catalogue
from simd.derived.icon import icon_of
from simd.derived.kinds import FEATURES, ICONS
from simd.derived.store import DerivedStore
from simd.errors import ImageRejected, Reason, StoreFull
from simd.featurize.decode.decode import DecodeLimits
from simd.featurize.decode.renditions import Rendition, Stretched
from simd.featurize.workers.pool import DecodedFile, DecodePool, FileDecoder, WorkerSettings
from simd.index.brute import BruteIndex
from simd.indexing.derived import recipe
from simd.indexing.derived.keeper import Keeper
from simd.indexing.loop.pipeline import Job, Pipeline
from simd.indexing.loop.targets import Target, Targets
from simd.types import Change, ChangeKind, FileKey, ImageFacts, ImageId, Root, Stamp, image_id_of
from tests.featurize.drawings import encoded, quadrants
from tests.indexing.bench import DIMENSION, SIZE, Backbone, features_of, pictures_of
from tests.serving.waiting import until

STAMP = Stamp(1, 2, 3)


class ByHand:
    """Decodes a file when it is told its content: whoever asks first has to decode."""

    def __init__(self) -> None:
        self._wanted: dict[bytes, Callable[[ImageId], Collection[Rendition]]] = {}
        self._futures: dict[bytes, Future[DecodedFile]] = {}

    def submit_file(self, path: bytes, wanted: Callable[[ImageId], Collection[Rendition]], /) -> Future[DecodedFile]:
        """As `DecodePool.submit_file`."""
        self._wanted[path] = wanted
        return self._futures.setdefault(path, Future())

    def read(self, path: bytes, content: bytes) -> DecodedFile:
        """Name a file; what decoding will give."""
        image_id = image_id_of(content)
        wanted = self._wanted[path](image_id)
        facts = ImageFacts(4, 3, "PNG") if wanted else None
        return DecodedFile(image_id, STAMP, pictures_of(content, wanted), facts, features=features_of(content, wanted))

    def end(self, path: bytes, decoded: DecodedFile) -> None:
        """The decoding of a file ended."""
        self._futures[path].set_result(decoded)

    def fail(self, path: bytes, error: Exception) -> None:
        """The decoding of a file failed."""
        self._futures[path].set_exception(error)


class Line:
    """A pipeline into an empty index."""

    def __init__(self, directory: Path, pool: FileDecoder | None = None, /, *keepers: Keeper, **limits: int) -> None:
        self.catalogue = Catalogue.open(directory / "catalogue.sqlite")
        self.root: Root = self.catalogue.add_root(b"/p")
        self.index = BruteIndex(DIMENSION)
        self.decoder = ByHand()
        self.backbone = Backbone()
        self.woken = threading.Event()
        self.pipeline = Pipeline(
            decoder=pool or self.decoder,
            targets=Targets(Target("double", SIZE, self.backbone, self.index)),
            catalogue=self.catalogue,
            wake=self.woken.set,
            window=limits.get("window", 8),
            window_bytes=limits.get("window_bytes", 128 << 20),
            keepers=keepers,
        )

    def start(self, name: bytes, stamp: Stamp = STAMP) -> bytes:
        """Begin with a file; its path."""
        key = FileKey(self.root.root_id, name)
        self.pipeline.start(Change(ChangeKind.UPSERT, key, stamp), stamp, b"/p/" + name)
        return b"/p/" + name

    def finish(self) -> list[bytes]:
        """Commit what ended; the files to be done again."""
        jobs = self.pipeline.collect(100)
        batch = self.pipeline.batch_of(jobs, [])
        self.pipeline.embed(batch)
        self.pipeline.commit(batch)
        self.pipeline.release(jobs)
        return [change.key.path for change in batch.requeued]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.catalogue.close()


def test_a_copy_that_is_read_before_the_picture_is_decoded_is_recorded_with_it(line: Line) -> None:
    first, copy = line.start(b"first"), line.start(b"copy")
    decoded, skipped = line.decoder.read(first, b"x"), line.decoder.read(copy, b"x")
    assert decoded.facts is not None and skipped.facts is None
    line.decoder.end(copy, skipped)
    line.decoder.end(first, decoded)
    assert line.finish() == []
    assert line.catalogue.files_of([image_id_of(b"x")]) == {image_id_of(b"x"): [copy, first]}
    assert line.backbone.embedded == 1


def test_a_copy_of_what_cannot_be_decoded_is_refused_with_it(line: Line) -> None:
    first, copy = line.start(b"first"), line.start(b"copy")
    line.decoder.read(first, b"x")
    line.decoder.end(copy, line.decoder.read(copy, b"x"))
    line.decoder.fail(first, ImageRejected(Reason.CORRUPT, "it is broken"))
    assert line.finish() == []
    assert {entry.path: entry.rejection.detail for entry in line.catalogue.rejections()} == {
        first: "it is broken",
        copy: "it is broken",
    }


def test_a_copy_whose_picture_is_not_decoded_yet_is_done_again(line: Line) -> None:
    first, copy = line.start(b"first"), line.start(b"copy")
    decoded, skipped = line.decoder.read(first, b"x"), line.decoder.read(copy, b"x")
    line.decoder.end(copy, skipped)
    assert line.finish() == [b"copy"]
    line.decoder.end(first, decoded)
    assert line.finish() == []


def test_a_picture_whose_facts_were_purged_after_it_was_read_is_done_again_with_them(line: Line) -> None:
    first = line.start(b"first")
    line.decoder.end(first, line.decoder.read(first, b"x"))
    line.finish()
    line.index.delete(line.catalogue.record([], [], [FileKey(line.root.root_id, b"first")]))
    again = line.start(b"again")
    decoded = line.decoder.read(again, b"x")
    assert decoded.facts is None
    line.catalogue.purge_images(1 << 60)
    line.decoder.end(again, decoded)
    assert line.finish() == [b"again"]
    assert line.catalogue.files() == []


def test_a_file_under_way_that_is_told_again_goes_on_and_one_that_changed_begins_anew(line: Line) -> None:
    line.start(b"a")
    line.start(b"a")
    assert len(line.pipeline) == 1
    line.decoder.end(b"/p/a", line.decoder.read(b"/p/a", b"x"))
    assert line.finish() == [] and line.backbone.embedded == 1


def test_p15_what_is_under_way_is_bounded_by_number_and_by_the_bytes_of_its_pictures(tmp_path: Path) -> None:
    for limits, most in (
        ({"window": 3}, 3),
        ({"window": 100, "window_bytes": 5 * 48}, 5),
        ({"window": 100, "window_bytes": 1}, 1),
    ):
        directory = tmp_path / str(limits)
        directory.mkdir()
        line = Line(directory, **limits)
        for number in range(100):
            if line.pipeline.has_room:
                line.start(b"%d" % number)
        assert len(line.pipeline) == most
        line.catalogue.close()


def test_p15_a_file_that_changes_all_the_time_fills_the_window_and_not_the_memory(line: Line) -> None:
    started = 0
    while line.pipeline.has_room:
        line.start(b"a", Stamp(started, 0, 0))
        started += 1
    assert started == 8 and len(line.pipeline) == 1


def test_the_loop_is_woken_for_the_only_file_and_for_every_few_of_many(tmp_path: Path) -> None:
    line = Line(tmp_path)
    alone = line.start(b"alone")
    line.decoder.end(alone, line.decoder.read(alone, b"alone"))
    assert line.woken.is_set()
    line.finish()
    line.woken.clear()
    first, second, *_ = [line.start(b"%d" % number) for number in range(8)]
    line.decoder.end(first, line.decoder.read(first, b"1"))
    assert not line.woken.is_set()
    line.decoder.end(second, line.decoder.read(second, b"2"))
    assert line.woken.is_set()
    assert line.finish() == []
    line.catalogue.close()


def test_what_was_dropped_is_looked_for_until_its_decoding_ended(line: Line) -> None:
    path = line.start(b"a")
    line.pipeline.drop(FileKey(line.root.root_id, b"a"))
    assert len(line.pipeline) == 0 and line.pipeline.decoding
    line.decoder.end(path, line.decoder.read(path, b"a"))
    assert line.pipeline.collect(1) == [] and not line.pipeline.decoding


def test_files_that_are_decided_are_let_go_without_the_garbage_collector(tmp_path: Path) -> None:
    pool = DecodePool(1, WorkerSettings(DecodeLimits(1 << 20, 1 << 20)))
    line = Line(tmp_path, pool)
    for number, content in enumerate([encoded(quadrants(), "PNG"), b"no picture", encoded(quadrants(), "PNG")[:60]]):
        (tmp_path / f"{number}").write_bytes(content)
    gc.collect()
    gc.disable()
    try:
        for number in range(3):
            key = FileKey(line.root.root_id, b"%d" % number)
            line.pipeline.start(Change(ChangeKind.UPSERT, key, STAMP), STAMP, bytes(tmp_path / f"{number}"))
        while line.pipeline.decoding:
            line.woken.wait(0.1)
            line.finish()
        assert line.catalogue.counts().files == 1 and len(list(line.catalogue.rejections())) == 2
        # The worker's thread lets go of the last one when it has told that it ended.
        until(lambda: not [held for held in gc.get_objects() if isinstance(held, Job | Future)], "all to be let go")
    finally:
        gc.enable()
        pool.close()
        line.catalogue.close()


class FullStore(DerivedStore):
    """Has no room while a test says so."""

    full = True

    def put(self, made: Mapping[ImageId, bytes]) -> None:
        if self.full:
            raise StoreFull("no room to write features.sqlite", remedy="free space on that disk")
        super().put(made)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FullStore]:
    made = FullStore(tmp_path / "features.sqlite", FEATURES, "orb-1")
    made.full = False
    yield made
    made.close()


def decoded(line: Line, *names: bytes) -> None:
    for name in names:
        path = line.start(name)
        line.decoder.end(path, line.decoder.read(path, name))


def test_features_are_made_and_kept_of_what_is_decoded_anyway(tmp_path: Path, store: FullStore) -> None:
    line = Line(tmp_path, None, Keeper(store, recipe.features()))
    decoded(line, b"a", b"b", b"blank")
    line.catalogue.on_commit(lambda: told.append(store.missing([image_id_of(b"a")])))
    told: list[list[ImageId]] = []
    line.finish()
    images = [image_id_of(name) for name in (b"a", b"b", b"blank")]
    assert store.get(images) == dict(zip(images, (b"features of a", b"features of b", b""), strict=True))
    assert len(line.index) == 3
    assert told == [[]], "whoever is told of the image finds its features"
    line.catalogue.close()


def test_features_that_are_there_are_not_made_again(tmp_path: Path, store: FullStore) -> None:
    store.put({image_id_of(b"a"): b"from before"})
    line = Line(tmp_path, None, Keeper(store, recipe.features()))
    decoded(line, b"a")
    line.finish()
    assert store.get([image_id_of(b"a")]) == {image_id_of(b"a"): b"from before"}
    line.catalogue.close()


def test_features_that_cannot_be_kept_hold_nothing_up_and_are_said_once(
    tmp_path: Path, store: FullStore, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(tmp_path, None, Keeper(store, recipe.features()))
    store.full = True
    for name in (b"a", b"b"):
        decoded(line, name)
        assert line.finish() == []
    assert len(line.index) == 2
    assert caplog.text.count("cannot be kept now") == 1
    store.full = False
    decoded(line, b"c")
    line.finish()
    assert store.missing([image_id_of(name) for name in (b"a", b"b", b"c")]) == [image_id_of(b"a"), image_id_of(b"b")]
    line.catalogue.close()


def test_a_store_that_cannot_be_read_costs_the_features_alone(tmp_path: Path, store: FullStore) -> None:
    line = Line(tmp_path, None, Keeper(store, recipe.features()))
    store.close()
    decoded(line, b"a")
    assert line.finish() == [] and len(line.index) == 1
    line.catalogue.close()


def test_icons_are_made_of_a_models_input_and_nothing_else_is_asked_for_them(tmp_path: Path) -> None:
    with closing(DerivedStore(tmp_path / "icons.sqlite", ICONS, "1")) as icons:
        line = Line(tmp_path, None, Keeper(icons, recipe.icons()))
        path = line.start(b"a")
        found = line.decoder.read(path, b"a")
        line.decoder.end(path, found)
        line.finish()
        assert list(found.pictures) == [Stretched(SIZE)]
        assert icons.get([found.image_id]) == {found.image_id: icon_of(found.pictures[Stretched(SIZE)])}
        line.catalogue.close()
