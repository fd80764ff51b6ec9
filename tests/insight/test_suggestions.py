"""What is suggested is unlike what is labelled, unlike what is suggested before, and the same for the same state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from random import Random

import numpy as np
import pytest

from simd.decisions.duplicates import Kind
from simd.decisions.labels import Labelling
from simd.errors import CorruptStore, NotReady, Overloaded, TooFewLabels
from simd.featurize.models.spec import Levels
from simd.index.base import CHUNK_ROWS, Chunk, Index
from simd.index.brute import BruteIndex, BruteView
from simd.index.local import LocalIndex
from simd.insight.labels.pictures import Pictures
from simd.insight.searched import Searched
from simd.insight.suggest.making import Sizes
from simd.insight.suggest.suggestion import Question, Strategy, Suggested
from simd.insight.suggest.suggestions import JOB, Suggestions
from simd.jobs.jobs import Cancelled, Jobs
from simd.types import Embedding, ImageId, Vector
from simd.vectors.metric import half, normalise
from tests.insight.world import World
from tests.stores import FINGERPRINT, OPTIONS

DIMENSION = 32
LEVELS = Levels(same=0.95, near=0.9, similar=0.6)
ALL = list(Strategy)
UNLABELLED = [strategy for strategy in ALL if strategy is not Strategy.UNCERTAIN]


def axis(number: int, *others: tuple[int, float]) -> Vector:
    """A direction, bent towards others."""
    vector = np.zeros(DIMENSION)
    vector[number] = 1.0
    for other, share in others:
        vector[other] += share
    return half(normalise(vector))


class Room:
    """A world whose images have vectors."""

    def __init__(self, directory: Path, index: Index | None = None, levels: Levels | None = LEVELS) -> None:
        self.world = World(directory)
        self.index = BruteIndex(DIMENSION) if index is None else index
        self.levels = levels
        self.pictures = Pictures(self.world.pairs, self.world.decisions)
        self.jobs = Jobs()
        self.sizes = Sizes()

    @property
    def suggestions(self) -> Suggestions:
        return Suggestions(
            catalogue=self.world.catalogue,
            pictures=self.pictures,
            searched=lambda: nullcontext(Searched(self.index, "a model", self.levels)),
            jobs=self.jobs,
            sizes=self.sizes,
        )

    def add(self, path: str, vector: Vector) -> ImageId:
        image_id = self.world.put(path)
        self.index.put([Embedding(image_id, vector)])
        return image_id

    def cluster(self, name: str, number: int, count: int, spread: float = 0.4) -> list[ImageId]:
        """Images around a direction, at about 1 / sqrt(1 + spread^2) to it."""
        rng = np.random.default_rng(number)
        images = []
        for member in range(count):
            noise = rng.normal(size=DIMENSION) * spread / np.sqrt(DIMENSION)
            images.append(self.add(f"/p/{name}/{member}", half(normalise(axis(number) + noise))))
        return images

    def label(self, image_id: ImageId, *labels: str) -> None:
        self.world.decisions.labels.put([Labelling(image_id, labels)])

    def ask(self, limit: int = 100, strategy: Strategy = Strategy.COVERAGE, **more: object) -> Suggested:
        job = self.suggestions.suggest(Question(limit, strategy, **more))  # type: ignore[arg-type]
        assert job.wait(60)
        return job.result()

    def chosen(self, limit: int = 100, strategy: Strategy = Strategy.COVERAGE, **more: object) -> list[ImageId]:
        return [one.image_id for one in self.ask(limit, strategy, **more).suggestions]

    def close(self) -> None:
        self.jobs.close()
        self.index.close()
        self.world.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    yield room
    room.close()


class Farm(Room):
    """Three kinds of pictures, and two that are alone."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.cats = self.cluster("cats", 0, 12)
        self.dogs = self.cluster("dogs", 1, 8)
        self.hens = self.cluster("hens", 2, 4)
        self.alone = [self.add("/q/ufo", axis(9)), self.add("/q/yeti", axis(10))]

    def twin(self, image_id: ImageId) -> ImageId:
        """Another image that is as alike as the same picture."""
        vector = self.index.vector(image_id)
        assert vector is not None
        return self.add("/q/twin", half(normalise(vector + 0.02 * axis(20))))

    def twins(self) -> list[ImageId]:
        """Two images that are as alike as the same picture, and like nothing else."""
        return [self.add(f"/q/{name}", axis(12, (13, share))) for name, share in (("one", 0.0), ("two", 0.1))]


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    farm = Farm(tmp_path)
    yield farm
    farm.close()


def test_of_the_largest_kind_of_picture_that_nothing_labelled_is_like_one_comes_first(farm: Farm) -> None:
    for dog in farm.dogs[:3]:
        farm.label(dog, "dog")
    answer = farm.ask(2)
    assert (answer.images, answer.labelled, answer.same_as_labelled, answer.estimated) == (26, 3, 0, False)
    first, second = answer.suggestions
    assert first.image_id in farm.cats and second.image_id in farm.hens
    assert (first.covers, second.covers) == (12, 4)
    assert answer.coverage == pytest.approx(8 / 26)
    assert [one.coverage for one in answer.suggestions] == pytest.approx([20 / 26, 24 / 26])
    assert first.reason == "stands for 12 pictures that nothing labelled is like"
    assert first.nearest is not None and first.nearest.image_id in farm.dogs[:3]
    vectors = [farm.index.vector(image_id) for image_id in (first.image_id, *farm.dogs[:3])]
    away = min(float(np.linalg.norm(vectors[0] - dog)) for dog in vectors[1:])  # type: ignore[operator]
    assert first.nearest.distance == pytest.approx(away, abs=1e-6)


def test_without_labels_there_is_no_nearest_one(farm: Farm) -> None:
    answer = farm.ask(1)
    assert answer.suggestions[0].nearest is None and answer.coverage == 0
    assert answer.suggestions[0].reason == "stands for 12 pictures"


def test_a_picture_counts_once_however_many_copies_of_it_there_are(farm: Farm) -> None:
    for cat in farm.cats[1:]:
        farm.world.pairs.add(farm.cats[0], cat)
    assert farm.chosen(1)[0] in farm.dogs


@pytest.mark.parametrize("strategy", UNLABELLED)
def test_what_is_the_same_picture_as_a_labelled_one_is_not_suggested(farm: Farm, strategy: Strategy) -> None:
    twin = farm.twin(farm.dogs[0])
    farm.label(farm.cats[0], "cat")
    farm.label(farm.dogs[0], "dog")
    farm.world.pairs.add(farm.cats[0], farm.cats[1])
    farm.world.pairs.add(farm.cats[1], farm.cats[2])
    answer = farm.ask(strategy=strategy)
    assert answer.same_as_labelled == 2, "by their pairs"
    told = [one.image_id for one in answer.suggestions]
    assert len(told) == len(set(told)) == 27 - 2 - 2 - 1, "and not the twin, by its vector"
    assert not {*farm.cats[:3], farm.dogs[0], twin} & set(told)


@pytest.mark.parametrize("strategy", UNLABELLED)
def test_of_one_picture_only_one_is_suggested(farm: Farm, strategy: Strategy) -> None:
    twins = farm.twins()
    for cat in farm.cats[1:]:
        farm.world.pairs.add(farm.cats[0], cat)
    told = set(farm.chosen(strategy=strategy))
    assert len(told & set(farm.cats)) == 1 and len(told & set(twins)) == 1


@pytest.mark.parametrize("strategy", UNLABELLED)
def test_what_people_said_to_be_no_duplicates_is_suggested(farm: Farm, strategy: Strategy) -> None:
    twins = farm.twins()
    double = farm.twin(farm.dogs[0])
    farm.label(farm.dogs[0], "dog")
    farm.world.pairs.add(twins[0], twins[1])
    farm.world.decide(Kind.NOT_DUPLICATES, *twins)
    farm.world.decide(Kind.NOT_DUPLICATES, double, farm.dogs[0])
    assert {*twins, double} < set(farm.chosen(strategy=strategy))


def test_what_is_as_alike_as_the_same_picture_is_so_for_a_measured_model_only(farm: Farm) -> None:
    twins = set(farm.twins())
    assert len(twins & set(farm.chosen())) == 1
    farm.levels = None
    assert twins < set(farm.chosen())


@pytest.mark.parametrize("strategy", UNLABELLED)
def test_what_was_skipped_is_passed_over_and_so_is_the_same_picture(farm: Farm, strategy: Strategy) -> None:
    farm.world.pairs.add(farm.cats[0], farm.cats[1])
    twin = farm.twin(farm.hens[0])
    answer = farm.ask(strategy=strategy, skip=(farm.cats[0], farm.hens[0], World.image_of("nowhere")))
    assert answer.same_as_labelled == 3
    assert not {farm.cats[0], farm.cats[1], farm.hens[0], twin} & {one.image_id for one in answer.suggestions}
    assert answer.suggestions[-1].coverage <= 1


def test_only_images_with_a_file_and_a_vector_are_suggested_and_only_of_the_folder_that_is_asked_for(
    farm: Farm,
) -> None:
    farm.world.lose("/p/hens/0")
    without = farm.world.put("/p/hens/of another model")
    told = farm.chosen()
    assert set(told) == {*farm.cats, *farm.dogs, *farm.hens[1:], *farm.alone} and without not in told
    farm.label(farm.dogs[0], "dog")
    answer = farm.ask(under=b"/p/hens")
    assert {one.image_id for one in answer.suggestions} == set(farm.hens[1:])
    assert (answer.images, answer.labelled) == (3, 0)
    nearest = [one.nearest for one in answer.suggestions]
    assert all(one is not None and one.image_id == farm.dogs[0] for one in nearest), "labels count wherever they are"


def test_what_lies_between_two_labels_is_uncertain(room: Room) -> None:
    room.label(room.add("/p/cat", axis(0)), "cat")
    room.label(room.add("/p/dog", axis(1)), "dog")
    clear = [room.add(f"/p/{name}", axis(0, (5, share))) for name, share in (("a", 0.6), ("b", 0.62), ("c", 0.64))]
    between = room.add("/p/between", axis(0, (1, 0.95), (6, 0.6)))
    answer = room.ask(strategy=Strategy.UNCERTAIN)
    assert answer.suggestions[0].image_id == between
    assert answer.suggestions[0].reason == "lies between `cat` and `dog`"
    far = room.add("/p/far", axis(7))
    reasons = {one.image_id: one.reason for one in room.ask(strategy=Strategy.UNCERTAIN).suggestions}
    assert reasons[far] == "is like nothing that is labelled or suggested before"
    assert len(set(clear) & {one.image_id for one in answer.suggestions}) == 1, "they are one picture"


@pytest.mark.parametrize("labels", [0, 1, 2])
def test_without_two_labels_nothing_is_uncertain(farm: Farm, labels: int) -> None:
    for dog in farm.dogs[:labels]:
        farm.label(dog, "dog")
    job = farm.suggestions.suggest(Question(5, Strategy.UNCERTAIN))
    assert job.wait(60)
    with pytest.raises(TooFewLabels, match="two different labels"):
        job.result()


def test_the_diverse_are_as_far_from_each_other_as_can_be(farm: Farm) -> None:
    farm.label(farm.cats[0], "cat")
    answer = farm.ask(4, Strategy.DIVERSE)
    told = [one.image_id for one in answer.suggestions]
    assert [len(set(told) & set(kind)) for kind in (farm.cats, farm.dogs, farm.hens, farm.alone)] == [0, 1, 1, 2]
    values = [one.value for one in answer.suggestions]
    assert values == sorted(values, reverse=True)


def test_outliers_come_first_and_of_far_twins_one(room: Room) -> None:
    room.cluster("cats", 0, 12)
    room.cluster("dogs", 1, 8)
    alone = [room.add("/q/ufo", axis(9)), room.add("/q/yeti", axis(10))]
    twins = [room.add(f"/q/{name}", axis(14, (15, share))) for name, share in (("one", 0.0), ("two", 0.4))]
    answer = room.ask(4, Strategy.OUTLIERS)
    told = {one.image_id for one in answer.suggestions[:3]}
    assert set(alone) < told and len(told & set(twins)) == 1
    assert answer.suggestions[0].reason.startswith("is alone: few pictures are more than ")


def test_outliers_are_found_among_all_images_where_others_are_sampled(room: Room) -> None:
    room.cluster("cats", 0, 150)
    alone = [room.add("/q/ufo", axis(9)), room.add("/q/yeti", axis(10))]
    room.sizes = Sizes(probes=20, candidates=10)
    assert set(room.chosen(2, Strategy.OUTLIERS)) == set(alone)


def test_every_strategy_suggests_all_that_there_is_each_once(farm: Farm) -> None:
    farm.label(farm.cats[0], "cat")
    farm.label(farm.dogs[0], "dog")
    for strategy in ALL:
        answer = farm.ask(strategy=strategy)
        told = [one.image_id for one in answer.suggestions]
        assert len(told) == len(set(told)) == 24
        assert answer.suggestions[-1].coverage == pytest.approx(1.0)
        curve = [answer.coverage, *(one.coverage for one in answer.suggestions)]
        assert curve == sorted(curve)
        assert all(one.reason for one in answer.suggestions)


def filled(directory: Path, order: Sequence[int], index: Index, sizes: Sizes) -> Room:
    """Three hundred pictures in twenty kinds, put in some order, of which some are labelled, and pairs."""
    room = Room(directory, index)
    room.sizes = sizes
    noises = [np.random.default_rng(number).normal(size=DIMENSION) * 0.1 for number in range(300)]
    index.put(
        [
            Embedding(room.world.put(f"/p/{number}"), half(normalise(axis(number % 20) + noises[number])))
            for number in order
        ]
    )
    ids = [World.image_of(f"/p/{number}") for number in range(300)]
    for number in sorted(order):
        if number % 20 in (3, 4) and number < 60:
            room.label(ids[number], f"kind {number % 20}")
        if number % 20 == 7 and number >= 20:
            room.world.pairs.add(ids[number], ids[number - 20])
    return room


SMALL = Sizes(probes=64, candidates=48)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """So many pictures that they are sampled, and candidates are exhausted again and again."""
    room = filled(tmp_path_factory.mktemp("sampled"), range(300), BruteIndex(DIMENSION), SMALL)
    yield room
    room.close()


@pytest.mark.parametrize("sizes", [Sizes(), SMALL], ids=["exact", "sampled"])
@pytest.mark.parametrize("strategy", ALL)
def test_the_first_suggestions_are_the_answer_to_a_smaller_limit(
    sampled: Room, strategy: Strategy, sizes: Sizes
) -> None:
    sampled.sizes = sizes
    whole = sampled.ask(1000, strategy)
    assert whole.estimated == (sizes == SMALL)
    assert len({one.image_id for one in whole.suggestions}) == len(whole.suggestions) > 200
    for limit in (1, 2, 23, 24, 25, 100):
        assert sampled.ask(limit, strategy).suggestions == whole.suggestions[:limit]
    sampled.sizes = SMALL


def test_the_order_in_which_all_came_and_the_kind_of_index_change_nothing(sampled: Room, tmp_path: Path) -> None:
    order = list(range(300))
    Random(1).shuffle(order)
    (tmp_path / "world").mkdir()
    index = LocalIndex.open(tmp_path / "index", DIMENSION, FINGERPRINT, options=OPTIONS)
    other = filled(tmp_path / "world", order, index, SMALL)
    try:
        for strategy in ALL:
            assert other.ask(60, strategy) == sampled.ask(60, strategy), strategy
    finally:
        other.close()


@pytest.mark.parametrize("strategy", UNLABELLED)
@pytest.mark.parametrize("labelled", [False, True])
def test_where_nothing_is_left_nothing_is_suggested(room: Room, strategy: Strategy, labelled: bool) -> None:
    if labelled:
        for image_id in room.cluster("cats", 0, 3):
            room.label(image_id, "cat")
    answer = room.ask(strategy=strategy)
    assert list(answer.suggestions) == [] and not answer.estimated
    assert (answer.images, answer.labelled, answer.coverage) == ((3, 3, 1.0) if labelled else (0, 0, 0.0))


def test_labelled_images_that_are_in_no_index_count_by_their_pairs_only(farm: Farm) -> None:
    gone = farm.world.image_of("gone")
    farm.label(gone, "cat")
    farm.world.pairs.add(gone, farm.cats[0])
    answer = farm.ask()
    assert answer.same_as_labelled == 1 and farm.cats[0] not in {one.image_id for one in answer.suggestions}
    assert answer.suggestions[0].nearest is None


class Faulty(BruteIndex):
    """An index of which `act` is called at each chunk that is read."""

    def __init__(self) -> None:
        super().__init__(DIMENSION)
        self.act: Callable[[], None] = lambda: None

    def view(self) -> BruteView:
        """A view that does so."""
        return FaultyView(self, dict(self._live))


class FaultyView(BruteView):
    """See `Faulty`."""

    def __init__(self, index: Faulty, vectors: dict[ImageId, Vector]) -> None:
        super().__init__(DIMENSION, vectors)
        self._index = index

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """A few at a time."""
        for chunk in super().chunks(8):
            self._index.act()
            yield chunk


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path, Faulty())
    room.cluster("cats", 0, 40)
    yield room
    room.close()


def act(room: Room, call: Callable[[], None]) -> None:
    assert isinstance(room.index, Faulty)
    room.index.act = call


def test_damage_is_told_to_whoever_waits(faulty: Room) -> None:
    def damaged() -> None:
        raise CorruptStore("vectors.npy", 7, "a checksum")

    act(faulty, damaged)
    job = faulty.suggestions.suggest(Question())
    assert job.wait(60)
    with pytest.raises(CorruptStore):
        job.result()
    act(faulty, lambda: None)
    assert faulty.chosen(1), "and the next one is answered"


def test_what_nobody_wants_any_more_ends_at_its_next_step_and_nobody_else_is_answered_meanwhile(faulty: Room) -> None:
    reached, go_on, chunks = threading.Event(), threading.Event(), []

    def hold() -> None:
        chunks.append(1)
        reached.set()
        assert go_on.wait(60)

    act(faulty, hold)
    suggestions = faulty.suggestions
    job = suggestions.suggest(Question())
    assert reached.wait(60)
    [status] = faulty.jobs.running()
    assert (status.name, status.unit) == (JOB, "pictures") and status.total >= 40
    with pytest.raises(Overloaded):
        suggestions.suggest(Question())
    job.cancel()
    go_on.set()
    assert job.wait(60)
    with pytest.raises(Cancelled):
        job.result()
    assert len(chunks) == 1
    faulty.jobs.close()
    with pytest.raises(NotReady):
        suggestions.suggest(Question())


def test_what_changes_meanwhile_is_not_seen(faulty: Room) -> None:
    before = faulty.ask()
    late = [faulty.world.image_of(f"/p/cats/{number}") for number in range(40)]
    changed = threading.Event()

    def change() -> None:
        if not changed.is_set():
            changed.set()
            faulty.index.delete(late[:20])
            faulty.add("/p/new", axis(5))

    act(faulty, change)
    assert faulty.ask() == before
    told = faulty.chosen()
    assert changed.is_set() and faulty.world.image_of("/p/new") in told and not set(late[:20]) & set(told)


def test_progress_reaches_what_was_expected(sampled: Room) -> None:
    for strategy in ALL:
        job = sampled.suggestions.suggest(Question(30, strategy))
        assert job.wait(60) and job.result()
        assert 0 < job.status.done <= job.status.total


def test_the_revision_changes_with_labels_images_and_what_is_the_same_picture(farm: Farm) -> None:
    suggestions = farm.suggestions
    seen = [suggestions.revision()]
    assert suggestions.revision() == seen[0]
    changes: list[Callable[[], object]] = [
        lambda: farm.label(farm.cats[0], "cat"),
        lambda: farm.add("/p/new", axis(5)),
        lambda: farm.world.pairs.add(farm.cats[0], farm.cats[1]),
        lambda: farm.world.decide(Kind.NOT_DUPLICATES, *farm.cats[:2]),
        lambda: farm.world.lose("/p/new"),
    ]
    for change in changes:
        change()
        assert suggestions.revision() not in seen
        seen.append(suggestions.revision())
