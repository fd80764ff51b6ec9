"""The replica: the command and the library."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import simctl

from simd.errors import ReplicaUnavailable
from simd.replica.state import Phase
from tests.serving.doubles import Bench, serving
from tests.serving.givenreplica import BEHIND, CURRENT, DOWN, GivenReplica
from tests.simctl.test_cli import document
from tests.simctl.test_cli import simctl as run
from tests.simctl.test_json import check


@pytest.fixture
def replica() -> GivenReplica:
    return GivenReplica()


@pytest.fixture
def bench(replica: GivenReplica) -> Iterator[Bench]:
    with serving(replica=replica) as bench:
        yield bench


def test_status_tells_of_the_replica_and_so_does_its_own_command(bench: Bench, replica: GivenReplica) -> None:
    for state, code in ((CURRENT, 0), (BEHIND, 0), (DOWN, 1)):
        replica.states = [state]
        told = document(run(bench.listen, "status", "--json"))["replica"]
        check("replica", told)
        done = run(bench.listen, "replica", "status", "--json")
        assert (done.returncode, document(done)) == (code, told)
    assert told == {
        "address": "memory:19530/photos",
        "host": "here",
        "state": "down",
        "detail": "memory:19530 does not answer",
        "outbox": 3,
        "outbox_age_s": 90.0,
        "images": 2,
        "images_of_all": 5,
        "searched": True,
    }


def test_people_are_told_in_two_lines(bench: Bench, replica: GivenReplica) -> None:
    replica.states = [DOWN]
    first = "down, searched: memory:19530 does not answer"
    second = "here in memory:19530/photos: 2 images of 5 of all hosts; 3 wait, for up to 1 min 30 s"
    assert run(bench.listen, "replica", "status").stdout.decode().splitlines() == [first, second]
    lines = run(bench.listen, "status").stdout.decode().splitlines()
    at = lines.index(f"  replica  {first}")
    assert lines[at + 1] == f"           {second}"


def test_a_rebuild_is_waited_for(bench: Bench, replica: GivenReplica) -> None:
    replica.states = [BEHIND, CURRENT]
    done = run(bench.listen, "replica", "rebuild")
    assert (done.returncode, done.stdout, replica.rebuilt) == (0, b"current: 2 images of here\n", 1)


def test_a_rebuild_that_does_not_get_on_is_given_up(bench: Bench, replica: GivenReplica) -> None:
    replica.states = [DOWN]
    done = run(bench.listen, "replica", "rebuild", "--json", "--timeout", "0.4")
    check("replica_rebuild", document(done))
    assert (done.returncode, document(done)["current"], replica.rebuilt) == (1, False, 1)
    assert b"not current after 0.4 s: down: memory:19530 does not answer; 2 images are in it, 3 to go" in done.stderr


def test_a_rebuild_need_not_be_waited_for(bench: Bench, replica: GivenReplica) -> None:
    replica.states = [BEHIND]
    done = run(bench.listen, "replica", "rebuild", "--no-wait")
    assert (done.returncode, replica.rebuilt) == (0, 1)
    assert b"`simctl replica status` says how far" in done.stdout


def test_what_is_dropped_is_counted_and_only_on_a_clear_word(bench: Bench, replica: GivenReplica) -> None:
    refused = run(bench.listen, "replica", "drop")
    assert (refused.returncode, replica.dropped) == (2, 0) and b"--yes" in refused.stderr
    done = run(bench.listen, "replica", "drop", "--yes")
    assert (done.returncode, replica.dropped) == (0, 1) and done.stdout.startswith(b"2 images taken out;")


def test_an_engine_that_is_away_is_told_when_images_are_to_go(bench: Bench, replica: GivenReplica) -> None:
    replica.refusals = [ReplicaUnavailable("memory:19530 does not answer; what is there is taken out later")]
    done = run(bench.listen, "replica", "drop", "--yes")
    assert done.returncode == 3 and b"taken out later" in done.stderr


def test_without_a_replica_every_part_says_so() -> None:
    with serving() as bench:
        assert document(run(bench.listen, "status", "--json"))["replica"] is None
        for words in (["status"], ["rebuild"], ["drop", "--yes"]):
            done = run(bench.listen, "replica", *words)
            assert done.returncode == 1 and b"no replica is configured" in done.stderr, words
            assert b"set `replica` to http://HOST:PORT/COLLECTION" in done.stderr


def test_a_daemon_that_is_starting_is_not_taken_for_one_without_a_replica() -> None:
    with serving(ready=False, replica=GivenReplica()) as bench:
        done = run(bench.listen, "replica", "status", "--json")
        assert done.returncode == 3 and document(done)["error"]["reason"] == "NOT_READY"


def test_the_library_waits_and_tells_every_reading(bench: Bench, replica: GivenReplica) -> None:
    replica.states = [DOWN, BEHIND, CURRENT]
    readings: list[str] = []
    with simctl.Client(bench.listen) as client:
        last = client.wait_for_replica(10, lambda reading: readings.append(reading.state))
        assert readings == [Phase.DOWN, Phase.BEHIND, Phase.CURRENT] and last.works
        assert client.drop_replica() == 2
        client.rebuild_replica()
    assert (replica.dropped, replica.rebuilt) == (1, 1)
