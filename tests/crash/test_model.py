"""Random changes, flushes, compactions, restarts and power cuts against a dictionary."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from simd.search.searcher import search
from simd.storage.store import Store
from simd.types import ImageId
from tests.disks import LossyDisk
from tests.stores import Clock, embedding, image_id, open_store, unit

_numbers = st.lists(st.integers(0, 40), min_size=1, max_size=12)


class StoreMachine(RuleBasedStateMachine):
    """Whatever is done to it, a store holds what was acknowledged and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp(prefix="simd-model-"))
        self.clock = Clock()
        self.model: dict[ImageId, tuple[int, int]] = {}
        self.deleted: dict[ImageId, tuple[int, int, int]] = {}
        self.lives = 0
        self.disk = LossyDisk()
        self.directory = self.top / "0"
        self.directory.mkdir()
        self.disk.sync_dir(self.directory)
        self.store = self.open()

    def open(self) -> Store:
        return open_store(self.directory / "store", disk=self.disk, clock=self.clock, max_segment_rows=60)

    @rule(numbers=_numbers, version=st.integers(0, 3))
    def put(self, numbers: list[int], version: int) -> None:
        self.store.put([embedding(n, version) for n in numbers])
        for n in numbers:
            self.model[image_id(n)] = (n, version)
            self.deleted.pop(image_id(n), None)

    @rule(numbers=_numbers)
    def delete(self, numbers: list[int]) -> None:
        there = {image_id(n) for n in numbers} & set(self.model)
        assert self.store.delete([image_id(n) for n in numbers]) == len(there)
        for one in there:
            self.deleted[one] = (*self.model.pop(one), self.clock.now)

    @rule()
    def flush(self) -> None:
        self.store.flush()

    @rule()
    def compact(self) -> None:
        self.store.compact()

    @rule(ms=st.sampled_from([1, 400, 1000]))
    def wait(self, ms: int) -> None:
        self.clock.advance(ms)

    @rule()
    def reopen(self) -> None:
        assert self.store.check() == []
        self.store.close()
        self.store = self.open()

    @rule(keep_names=st.booleans())
    def power_cut(self, keep_names: bool) -> None:
        after = self.top / str(self.lives + 1)
        self.disk.power_cut(self.directory, after, keep_names=keep_names)
        self.store.close()
        self.disk.release()
        self.lives += 1
        self.directory, self.disk = after, LossyDisk()
        for path in sorted(after.rglob("*")):
            if path.is_file():
                with path.open("rb") as stream:
                    self.disk.sync(stream.fileno(), path)
        for path in [after, *after.rglob("*")]:
            if path.is_dir():
                self.disk.sync_dir(path)
        self.store = self.open()

    @invariant()
    def holds_what_was_acknowledged(self) -> None:
        assert set(self.store.ids()) == set(self.model)
        assert len(self.store.snapshot) == len(self.model)
        for one, (number, version) in self.model.items():
            vector = self.store.vector(one)
            assert vector is not None and vector.tobytes() == unit(number, version).tobytes()
        for one, (number, version, when) in self.deleted.items():
            assert self.store.vector(one) is None
            back = self.store.vector(one, deleted=True)
            if self.clock.now - when < 1000:
                assert back is not None
            assert back is None or back.tobytes() == unit(number, version).tobytes()

    @invariant()
    def finds_it(self) -> None:
        (found,) = search(self.store.snapshot, unit(99)[None], 100, exact=True)
        assert {hit.image_id for hit in found.hits} == set(self.model)

    def teardown(self) -> None:
        problems = self.store.check()
        self.store.close()
        self.disk.release()
        shutil.rmtree(self.top)
        assert problems == []


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_long_random_lives() -> None:
    run_state_machine_as_test(StoreMachine, settings=settings(max_examples=500, stateful_step_count=60, deadline=None))
