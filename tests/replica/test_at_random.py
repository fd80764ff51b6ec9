"""Whatever happens in whatever order: at rest the collection is what the catalogue says, and the others' is theirs."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from simd.errors import ReplicaUnavailable
from simd.index.replica import Entity
from simd.replica.state import Phase
from simd.replica.store import FILE
from simd.types import ImageId
from tests.replica.host import Host
from tests.replicas import Collection
from tests.serving.waiting import until
from tests.stores import DIMENSION, image_id, unit

numbers = st.integers(1, 6)
files = st.builds(lambda number, copy: f"{number}{copy}", numbers, st.sampled_from(["", "-a", "-b"]))


def entity(host: str, number: int, path: bytes = b"/elsewhere/x") -> Entity:
    return Entity(host, image_id(number), unit(number), b"/elsewhere", (path,), None)


class PublishingMachine(RuleBasedStateMachine):
    """A host that publishes beside another, `hill`, whose entities are `theirs`."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.collection = Collection(DIMENSION)
        self.theirs: dict[tuple[str, ImageId], Entity] = {}
        self.dropped = False
        self.failing = 0

    @initialize()
    def begin(self) -> None:
        self.host = Host(self.directory / "lake", self.collection)
        self.host.start()

    def fail(self, what: str) -> None:
        if self.failing > 0:
            self.failing -= 1
            raise ReplicaUnavailable("the engine did not answer within 10 s")

    @rule(some=st.lists(files, min_size=1, max_size=4), vectors=st.booleans())
    def add(self, some: list[str], vectors: bool) -> None:
        self.host.add(*some, vectors=vectors)

    @rule(some=st.lists(numbers, max_size=6))
    def embed(self, some: list[int]) -> None:
        self.host.embed(*some)

    @rule(some=st.lists(files, min_size=1, max_size=4))
    def remove(self, some: list[str]) -> None:
        self.host.remove(*some)

    @rule(old=files, new=st.sampled_from(["x", "y/z"]), back=st.booleans())
    def rename(self, old: str, new: str, back: bool) -> None:
        if back:
            old, new = new, old
        self.host.rename(old, new)

    @rule()
    def purge(self) -> None:
        self.host.catalogue.purge_images(1 << 60)

    @rule()
    def restart(self) -> None:
        self.host.restart()

    @rule()
    def lose_the_file(self) -> None:
        """A directory that publishes nothing would do so again."""
        if not self.dropped:
            self.host.stop()
            for path in self.host.directory.glob(FILE + "*"):
                path.unlink()
            self.host.start()

    @rule(why=st.sampled_from(["", "nobody listens"]))
    def engine(self, why: str) -> None:
        self.collection.down = why

    @rule(times=st.integers(1, 4), after=st.booleans())
    def fail_some(self, times: int, after: bool) -> None:
        self.failing = times
        self.collection.before = (lambda what: None) if after else self.fail
        self.collection.after = self.fail if after else (lambda what: None)

    @rule()
    def drop_by_hand(self) -> None:
        with self.collection.lock:
            self.collection.drop()
            self.theirs = {}

    @rule(number=numbers)
    def another_puts(self, number: int) -> None:
        with self.collection.lock:
            self.theirs["hill", image_id(number)] = entity("hill", number)
            self.collection.entities |= self.theirs

    @precondition(lambda self: not self.dropped)
    @rule(number=st.integers(1, 9))
    def a_late_write(self, number: int) -> None:
        """One that had failed, of an image that is there no more."""
        if image_id(number) not in self.host.expected():
            with self.collection.lock:
                self.collection.entities["lake", image_id(number)] = entity("lake", number)

    @precondition(lambda self: not self.dropped)
    @rule(number=numbers)
    def the_engine_loses_one(self, number: int) -> None:
        with self.collection.lock:
            self.collection.entities.pop(("lake", image_id(number)), None)

    @rule()
    def order_to_drop(self) -> None:
        with suppress(ReplicaUnavailable):
            self.host.publishing.drop()
        self.dropped = True

    @rule()
    def order_to_rebuild(self) -> None:
        self.host.publishing.rebuild()
        self.dropped = False

    @rule()
    def rest(self) -> None:
        self.collection.down, self.failing = "", 0
        if self.dropped:
            until(lambda: not self.host.published(), "what was published to be taken out")
            assert self.host.state.phase is Phase.DROPPED
        else:
            lacking = self.host.lacking()
            said = Phase.BEHIND if lacking else Phase.CURRENT
            until(lambda: (self.host.state.phase, self.host.state.outbox) == (said, lacking), "the state to say so")
            until(self.host.is_equal, "the collection to be what it should be")
        with self.collection.lock:
            assert {key: e for key, e in self.collection.entities.items() if key[0] != "lake"} == self.theirs

    def teardown(self) -> None:
        try:
            self.rest()
            assert self.host.threads.failures == {}
        finally:
            self.host.close()
            shutil.rmtree(self.directory)


TestPublishing = PublishingMachine.TestCase
TestPublishing.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
