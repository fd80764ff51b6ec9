"""Pairs are found of what is indexed, dropped with what is forgotten, and judged where somebody wants it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.derived.kinds import FEATURES
from simd.derived.store import DerivedStore
from simd.errors import DecoderUnavailable, StoreFull
from simd.featurize.decode.renditions import Rendition
from simd.featurize.models.spec import Levels
from simd.featurize.workers.pool import DecodedFile
from simd.index.brute import BruteIndex
from simd.insight.pairs.comparison import Comparison
from simd.insight.pairs.finder import JOB, Finder
from simd.insight.pairs.judge import Judgement
from simd.insight.pairs.look import Look
from simd.insight.pairs.pair import Pair, Tier
from simd.insight.pairs.sources import Sources
from simd.insight.pairs.store import PairStore
from simd.insight.searched import Searched
from simd.jobs.jobs import Jobs
from simd.supervision import Backoff, Threads
from simd.types import Embedding, FileKey, ImageFacts, ImageId, Stamp, Vector, image_id_of
from simd.vectors.metric import half, normalise
from simd.verify.features import LocalFeatures
from tests.catalogue.test_damaged import damage
from tests.serving.waiting import until

LEVELS = Levels(same=0.9, near=0.7, similar=0.5)
FACTS = ImageFacts(40, 30, "PNG")


def subject(name: bytes) -> bytes:
    """What a picture shows: the first word of its name."""
    return name.split()[0]


def looks(name: bytes, spread: float = 0.2) -> Vector:
    """Pictures of one subject have a cosine of about 0.96; `twin` makes it 1, `far` less than anything."""
    if b"far" in name:
        return unit(name)
    noise = 0.0 if b"twin" in name else spread
    return half(normalise(unit(subject(name)) + noise * unit(name)))


def unit(name: bytes) -> Vector:
    seed = int.from_bytes(hashlib.sha256(name).digest()[:8], "big")
    return normalise(np.random.default_rng(seed).normal(size=32))


def features_of(name: bytes) -> bytes:
    """Of a picture on which a judge sees its subject."""
    if b"blank" in name:
        return features(name, points=0)
    return b"" if b"none" in name else features(name, points=8)


def features(name: bytes, points: int) -> bytes:
    shown = hashlib.sha256(subject(name)).digest()[:16] if points else bytes(16)
    seen = np.frombuffer(shown, np.uint8).reshape(4, 4)
    return LocalFeatures(
        1.0,
        1.0,
        np.zeros((points, 2), np.float32),
        np.zeros((points, 32), np.uint8),
        None,
        np.tile(seen, (10, 10)),
        np.zeros((2, 2, 2), np.uint8),
    ).to_bytes()


class Judge:
    """Sees whether two pictures are of one subject."""

    def __init__(self) -> None:
        self.judged = 0
        self.broken = False

    def __call__(self, first: LocalFeatures, second: LocalFeatures) -> Judgement:
        if self.broken:
            raise RuntimeError("a bug of ours")
        self.judged += 1
        return Judgement(bool((first.grey == second.grey).all()), 0.5, False, 0)


class Decoder:
    """Digests of twins are those of what they show."""

    def __init__(self) -> None:
        self.decoded = 0
        self.unavailable = False
        self.late = False

    def submit_file(self, path: bytes, wanted: Callable[[ImageId], Collection[Rendition]]) -> Future[DecodedFile]:
        name = Path(path.decode()).read_bytes()
        work: Future[DecodedFile] = Future()
        self.decoded += 1
        digest = image_id_of(b"pixels of " + (subject(name) if b"twin" in name else name))
        if self.unavailable:
            work.set_exception(DecoderUnavailable("no decode worker can be started"))
        elif self.late:
            work.set_exception(TimeoutError("the server does not answer"))
        else:
            work.set_result(DecodedFile(image_id_of(name), Stamp(1, 2, 3), {}, FACTS, digest=digest))
        return work


class FullStore(PairStore):
    """Has room for so many writes of pairs; None is no limit."""

    room_for: int | None = None

    def put(
        self, pairs: Iterable[Pair], looked_at: Mapping[ImageId, str] | None = None, later: Iterable[ImageId] = ()
    ) -> None:
        if self.room_for == 0:
            raise StoreFull("no room to write pairs.sqlite", remedy="free space on that disk")
        super().put(pairs, looked_at, later)
        if self.room_for is not None:
            self.room_for -= 1


class Room:
    """A folder whose pictures are indexed, and what finds their pairs. A picture is its name."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "pictures"
        self.folder.mkdir()
        self.catalogue = Catalogue.open(work / "catalogue.sqlite")
        self.root = self.catalogue.add_root(bytes(self.folder))
        self.features: DerivedStore | None = DerivedStore(work / "features.sqlite", FEATURES, "orb-1")
        self.store = FullStore(work / "pairs.sqlite")
        self.index = BruteIndex(32)
        self.searched = Searched(self.index, "model 1", LEVELS)
        self.decoder = Decoder()
        self.judge = Judge()
        self.jobs = Jobs()
        self.threads = Threads()
        self.paused = threading.Event()
        self.wanted: list[tuple[ImageId, ImageId]] = []
        self.finder: Finder | None = None

    def add(self, *names: bytes, features: bool = True, vectors: bool = True) -> list[ImageId]:
        images = {image_id_of(name): name for name in names}
        if vectors:
            self.index.put([Embedding(image_id, looks(name)) for image_id, name in images.items()])
        if features and self.features:
            self.features.put({image_id: features_of(name) for image_id, name in images.items()})
        for name in names:
            (self.folder / name.decode()).write_bytes(name)
        self.catalogue.record(
            [
                IndexedFile(FileKey(self.root.root_id, name), Stamp(1, 2, 3), image_id, FACTS)
                for image_id, name in images.items()
            ]
        )
        return list(images)

    def remove(self, *names: bytes) -> None:
        """Their files are gone."""
        self.catalogue.record([], [], [FileKey(self.root.root_id, name) for name in names])
        self.index.delete([image_id_of(name) for name in names])

    def start(self) -> None:
        closing = threading.Event()
        comparison = Comparison(
            self.store, self.catalogue, self.features, Sources(self.catalogue, self.decoder, closing), self.judge
        )
        self.finder = Finder(
            store=self.store,
            catalogue=self.catalogue,
            look=Look(self.store, comparison, "orb-1" if self.features else ""),
            searched=lambda: nullcontext(self.searched),
            jobs=self.jobs,
            closing=closing,
            paused=self.paused.is_set,
            cores=2,
            wanted=lambda: self.wanted,
            threads=self.threads,
            rest_s=0.0,
            retry=Backoff(0.01, 0.02),
            later=Backoff(0.01, 0.02),
            quiet_s=0.01,
        )
        self.finder.start()

    def stop(self) -> None:
        if self.finder is not None:
            self.finder.close()
            self.finder = None

    def follows(self) -> bool:
        position = self.store.followed
        return position is not None and self.catalogue.changes(position, 1).position == position

    def settle(self) -> None:
        until(self.follows, "the feed to be followed")

    def tiers(self) -> dict[tuple[ImageId, ImageId], Tier]:
        images = [ImageId(row.tobytes()) for row in self.store.pairs().ids]
        return {(pair.first, pair.second): pair.tier for pair in self.store.of_any(images)}

    def close(self) -> None:
        self.stop()
        self.jobs.close()
        if self.features:
            self.features.close()
        self.store.close()
        self.catalogue.close()


def both(one: ImageId, other: ImageId) -> tuple[ImageId, ImageId]:
    return min(one, other), max(one, other)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.close()
    assert room.threads.failures == {}


def test_what_was_indexed_before_is_paired_and_so_is_what_comes(room: Room) -> None:
    lake, lake2, hill = room.add(b"lake", b"lake 2", b"hill")
    room.start()
    room.settle()
    assert room.tiers() == {both(lake, lake2): Tier.NEAR}
    [lake3] = room.add(b"lake 3")
    room.settle()
    assert room.tiers() == dict.fromkeys([both(lake, lake2), both(lake, lake3), both(lake2, lake3)], Tier.NEAR)
    assert room.judge.judged == 3, "each pair is judged once"
    assert room.store.of(hill) == [] and room.store.pending == 0


def test_many_are_a_job_each_pair_is_judged_once_and_another_start_judges_nothing(room: Room) -> None:
    names = [b"%d copy %d" % (number, copy) for number in range(60) for copy in range(3)]
    room.paused.set()
    room.add(*names)
    room.start()
    until(lambda: [job.name for job in room.jobs.running()] == [JOB], "the job")
    assert room.store.pairs().tier.size == 0, "nothing is done while indexing is paused"
    room.paused.clear()
    room.settle()
    assert set(room.tiers().values()) == {Tier.NEAR} and len(room.tiers()) == 180
    judged = room.judge.judged
    room.stop()
    room.start()
    room.settle()
    assert room.judge.judged == judged


def test_the_same_pixels_are_a_tier_of_their_own_and_decoded_once(room: Room) -> None:
    one, other, edited = room.add(b"lake twin", b"lake twin 2", b"lake edited")
    room.start()
    room.settle()
    assert room.tiers() == {
        both(one, other): Tier.PIXELS,
        both(one, edited): Tier.NEAR,
        both(other, edited): Tier.NEAR,
    }
    decoded = room.decoder.decoded
    room.add(b"lake twin 3")
    room.settle()
    assert room.decoder.decoded == decoded + 1


def test_what_looks_alike_and_is_another_picture_is_only_similar(room: Room) -> None:
    room.add(b"lake", b"lake 2")
    assert room.features is not None
    room.features.put({image_id_of(b"lake 2"): features_of(b"hill")})
    room.start()
    room.settle()
    assert list(room.tiers().values()) == [Tier.SIMILAR]


def test_blank_pictures_and_those_without_features_are_left_out_and_counted(room: Room) -> None:
    room.add(b"lake", b"lake blank", b"lake none")
    room.start()
    room.settle()
    assert room.store.left_out() == {"flat": 1, "no_features": 1}
    assert Tier.NEAR not in room.tiers().values()


@pytest.mark.parametrize("why", ["no features are kept", "the model is not calibrated"])
def test_where_nothing_can_be_verified_only_pixels_are_told(room: Room, why: str) -> None:
    if why == "no features are kept":
        assert room.features is not None
        room.features.close()
        room.features = None
    else:
        room.searched = Searched(room.index, "model 1", None)
    one, other, _ = room.add(b"lake twin", b"lake twin 2", b"lake edited")
    room.start()
    room.settle()
    assert room.tiers() == {both(one, other): Tier.PIXELS}
    assert room.store.left_out() == {"not_verified": 3} and room.judge.judged == 0


def test_pairs_go_with_their_image_and_stay_while_it_may_come_back(room: Room) -> None:
    lake, lake2 = room.add(b"lake", b"lake 2")
    room.start()
    room.settle()
    room.remove(b"lake 2")
    room.settle()
    assert list(room.tiers()) == [both(lake, lake2)]
    room.catalogue.purge_images(1 << 60)
    until(lambda: not room.tiers(), "the pair to be dropped")


def test_what_comes_while_an_image_is_away_is_its_pair_once_it_is_back(room: Room) -> None:
    [lake] = room.add(b"lake")
    room.start()
    room.settle()
    room.remove(b"lake")
    room.settle()
    [lake2] = room.add(b"lake 2")
    room.settle()
    assert room.tiers() == {}
    room.add(b"lake")
    until(lambda: list(room.tiers()) == [both(lake, lake2)], "the pair")


def test_what_was_forgotten_while_nobody_looked_is_dropped(room: Room, tmp_path: Path) -> None:
    lake, _, lake3 = room.add(b"lake", b"lake 2", b"lake 3")
    room.start()
    room.settle()
    room.stop()
    room.catalogue.close()
    (tmp_path / "catalogue.sqlite").unlink()
    room.catalogue = Catalogue.open(tmp_path / "catalogue.sqlite")
    room.root = room.catalogue.add_root(bytes(room.folder))
    room.add(b"lake", b"lake 3")
    judged = room.judge.judged
    room.start()
    room.settle()
    assert list(room.tiers()) == [both(lake, lake3)] and room.judge.judged == judged


@pytest.mark.parametrize("lacking", ["features", "vectors"])
def test_what_cannot_be_looked_at_yet_is_looked_at_later_across_a_restart(room: Room, lacking: str) -> None:
    [lake] = room.add(b"lake")
    [late] = room.add(b"lake 2", features=lacking != "features", vectors=lacking != "vectors")
    room.start()
    room.settle()
    until(lambda: room.store.pending == 1, "one to be pending")
    room.stop()
    room.add(b"lake 2")
    room.start()
    until(lambda: list(room.tiers()) == [both(lake, late)], "the pair")
    until(lambda: room.store.pending == 0, "none to be pending")


def test_features_that_come_without_news_are_found(room: Room) -> None:
    room.add(b"lake", b"lake 2", features=False)
    room.start()
    room.settle()
    assert room.features is not None
    room.features.put({image_id_of(name): features_of(name) for name in (b"lake", b"lake 2")})
    until(lambda: list(room.tiers().values()) == [Tier.NEAR], "the pair")


def test_an_image_whose_features_were_lost_is_compared_once_they_are_made_again(room: Room) -> None:
    [lake] = room.add(b"lake")
    room.start()
    room.settle()
    assert room.features is not None
    room.features.drop([lake])
    [lake2] = room.add(b"lake 2")
    room.settle()
    room.features.put({lake: features_of(b"lake")})
    until(lambda: room.tiers() == {both(lake, lake2): Tier.NEAR}, "the pair")


def test_pixels_that_cannot_be_read_now_are_compared_later(room: Room) -> None:
    room.decoder.late = True
    one, other = room.add(b"lake twin", b"lake twin 2")
    room.start()
    room.settle()
    assert room.tiers() == {both(one, other): Tier.NEAR}
    room.decoder.late = False
    until(lambda: room.tiers() == {both(one, other): Tier.PIXELS}, "the digests")
    until(lambda: room.store.pending == 0, "none to be pending")


def test_another_model_starts_anew(room: Room) -> None:
    room.add(b"lake", b"lake 2", b"hill")
    room.start()
    room.settle()
    other = BruteIndex(32)
    other.put([Embedding(image_id_of(name), looks(b"hill " + name)) for name in (b"lake 2", b"hill", b"lake")])
    room.searched = Searched(other, "model 2", LEVELS)
    room.add(b"sea", vectors=False)
    until(lambda: room.store.pending == 1, "all to be looked at in the other index")
    assert sorted(room.tiers().values()) == [Tier.NEAR, Tier.SIMILAR, Tier.SIMILAR]


@pytest.mark.parametrize("what", ["a full disk", "a damaged file", "no decode worker"])
def test_what_fails_is_tried_again_and_told_if_it_lasts(room: Room, tmp_path: Path, what: str) -> None:
    room.add(*(b"%d hill" % number for number in range(200)))
    room.start()
    until(lambda: room.store.counts() == (200, 0), "the first to be looked at")
    room.settle()
    assert room.finder is not None
    room.store.room_for = 0 if what == "a full disk" else None
    room.decoder.unavailable = what == "no decode worker"
    if what == "a damaged file":
        damage(tmp_path / "pairs.sqlite")
    finder = room.finder
    one, other = room.add(b"lake twin", b"lake twin 2")
    if what != "a damaged file":
        until(lambda: finder.trouble != "", "the trouble")
    room.store.room_for, room.decoder.unavailable = None, False
    until(lambda: not room.store.damaged and room.tiers() == {both(one, other): Tier.PIXELS}, "the pair")
    until(lambda: room.store.counts() == (202, 0) and finder.trouble == "", "all of it")


def test_an_error_that_nobody_thought_of_puts_off_what_it_hit(room: Room) -> None:
    room.judge.broken = True
    lake, lake2 = room.add(b"lake", b"lake 2")
    room.start()
    room.settle()
    until(lambda: room.store.pending == 2, "both to be put off")
    room.judge.broken = False
    until(lambda: room.tiers() == {both(lake, lake2): Tier.NEAR}, "the pair")
    assert set(room.threads.failures) == {"pairs"}
    room.threads = Threads()


def test_what_is_wanted_is_judged_and_kept_whatever_comes_of_it(room: Room) -> None:
    lake, far, hill = room.add(b"lake", b"lake far", b"hill")
    room.wanted = [(lake, far), (hill, lake), (hill, hill), (lake, image_id_of(b"nobody"))]
    room.start()
    until(lambda: len(room.store.of(lake)) == 2, "both to be judged")
    assert {pair.tier for pair in room.store.of(lake)} == {Tier.NEAR, Tier.DIFFERENT}
    judged = room.judge.judged
    room.add(b"sea")
    room.settle()
    room.stop()
    assert room.judge.judged == judged


def test_it_is_behind_until_what_is_wanted_is_judged(room: Room) -> None:
    keeper, *copies = room.add(*(b"lake %d" % number for number in range(60)))
    room.wanted = [(keeper, copy) for copy in copies]
    assert room.store.is_behind(room.catalogue.position())
    room.start()
    until(lambda: not room.store.is_behind(room.catalogue.position()), "all to be judged")
    assert len(room.store.of(keeper)) == 59
    room.add(b"hill")
    until(lambda: room.store.is_behind(room.catalogue.position()) is False, "the new one to be looked at")


def test_more_copies_than_are_searched_for_are_one_star_once_it_is_wanted(room: Room) -> None:
    keeper, *copies = room.add(*(b"lake %d" % number for number in range(120)))
    room.wanted = [(keeper, copy) for copy in copies]
    room.start()
    until(lambda: len(room.store.of(keeper)) == 119, "all to be judged")
    assert {pair.tier for pair in room.store.of(keeper)} == {Tier.NEAR}


@pytest.mark.parametrize("writes", range(5))
def test_after_whatever_write_it_ends_it_catches_up(room: Room, writes: int) -> None:
    names = [b"%d copy %d" % (number, copy) for number in range(30) for copy in range(2)]
    room.add(*names)
    room.store.room_for = writes
    room.start()
    until(lambda: room.store.room_for == 0, "the last write")
    room.stop()
    room.store.room_for = None
    room.start()
    room.settle()
    assert list(room.tiers().values()) == [Tier.NEAR] * 30


@pytest.mark.parametrize("is_paused", [True, False])
def test_a_stop_is_prompt_and_no_failure(room: Room, caplog: pytest.LogCaptureFixture, is_paused: bool) -> None:
    if is_paused:
        room.paused.set()
    room.add(*(b"%d" % number for number in range(2000)))
    room.start()
    until(lambda: bool(room.jobs.running()), "the job")
    room.stop()
    assert room.jobs.running() == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
