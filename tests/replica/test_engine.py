"""Publishing in a collection of a real engine that was away for longer than the outbox remembers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from simd.catalogue import feed
from simd.errors import ReplicaUnavailable
from simd.index.engine.address import ReplicaAddress, parse_replica
from simd.index.milvus import MilvusReplica
from simd.replica.state import Phase
from simd.types import ImageId
from tests.milvus.server import MilvusServer
from tests.replica.host import Host
from tests.replicas import Collection
from tests.stores import DIMENSION, FINGERPRINT, image_id

pytestmark = [pytest.mark.milvus, pytest.mark.timeout(180)]


class EngineHost(Host):
    """Publishes in a collection of a Milvus server; that in memory stays empty."""

    def __init__(self, directory: Path, address: ReplicaAddress, name: str) -> None:
        super().__init__(directory, Collection(DIMENSION), name)
        self.engine = MilvusReplica(
            address.uri, address.collection, dimension=DIMENSION, fingerprint=FINGERPRINT.hex(), kind="flat"
        )
        self.replica = self.engine
        self.start()

    def published(self) -> dict[ImageId, bytes]:
        """The versions of what is in the collection."""
        return dict(self.engine.versions(self.name))

    def settle(self) -> None:
        """Wait until the collection is what it should be, and is said to be so."""
        deadline = time.monotonic() + 90
        while not self._is_settled():
            assert time.monotonic() < deadline, self.state
            time.sleep(0.05)

    def close(self) -> None:
        super().close()
        self.engine.close()

    def _is_settled(self) -> bool:
        with suppress(ReplicaUnavailable):
            return self.is_equal() and self.state.phase is Phase.CURRENT and self.state.outbox == 0
        return False


@pytest.fixture
def hosts(milvus: MilvusServer, tmp_path: Path) -> Iterator[tuple[EngineHost, EngineHost]]:
    """Two that publish in one collection, with images in common."""
    address = parse_replica(milvus.fresh())
    with (
        closing(EngineHost(tmp_path / "lake", address, "lake")) as lake,
        closing(EngineHost(tmp_path / "hill", address, "hill")) as hill,
    ):
        lake.add(*map(str, range(300)))
        hill.add(*map(str, range(200, 400)))
        lake.settle()
        hill.settle()
        yield lake, hill
        assert lake.threads.failures == hill.threads.failures == {}


def test_an_engine_that_was_away_while_removals_were_forgotten_loses_them_all_the_same(
    hosts: tuple[EngineHost, EngineHost], milvus: MilvusServer
) -> None:
    lake, hill = hosts
    milvus.cut()
    for number in range(250):
        lake.remove(str(number))
    lake.add("1000", "299-copy")
    lake.reaches(Phase.DOWN)
    assert lake.state.outbox == 252
    lake.catalogue.purge_images(1 << 62)
    with closing(sqlite3.connect(lake.directory / "catalogue.sqlite")) as connection, connection:
        feed.forget_gone(connection, 100)
    milvus.heal()
    lake.settle()
    hill.settle()
    assert set(lake.published()) == {image_id(number) for number in (*range(250, 300), 1000)}
    assert lake.engine.count() == len(lake.published()) + len(hill.published()) == 51 + 200
    assert {origin.host for origin in lake.engine.origins(image_id(240))} == {"hill"}
    assert {origin.host for origin in lake.engine.origins(image_id(290))} == {"hill", "lake"}
