from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simd.index.brute import BruteIndex
from simd.index.local import LocalIndex
from tests.contract.shared import Engine, MemoryEngine, MilvusEngine, Shared
from tests.contract.subjects import ReplicaSubject, Searchable, Subject
from tests.milvus.server import MilvusServer
from tests.stores import DIMENSION, FINGERPRINT, OPTIONS, Clock

INDEXES = ["brute", "memtable", "flushed", "compacted"]

REPLICAS = [
    "memory",
    "lite",
    # Its first test waits for the server to start.
    pytest.param("server", marks=[pytest.mark.milvus, pytest.mark.timeout(240)]),
]


@pytest.fixture(params=INDEXES)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    """An index."""
    with closing(index_subject(request.param, tmp_path)) as made:
        yield made


@pytest.fixture(params=[*INDEXES, *REPLICAS])
def searchable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Searchable]:
    """Whatever can be searched."""
    if request.param in INDEXES:
        with closing(index_subject(request.param, tmp_path)) as made:
            yield made
        return
    replica = ReplicaSubject(request.getfixturevalue(f"{request.param}_engine").shared.replica)
    yield replica
    replica.clean()


@pytest.fixture(params=REPLICAS)
def shared(request: pytest.FixtureRequest) -> Iterator[Shared]:
    """A collection that several hosts share, empty."""
    collection: Shared = request.getfixturevalue(f"{request.param}_engine").shared
    yield collection
    collection.clean()


@pytest.fixture(params=REPLICAS)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Where collections can be made and dropped."""
    made: Engine = request.getfixturevalue(f"{request.param}_engine")
    return made


@pytest.fixture(scope="session")
def memory_engine() -> Engine:
    return MemoryEngine()


@pytest.fixture(scope="session")
def lite_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with closing(MilvusEngine(str(tmp_path_factory.mktemp("lite") / "engine.db"))) as made:
        yield made


@pytest.fixture(scope="session")
def server_engine(milvus_home: Path) -> Iterator[Engine]:
    with (
        closing(MilvusServer(milvus_home)) as server,
        closing(MilvusEngine(f"http://{server.start().address}")) as made,
    ):
        yield made


def index_subject(kind: str, directory: Path) -> Subject:
    if kind == "brute":
        return Subject(BruteIndex(DIMENSION), lambda: None)
    index = LocalIndex.open(directory, DIMENSION, FINGERPRINT, options=OPTIONS, clock=Clock())
    settle = {"memtable": lambda: None, "flushed": index.flush, "compacted": index.compact}[kind]
    return Subject(index, settle)
