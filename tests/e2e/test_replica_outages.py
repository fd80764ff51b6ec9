"""The engine of a replica dies, or cannot be reached: indexing goes on and catches up, and whoever searches is told."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing

import pytest
from simctl.errors import SimctlError

from tests.e2e.fleet import Fleet, picture
from tests.milvus.server import MilvusServer

pytestmark = [pytest.mark.model, pytest.mark.milvus, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def hosts(milvus: MilvusServer) -> Iterator[Fleet]:
    """Two that run: hill refuses searches without the replica, lake then searches its own index."""
    with closing(Fleet(milvus.fresh())) as fleet:
        fleet.add("hill")
        fleet.add("lake", SIMD_REPLICA_DOWN="local")
        for number, host in enumerate(fleet):
            for seed in range(10):
                picture(host.root / f"{seed}.png", 10 * number + seed)
        fleet.start()
        yield fleet


@pytest.fixture
def fleet(hosts: Fleet, milvus: MilvusServer) -> Iterator[Fleet]:
    """The two, and before and after a test the collection is the union of what they have."""
    hosts.settle()
    yield hosts
    milvus.heal()
    hosts.settle()


def test_while_the_engine_cannot_be_reached_searches_are_refused_or_local_and_say_so(
    fleet: Fleet, milvus: MilvusServer
) -> None:
    hill, lake = fleet
    of_hill = (hill.root / "3.png").read_bytes()
    milvus.cut()
    with pytest.raises(SimctlError) as refused:
        hill.client.search(image=of_hill)
    assert (refused.value.code, refused.value.reason) == ("UNAVAILABLE", "REPLICA_UNAVAILABLE")
    assert refused.value.retry_after_s
    assert hill.daemon.simctl("search", str(hill.root / "3.png")).returncode == 3
    answer = lake.client.search(image=of_hill)
    assert answer.fallback and all(match.distance > 0 for match in answer.matches)
    assert "own images" in lake.daemon.simctl("search", str(hill.root / "3.png")).stderr
    # Indexing goes on.
    for seed, host in enumerate(fleet, 100):
        (host.root / "2.png").unlink()
        (host.root / "4.png").rename(host.root / "moved.png")
        picture(host.root / f"{seed}.png", seed)
        host.daemon.wait()
        fleet.until(lambda of=host: of.replica().state == "down", "the outage to be noticed")  # type: ignore[misc]
        assert host.replica().outbox >= 3 and host.replica().outbox_age_s is not None
    new = (lake.root / "101.png").read_bytes()
    assert lake.client.search(image=new, limit=1).matches[0].distance == 0
    # A daemon that dies meanwhile starts without the engine.
    hill.daemon.stop(signal.SIGKILL)
    (hill.root / "5.png").unlink()
    picture(hill.root / "102.png", 102)
    fleet.start("hill")
    assert hill.daemon.wait()["images"] == len(hill.files())
    assert hill.replica().state in ("behind", "down") and hill.replica().outbox >= 5
    milvus.heal()
    fleet.settle()
    fleet.until(lambda: not lake.client.search(image=of_hill).fallback, "the replica to be searched again")
    for host in fleet:
        assert host.client.search(image=new, limit=1).matches[0].host == "lake"


def test_an_engine_that_is_killed_in_the_middle_of_indexing_gets_the_rest_when_it_is_back(
    fleet: Fleet, milvus: MilvusServer
) -> None:
    hill, lake = fleet
    before = fleet.collection.count()
    for seed in range(200, 230):
        picture(hill.root / f"{seed}.png", seed)
        picture(lake.root / f"{seed}.png", 100 + seed)
    fleet.until(lambda: fleet.collection.count() > before, "the first of the new pictures")
    milvus.kill()
    (hill.root / "200.png").unlink()
    picture(lake.root / "330.png", 330)
    for host in fleet:
        host.daemon.wait()
        fleet.until(lambda of=host: of.replica().state == "down", "the outage to be noticed")  # type: ignore[misc]
    milvus.start()
