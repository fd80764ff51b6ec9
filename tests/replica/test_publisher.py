"""What is indexed is published, whatever dies when; a collection that others share stays theirs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from simd.errors import CorruptStore, ReplicaRefused, ReplicaUnavailable
from simd.index.brute import BruteIndex
from simd.index.local import LocalIndex
from simd.index.replica import Entity
from simd.replica.publisher import Timing
from simd.replica.state import Phase
from simd.replica.store import FILE
from simd.types import ImageId, Vector
from tests.catalogue.test_damaged import damage
from tests.replica.host import QUICK, Host
from tests.replicas import Collection, MemoryReplica
from tests.serving.waiting import until
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, image_id, unit

DAY_S = 86400.0


@pytest.fixture
def collection() -> Collection:
    return Collection(DIMENSION)


@pytest.fixture
def others(collection: Collection) -> Iterator[dict[tuple[str, ImageId], Entity]]:
    """What another host has published, which stays as it is."""
    entities = {
        ("hill", image_id(number)): Entity(
            "hill", image_id(number), unit(number), b"/hill", (b"/hill/%d" % number,), None
        )
        for number in (1, 2, 900)
    }
    collection.entities |= entities
    collection.owners["hill"] = "another"
    yield entities
    assert {key: e for key, e in collection.entities.items() if key[0] == "hill"} == entities
    assert collection.owners["hill"] == "another"


@pytest.fixture
def host(tmp_path: Path, collection: Collection, others: object) -> Iterator[Host]:
    host = Host(tmp_path / "lake", collection)
    yield host
    host.close()
    assert host.threads.failures == {}


class Faults:
    """Has the engine fail so many of the changes of a name, before or after they come to pass.

    Args:
        collection: of the engine.
        what: the name, such as "put".
        times: how many fail.
        after: whether they come to pass all the same.
    """

    def __init__(self, collection: Collection, what: str, times: int = 1, *, after: bool = False) -> None:
        self.failed = 0
        self._what, self._times = what, times
        if after:
            collection.after = self
        else:
            collection.before = self

    def __call__(self, what: str) -> None:
        if what == self._what and self.failed < self._times:
            self.failed += 1
            raise ReplicaUnavailable("the engine did not answer within 10 s")


def ignore(what: str) -> None:
    """No fault."""


def test_what_was_indexed_before_is_published_and_so_is_what_comes_changes_and_goes(host: Host) -> None:
    host.add("1", "2", "2-copy", "3")
    host.start()
    host.settle()
    entity = host.collection.entities["lake", image_id(2)]
    assert (entity.root, entity.paths) == (b"/lake", (b"/lake/2", b"/lake/2-copy"))
    assert np.array_equal(entity.vector, unit(2)) and entity.facts is not None
    host.add("4")
    host.rename("1", "1-other")
    host.remove("2")
    host.remove("3")
    host.settle()
    assert host.collection.entities["lake", image_id(2)].paths == (b"/lake/2-copy",)
    assert len(host.published()) == 3
    assert (host.state.images, host.state.images_of_all) == (3, 6)


def test_an_index_with_segments_is_published_whole_in_pages(tmp_path: Path, collection: Collection) -> None:
    index = LocalIndex.open(tmp_path / "index", DIMENSION, FINGERPRINT, options=OPTIONS)
    host = Host(tmp_path / "lake", collection, index=index)
    calls: list[str] = []
    collection.before = calls.append

    class Settling(MemoryReplica):
        def settle(self) -> None:
            calls.append("settle")

    host.replica = Settling(collection)
    host.add("1000", "1001")
    host.start()
    host.settle()
    assert "settle" not in calls
    host.add(*map(str, range(700)))
    host.settle()
    assert len(host.published()) == 702 and calls.count("put") == 3
    until(lambda: "settle" in calls, "the engine to be told that many came")
    host.close()
    index.close()


def test_another_start_publishes_nothing_that_was(host: Host) -> None:
    host.add("1", "2")
    host.start()
    host.settle()
    host.stop()
    host.add("3")
    changes: list[str] = []
    host.collection.before = changes.append
    host.start()
    host.settle()
    assert changes.count("put") == 1 and "delete" not in changes


@pytest.mark.parametrize("what", ["claim", "put", "delete"])
@pytest.mark.parametrize("after", [False, True])
def test_a_call_that_failed_is_made_again_whether_it_came_to_pass_or_not(host: Host, what: str, after: bool) -> None:
    host.add("1", "2", "3")
    host.start()
    host.settle()
    fault = Faults(host.collection, what, 3, after=after and what != "claim")
    host.add("4", "5")
    host.remove("1")
    host.settle()
    assert fault.failed == 3


def test_while_the_engine_is_away_indexing_goes_on_and_all_is_published_once_it_is_back(host: Host) -> None:
    host.collection.down = "nobody listens at memory:19530"
    host.add("1")
    host.start()
    state = host.reaches(Phase.DOWN)
    assert state.detail == host.collection.down and state.outbox == 1
    host.clock += 30
    host.add("2", "3")
    host.remove("1")
    until(lambda: host.state.outbox == 2, "the outbox to have what has a file")
    assert host.state.outbox_age_s == 30 and not host.published()
    until(lambda: host.publishing.problem == host.collection.down, "the problem to be told")
    host.restart()
    host.clock += 30
    assert host.reaches(Phase.DOWN).outbox_age_s == 60, "a restart does not make it younger"
    host.collection.down = ""
    host.settle()
    assert host.state.outbox_age_s == 0 and host.publishing.problem == ""
    host.collection.down = "it fell over"
    host.reaches(Phase.DOWN)


def test_an_engine_that_is_back_is_said_to_be_as_soon_as_something_was_published(host: Host) -> None:
    going_on = Event()
    puts = 0

    def hang_at_the_second(what: str) -> None:
        nonlocal puts
        puts += what == "put"
        if what == "put" and puts == 2:
            assert going_on.wait(10)

    host.collection.before = hang_at_the_second
    host.collection.down = "nobody listens"
    host.add(*map(str, range(700)))
    host.start()
    host.reaches(Phase.DOWN)
    host.collection.down = ""
    until(lambda: puts == 2, "the second page")
    state = host.state
    assert (state.phase, state.detail, state.outbox) == (Phase.BEHIND, "images are being published", 200)
    going_on.set()
    host.settle()


def test_a_collection_dropped_by_hand_is_filled_again(host: Host, others: dict[tuple[str, ImageId], Entity]) -> None:
    host.add("1", "2", "3")
    host.start()
    host.settle()
    host.collection.drop()
    host.settle()
    host.stop()
    host.collection.drop()
    host.add("4")
    host.start()
    host.settle()
    assert len(host.published()) == 4
    host.collection.entities |= others
    host.collection.owners["hill"] = "another"


def test_entities_that_vanish_or_appear_are_noticed_by_their_number(host: Host) -> None:
    host.add("1", "2", "3")
    host.start()
    host.settle()
    lost = host.collection.entities.pop(("lake", image_id(2)))
    host.settle()
    host.collection.entities["lake", image_id(77)] = Entity("lake", image_id(77), lost.vector, b"/x", (b"/x/y",), None)
    host.settle()
    assert host.published() == host.expected()


def test_an_audit_finds_what_differs_and_writes_nothing_else(host: Host) -> None:
    host.add("1", "2", "3")
    host.start()
    host.settle()
    known = host.collection.entities["lake", image_id(2)]
    other = Entity("lake", known.image_id, known.vector, known.root, (b"/lake/stale",), known.facts)
    written: list[tuple[ImageId, ...]] = []
    put = host.replica.put

    class Watched(MemoryReplica):
        def put(self, entities: object) -> None:
            written.append(tuple(e.image_id for e in entities))  # type: ignore[attr-defined]
            put(entities)  # type: ignore[arg-type]

    host.replica = Watched(host.collection)
    host.collection.entities["lake", image_id(2)] = other
    host.clock += DAY_S + 1
    until(host.is_equal, "the audit")
    assert written == [(image_id(2),)]


def test_an_image_without_a_vector_waits_for_it(host: Host) -> None:
    host.add("1")
    host.add("2", vectors=False)
    host.start()
    until(lambda: host.state.detail == "1 images have no vector yet", "the image to wait")
    state = host.state
    assert (state.phase, state.outbox) == (Phase.BEHIND, 1) and len(host.published()) == 1
    host.restart()
    assert host.reaches(Phase.BEHIND).outbox == 1
    host.embed(2)
    host.settle()
    assert len(host.published()) == 2


def test_one_that_waited_and_is_gone_waits_no_more(host: Host) -> None:
    host.add("1")
    host.add("2", vectors=False)
    host.start()
    until(lambda: host.state.outbox == 1, "the image to wait")
    host.remove("2")
    host.settle()
    assert host.state.outbox == 0


def test_a_name_that_another_state_directory_has_is_refused_and_nothing_touched(
    host: Host, tmp_path: Path, collection: Collection
) -> None:
    host.add("1", "2")
    host.start()
    host.settle()
    clone = Host(tmp_path / "clone", collection)
    clone.add("3")
    before = dict(collection.entities)
    clone.start()
    state = clone.reaches(Phase.REFUSED)
    assert "another state directory publishes as lake" in state.detail and clone.publishing.problem == state.detail
    assert collection.entities == before
    with pytest.raises(ReplicaRefused):
        clone.publishing.drop()
    assert clone.state.phase is Phase.DROPPED and collection.entities == before
    clone.publishing.rebuild()
    clone.settle()
    assert len(clone.published()) == 1, "it has the name now, and what was there under it is gone"
    host.add("4")
    assert host.reaches(Phase.REFUSED).outbox == 1
    clone.close()


def test_a_collection_that_is_no_use_is_refused_until_it_is(host: Host) -> None:
    host.add("1")
    host.collection.refused = "the collection is of another model"
    host.start()
    assert host.reaches(Phase.REFUSED).detail == host.collection.refused
    assert host.publishing.problem == host.collection.refused and not host.published()
    host.collection.refused = ""
    host.settle()


def test_another_model_is_published_from_the_beginning(host: Host) -> None:
    host.add("1", "2")
    host.start()
    host.settle()
    fresh = BruteIndex(DIMENSION)
    host.index, host.model = fresh, "model 2"
    host.embed(2)
    host.add("3")
    until(lambda: host.is_equal() and host.state.outbox == 1, "the vectors of the other model")
    assert len(host.published()) == 2, "one has no vector of that model yet"
    host.embed(1)
    host.settle()


def test_under_another_name_the_one_before_is_left_empty(host: Host) -> None:
    host.add("1", "2")
    host.start()
    host.settle()
    host.stop()
    host.name = "sea"
    host.start()
    until(lambda: len(host.published()) == 2, "the other name")
    assert {key[0] for key in host.collection.entities} == {"hill", "sea"}
    assert "lake" not in host.collection.owners


def test_rebuild_puts_everything_anew_and_takes_out_the_rest(host: Host) -> None:
    host.add("1", "2", "3")
    host.start()
    host.settle()
    before = dict(host.collection.entities)
    extra = Entity("lake", image_id(77), unit(77), b"/x", (b"/x/y",), None)
    host.collection.entities["lake", image_id(77)] = extra
    host.publishing.rebuild()
    host.settle()
    now = host.collection.entities
    assert all(now[key] is not before[key] for key in now if key[0] == "lake")


def test_a_rebuild_that_was_cut_short_is_gone_on_with(host: Host) -> None:
    host.add(*map(str, range(700)))
    host.start()
    host.settle()
    before = dict(host.collection.entities)
    puts = 0

    def fail(what: str) -> None:
        nonlocal puts
        puts += what == "put"
        if puts > 1:
            raise ReplicaUnavailable("the engine fell over")

    host.collection.before = fail
    host.publishing.rebuild()
    assert host.reaches(Phase.DOWN).outbox == 200, "a page of 500 was published"
    host.stop()
    host.collection.before = ignore
    host.start()
    host.settle()
    now = host.collection.entities
    assert all(now[key] is not before[key] for key in now if key[0] == "lake")


def test_what_was_dropped_is_gone_until_rebuild_and_stays_so_after_a_restart(host: Host) -> None:
    host.add("1", "2", "3")
    host.start()
    host.settle()
    assert host.publishing.drop() == 3
    state = host.state
    assert (state.phase, state.outbox, state.images) == (Phase.DROPPED, 0, 0)
    assert "`simctl replica rebuild`" in state.detail and not host.published()
    assert "lake" not in host.collection.owners
    host.restart()
    host.add("4")
    host.reaches(Phase.DROPPED)
    assert host.publishing.drop() == 0 and not host.published()
    host.publishing.rebuild()
    host.settle()
    assert len(host.published()) == 4


def test_what_cannot_be_dropped_now_is_dropped_later(host: Host) -> None:
    host.add("1", "2")
    host.start()
    host.settle()
    host.collection.down = "the engine is away"
    with pytest.raises(ReplicaUnavailable, match="the engine is away"):
        host.publishing.drop()
    until(lambda: "still to be taken out: the engine is away" in host.state.detail, "the state to tell it")
    assert host.state.phase is Phase.DROPPED and len(host.published()) == 2
    host.restart()
    host.collection.down = ""
    until(lambda: not host.published(), "what was published to be taken out")
    until(lambda: "still" not in host.state.detail, "the state to tell it")


def test_nobody_waits_for_an_engine_that_hangs(tmp_path: Path, collection: Collection) -> None:
    hanging, going_on = Event(), Event()

    def hang(what: str) -> None:
        if what == "put":
            hanging.set()
            assert going_on.wait(10)

    collection.before = hang
    host = Host(tmp_path / "lake", collection, timing=Timing(drop_within_s=0.01, close_within_s=0.01))
    host.add("1")
    host.start()
    assert hanging.wait(10)
    assert (host.state.phase, host.state.outbox) == (Phase.BEHIND, 1)
    with pytest.raises(ReplicaUnavailable, match=r"within 0\.01 s"):
        host.publishing.drop()
    assert host.state.phase is Phase.DROPPED
    host.stop()
    going_on.set()
    until(lambda: all(thread.name != "replica" for thread in threading.enumerate()), "the thread to end")
    assert host.threads.failures == {}
    host.timing, collection.before = QUICK, ignore
    host.start()
    until(lambda: not host.published(), "what was put after the drop to be taken out")
    host.close()


def test_a_file_without_room_is_told_and_nothing_lost(host: Host) -> None:
    host.add("1")
    host.start()
    host.settle()
    assert host.store is not None
    host.store.is_full = True
    host.add("2")
    until(lambda: bool(host.publishing.problem), "the problem")
    assert host.state.phase is Phase.BEHIND and host.state.outbox == 1
    assert host.state.detail == "there is no room on the daemon's disk"
    host.store.is_full = False
    host.settle()


def test_a_damaged_file_is_made_anew_and_the_name_kept(host: Host) -> None:
    host.add("1", "2")
    host.start()
    host.settle()
    host.stop()
    damage(host.directory / FILE)
    host.start()
    host.add("3")
    host.settle()
    assert host.directory.joinpath(FILE + ".damaged-1").exists()


class BrokenIndex(BruteIndex):
    """Gives what is to be raised, if anything is."""

    error: Exception | None = None

    def vector(self, image_id: ImageId, *, deleted: bool = False) -> Vector | None:
        if self.error is not None:
            raise self.error
        return super().vector(image_id, deleted=deleted)


@pytest.mark.parametrize(
    ("error", "told", "failures"),
    [
        (CorruptStore("vectors.npy", 3, "a checksum"), "the store is damaged", False),
        (RuntimeError("a bug of ours"), "an error that only the daemon's log tells", True),
    ],
)
def test_an_error_of_this_host_is_told_and_takes_nothing_out(
    tmp_path: Path, collection: Collection, error: Exception, told: str, failures: bool
) -> None:
    index = BrokenIndex(DIMENSION)
    host = Host(tmp_path / "lake", collection, index=index)
    host.add("1")
    host.start()
    host.settle()
    index.error = error
    host.add("1-copy")
    until(lambda: told in host.state.detail, "the state to tell it")
    assert host.state.phase is Phase.BEHIND and len(host.published()) == 1
    assert bool(host.threads.failures) == failures
    index.error = None
    host.settle()
    host.close()
