"""The replica in use: from the settings to what publishes and what is searched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from simd import config
from simd.app.replica import Engine, ReplicaInUse, milvus, read_token
from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.config import Settings
from simd.errors import ConfigError, ReplicaUnavailable
from simd.featurize.engines.base import DeviceChoice
from simd.index.brute import BruteIndex
from simd.index.replica import Replica
from simd.replica.state import Phase
from simd.replica.store import FILE
from simd.serving.search.served import ModelInfo, Served, Serving
from simd.supervision import Threads
from simd.types import Embedding, FileKey, ImageFacts, Stamp
from tests.replicas import Collection, MemoryReplica
from tests.serving.doubles import TinyFeaturizer
from tests.serving.waiting import until
from tests.stores import DIMENSION, image_id, unit

URL = "http://memory:19530/photos"


def served(model: str) -> Served:
    info = ModelInfo(model, DIMENSION, model.encode().hex(), "MIT")
    return Served(info, DeviceChoice("cpu", "numpy", "chosen"), (8, 8), TinyFeaturizer(), BruteIndex(DIMENSION))


class Machine:
    """A state directory, and the engine that its settings name."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.catalogue = Catalogue.open(state / "catalogue.sqlite")
        self.root = self.catalogue.add_root(b"/photos")
        self.serving = Serving(served("model 1"))
        self.threads = Threads()
        self.collections: dict[str, Collection] = {}
        self.closed = 0
        self.in_use: ReplicaInUse | None = None

    def add(self, number: int) -> None:
        with self.serving.use() as now:
            now.index.put([Embedding(image_id(number), unit(number))])
        self.catalogue.record(
            [
                IndexedFile(
                    FileKey(self.root.root_id, b"%d" % number),
                    Stamp(1, 2, 3),
                    image_id(number),
                    ImageFacts(4, 3, "PNG"),
                )
            ]
        )

    def settings(self, **flags: object) -> Settings:
        return config.load(environ={"HOME": "/nowhere"}, flags={"state_dir": str(self.state), **flags})

    def use(self, **flags: object) -> ReplicaInUse:
        settings = self.settings(replica_host="lake", **flags)
        self.in_use = ReplicaInUse(settings, self.catalogue, self.serving, self.threads, self.engine)
        self.in_use.keep_up()
        return self.in_use

    def engine(self, settings: Settings) -> Engine:
        return Engine("memory:19530/photos", self.make)

    def make(self, model: ModelInfo) -> Replica:
        machine = self

        class Counted(MemoryReplica):
            def close(self) -> None:
                machine.closed += 1

        return Counted(self.collections.setdefault(model.name, Collection(model.dimension)))

    def close(self) -> None:
        if self.in_use is not None:
            self.in_use.rest()
            self.in_use.close()
        self.catalogue.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.close()
    assert machine.threads.failures == {}


def test_without_the_setting_nothing_is_published_or_made(machine: Machine) -> None:
    in_use = machine.use()
    assert in_use.publishing is None and in_use.host == "" and in_use.problem == ""
    with machine.serving.use() as now:
        assert in_use.replica_of(now) is None
    assert not (machine.state / FILE).exists() and not machine.collections


def test_what_is_indexed_is_published_and_searched_by_one_replica_of_its_model(machine: Machine) -> None:
    machine.add(1)
    in_use = machine.use(replica=URL, search="replica")
    publishing = in_use.publishing
    assert publishing is not None
    until(lambda: publishing.state().phase is Phase.CURRENT, "the image to be published")
    state = publishing.state()
    assert (state.address, state.host, state.searched) == ("memory:19530/photos", "lake", True)
    with machine.serving.use() as now:
        replica = in_use.replica_of(now)
        assert replica is not None and replica is in_use.replica_of(now)
        [answer] = replica.search(unit(1)[None], 1)
    assert answer.hits[0].origin is not None and answer.hits[0].origin.host == "lake"
    in_use.rest()
    in_use.close()
    assert machine.closed == 1
    with machine.serving.use() as now, pytest.raises(ReplicaUnavailable, match="stopping"):
        in_use.replica_of(now)


def test_another_model_has_a_replica_of_its_own_and_the_one_before_is_searched_to_the_end(machine: Machine) -> None:
    machine.add(1)
    in_use = machine.use(replica=URL)
    before = machine.serving.replace(served("model 2"))
    machine.add(1)
    machine.add(2)
    collection = machine.collections.setdefault("model 2", Collection(DIMENSION))
    until(lambda: len(collection.entities) == 2, "the vectors of the other model")
    with machine.serving.use() as now:
        assert in_use.replica_of(now) is not in_use.replica_of(before)


def test_an_engine_that_is_away_keeps_no_start_waiting_and_is_told_as_a_problem(machine: Machine) -> None:
    machine.collections["model 1"] = collection = Collection(DIMENSION)
    collection.down = "nobody listens at memory:19530"
    in_use = machine.use(replica=URL)
    expected = "the replica is not kept up, which is tried again: nobody listens at memory:19530"
    until(lambda: in_use.problem == expected, "the problem")


def test_an_engine_that_hangs_keeps_no_stop_waiting(machine: Machine) -> None:
    machine.collections["model 1"] = collection = Collection(DIMENSION)
    hanging, going_on = Event(), Event()

    def hang(what: str) -> None:
        hanging.set()
        assert going_on.wait(10)

    collection.before = hang
    in_use = machine.use(replica=URL)
    assert hanging.wait(10)
    in_use.rest()
    in_use.close()
    assert machine.closed == 0, "its connection is in use"
    going_on.set()
    until(lambda: all(thread.name != "replica" for thread in threading.enumerate()), "the thread to end")


def test_a_replica_without_the_extra_is_refused_with_the_remedy(machine: Machine) -> None:
    with pytest.raises(ConfigError, match=r"pip install 'simd-images\[milvus\]'"):
        milvus(machine.settings(replica=URL), installed=lambda name: None)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_token_is_one_line_that_nobody_else_may_read(tmp_path: Path) -> None:
    path = written(tmp_path / "token", "root:Milvus\n")
    assert read_token(path) == "root:Milvus"
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read"):
        read_token(path)


@pytest.mark.parametrize("text", ["", "\n", "secret two", "secret\nsecret2", "sécret"])
def test_what_is_no_token_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="replica_token_file") as caught:
        read_token(written(tmp_path / "token", text))
    assert "cret" not in str(caught.value)
