"""What the command and the library show of a daemon in which damage was found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import simctl

from tests.serving.doubles import DAMAGE, Bench, serving
from tests.simctl.test_cli import document
from tests.simctl.test_cli import simctl as run


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A daemon with one image and work to do, whose index is damaged."""
    with serving() as bench:
        bench.put("red.jpg", b"picture 200 10 10")
        bench.ingest.pending = [7]
        bench.oracle.damage = DAMAGE
        yield bench


def test_status_for_people_says_what_is_wrong_and_what_helps_before_all_else(bench: Bench) -> None:
    done = run(bench.listen, "status")
    first, second, *rest = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert first.startswith("damaged  (simd ")
    assert second.startswith("  problem  the index is damaged") and "simd check --repair" in second
    assert "  images   1 in 1 file" in rest and any(str(bench.root) in line for line in rest)


def test_status_for_people_of_a_daemon_that_answers_shows_problems_too(bench: Bench) -> None:
    bench.oracle.damage, bench.catalogue.readable = None, False
    first, second, *_ = run(bench.listen, "status").stdout.decode().splitlines()
    assert first.startswith("ready  (simd ") and second.startswith("  problem  the catalogue cannot be read now")


def test_status_tells_of_threads_that_failed(bench: Bench) -> None:
    assert document(run(bench.listen, "status", "--json"))["thread_failures"] == {}
    assert b"bugs" not in run(bench.listen, "status").stdout
    bench.thread_failures = {"scans": 2, "indexer": 1}
    assert document(run(bench.listen, "status", "--json"))["thread_failures"] == {"indexer": 1, "scans": 2}
    assert b"bugs     threads failed and went on (indexer 1, scans 2)" in run(bench.listen, "status").stdout


def test_status_for_programs_has_the_problems(bench: Bench) -> None:
    status = document(run(bench.listen, "status", "--json"))
    [problem] = status["problems"]
    assert "simd check --repair" in problem
    assert (status["ready"], status["images"], status["pending"]) == (False, 1, 7)
    bench.oracle.damage = None
    assert document(run(bench.listen, "status", "--json"))["problems"] == []


def test_every_line_of_a_watched_status_names_the_problems(bench: Bench) -> None:
    bench.oracle.damage, bench.catalogue.readable = None, False
    done = run(bench.listen, "status", "--watch", "--timeout", "0.7")
    assert b"7 pending" in done.stdout and b"the catalogue cannot be read now" in done.stdout


def test_wait_says_at_once_that_nobody_can_wait_for_this(bench: Bench) -> None:
    done = run(bench.listen, "wait")
    assert done.returncode == 1
    assert b"not settled: not ready: the index is damaged" in done.stderr


def test_health_says_that_it_does_not_serve_and_a_search_that_the_data_are_damaged(bench: Bench) -> None:
    assert document(run(bench.listen, "health", "--json")) == {"status": "NOT_SERVING"}
    done = run(bench.listen, "search", "--json", "-", stdin=b"picture 200 10 10")
    assert done.returncode == 1 and b"simd check" in done.stderr and b"/state" not in done.stderr


def test_the_library_tells_the_problems(bench: Bench) -> None:
    with simctl.Client(bench.listen) as client:
        status = client.status()
        assert not status.ready and not status.settled and "index is damaged" in status.problems[0]
        with pytest.raises(simctl.SimctlError) as caught:
            client.search(image=b"picture 200 10 10")
        assert caught.value.code == "DATA_LOSS"
        assert not client.wait().settled
