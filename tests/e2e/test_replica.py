"""Three hosts with daemons of their own publish in one collection: any of them answers over all, and none touches what
is another's."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simd.errors import ReplicaRefused
from simd.index.engine.address import parse_replica
from simd.index.milvus import pymilvus
from tests.e2e.fleet import Fleet, Host, id_of, picture
from tests.milvus.server import MilvusServer

pytestmark = [pytest.mark.model, pytest.mark.milvus, pytest.mark.timeout(300)]

HOSTS = ("hill", "lake", "shore")


@pytest.fixture(scope="module")
def hosts(milvus: MilvusServer) -> Iterator[Fleet]:
    """Three that run, with ten pictures each; those of hill and lake have one in common."""
    with closing(Fleet(milvus.fresh())) as fleet:
        for number, name in enumerate(HOSTS):
            host = fleet.add(name)
            for seed in range(10):
                picture(host.root / f"{seed}.png", 10 * number + seed)
        shutil.copy(fleet["hill"].root / "0.png", fleet["lake"].root / "same.png")
        fleet.start()
        yield fleet


@pytest.fixture
def fleet(hosts: Fleet) -> Iterator[Fleet]:
    """The three, and before and after a test the collection is the union of what they have."""
    hosts.settle()
    yield hosts
    hosts.settle()


def found(host: Host, query: Path) -> list[tuple[str, str]]:
    """The hosts and paths of the matches that are what the query is."""
    matches = host.client.search(image=query.read_bytes(), limit=5).matches
    return [(match.host, match.path) for match in matches if match.distance == 0]


def test_any_host_answers_over_all(fleet: Fleet) -> None:
    hill, lake, shore = fleet
    for host in fleet:
        for other in fleet:
            path = other.root / "3.png"
            assert found(host, path) == [(other.name, str(path))]
            answer = host.client.search(image_id=id_of(path), limit=1)
            assert (answer.matches[0].host, answer.host, answer.fallback) == (other.name, host.name, "")
        same = hill.root / "0.png"
        assert found(host, same) == [("hill", str(same)), ("lake", str(lake.root / "same.png"))]
    printed = hill.daemon.simctl("search", str(shore.root / "3.png"), "--limit", "1").stdout
    assert f"shore:{shore.root / '3.png'}" in printed


def test_a_host_that_is_killed_while_files_change_catches_up(fleet: Fleet) -> None:
    hill, lake, _ = fleet
    before = fleet.collection.count("lake")
    for seed in range(100, 110):
        picture(lake.root / f"{seed}.png", seed)
    fleet.until(lambda: fleet.collection.count("lake") > before, "the first of the new pictures")
    lake.daemon.stop(signal.SIGKILL)
    kept = lake.root / "1.png"
    assert found(hill, kept) == [("lake", str(kept))]
    (lake.root / "2.png").unlink()
    (lake.root / "100.png").unlink()
    (lake.root / "same.png").unlink()
    (lake.root / "3.png").rename(lake.root / "moved.png")
    shutil.copy(lake.root / "4.png", lake.root / "copy.png")
    picture(lake.root / "110.png", 110)
    (hill.root / "2.png").unlink()
    picture(hill.root / "111.png", 111)
    fleet.start("lake")
    fleet.settle()
    assert found(hill, lake.root / "110.png") == [("lake", str(lake.root / "110.png"))]


def test_what_is_dropped_is_gone_until_it_is_rebuilt(fleet: Fleet) -> None:
    hill, _, shore = fleet
    images = len(shore.files())
    others = fleet.collection.count() - images
    dropped = shore.daemon.json("replica", "drop", "--yes")
    assert dropped["removed"] == images
    assert (fleet.collection.count("shore"), fleet.collection.count()) == (0, others)
    picture(shore.root / "120.png", 120)
    shore.daemon.wait()
    assert shore.replica().state == "dropped" and fleet.collection.count("shore") == 0
    assert found(hill, shore.root / "3.png") == []
    done = shore.daemon.simctl("replica", "rebuild", "--timeout", "60")
    assert done.returncode == 0, done.stderr
    status = shore.daemon.json("replica", "status")
    assert (status["state"], status["outbox"]) == ("current", 0)


def test_a_collection_dropped_by_hand_is_made_and_filled_anew(fleet: Fleet) -> None:
    address = parse_replica(fleet.url)
    with closing(pymilvus().MilvusClient(uri=address.uri)) as client:
        client.drop_collection(address.collection)
    for seed, host in enumerate(fleet, 130):
        picture(host.root / f"{seed}.png", seed)


def test_the_name_of_a_host_is_of_one_state_directory(fleet: Fleet) -> None:
    lake = fleet["lake"]
    published = dict(fleet.collection.versions("lake"))
    with closing(Fleet(fleet.url)) as twins:
        twin = twins.add("lake")
        shutil.copy(fleet["hill"].root / "4.png", twin.root)
        picture(twin.root / "140.png", 140)
        twins.start()
        twins.until(lambda: twin.replica().state == "refused", "the second one to be refused")
        assert "lake" in twin.replica().detail
        twin.daemon.wait()
        assert dict(fleet.collection.versions("lake")) == published
        done = twin.daemon.simctl("replica", "rebuild", "--timeout", "60")
        assert done.returncode == 0, done.stderr
        assert dict(fleet.collection.versions("lake")) == twin.expected()
        picture(lake.root / "141.png", 141)
        fleet.until(lambda: lake.replica().state == "refused", "the first one to be refused")
        assert dict(fleet.collection.versions("lake")) == twin.expected()
    done = lake.daemon.simctl("replica", "rebuild", "--timeout", "60")
    assert done.returncode == 0, done.stderr


def test_another_model_is_refused_and_changes_nothing(fleet: Fleet) -> None:
    export = fleet["hill"].client.export()
    for fingerprint, dimension in (("0" * len(export.fingerprint), export.dimension), (export.fingerprint, 8)):
        with closing(fleet.seen_by(fingerprint, dimension)) as other:
            with pytest.raises(ReplicaRefused, match=r"model|dimension"):
                other.open()
            with pytest.raises(ReplicaRefused):
                other.clear("hill")
