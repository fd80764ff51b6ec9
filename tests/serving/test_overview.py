"""The status while something is damaged or fails: all the rest, and what is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from simd.errors import IndexUnavailable, Reason
from simd.index.base import IndexStats
from simd.serving.admin.overview import Overview
from tests.serving.doubles import DAMAGE, Bench, BenchIndex, prepared
from tests.serving.givenreplica import BEHIND, CURRENT, GivenReplica


@pytest.fixture
def bench() -> Iterator[Bench]:
    with prepared() as bench:
        bench.put("red.jpg", b"picture 200 10 10")
        bench.reject("broken.jpg", reason=Reason.CORRUPT)
        bench.ingest.pending = [7]
        bench.readiness.open(bench.services)
        yield bench


@pytest.fixture
def overview(bench: Bench) -> Overview:
    return Overview(bench.readiness)


def test_of_a_daemon_that_is_sound_no_problem_is_told(overview: Overview) -> None:
    status = overview.read()
    assert status.ready and not status.detail and not status.problems


def test_a_daemon_that_is_not_ready_says_what_it_is_doing(bench: Bench, overview: Overview) -> None:
    bench.readiness.close("stopping")
    status = overview.read()
    assert not status.ready and status.detail == "stopping"
    assert (status.progress, status.index, status.damage) == (None, None, None)


def test_two_readings_are_equal_unless_something_changed(bench: Bench) -> None:
    clock = itertools.count()
    overview = Overview(bench.readiness, lambda: float(next(clock)))
    first, second = overview.read(), overview.read()
    assert first == second and first.uptime_s < second.uptime_s
    bench.ingest.pending = [8]
    assert overview.read() != second


@pytest.mark.parametrize("what", ["index", "catalogue"])
def test_damage_is_told_with_its_remedy_beside_everything_else(bench: Bench, overview: Overview, what: str) -> None:
    sound = overview.read()
    getattr(bench, what).damage = DAMAGE
    status = overview.read()
    assert not status.ready
    [problem] = status.problems
    assert (
        problem.startswith(f"the {what} is damaged") and "`simd check --repair`" in problem and problem == status.detail
    )
    assert "/state" not in problem
    told = replace(status, ready=True, detail="", problems=(), damage={})
    assert told == sound and status.failed == 1
    assert status.index and status.counts and status.progress
    assert (status.index.vectors, status.counts.files, status.progress.pending) == (1, 1, 7)


def test_the_replica_is_told_of_and_its_outbox_growing_old_is_no_change(bench: Bench, overview: Overview) -> None:
    assert overview.read().replica is None
    bench.replica = GivenReplica(BEHIND, replace(BEHIND, outbox_age_s=91.0), CURRENT)
    bench.readiness.open(bench.services)
    first, older, current = overview.read(), overview.read(), overview.read()
    assert first.replica == BEHIND and first == older and older != current


def test_index_and_catalogue_may_both_be_damaged(bench: Bench, overview: Overview) -> None:
    bench.oracle.damage = bench.catalogue.damage = DAMAGE
    status = overview.read()
    assert ["index" in status.problems[0], "catalogue" in status.problems[1]] == [True, True]


def test_numbers_that_are_from_before_are_told_and_said_to_be(bench: Bench, overview: Overview) -> None:
    overview.read()
    bench.catalogue.readable = False
    status = overview.read()
    assert status.ready and status.counts and status.counts.files == 1
    [problem] = status.problems
    assert "catalogue cannot be read now" in problem


def test_why_indexing_waits_and_which_threads_failed_is_told(bench: Bench, overview: Overview) -> None:
    bench.ingest.trouble = "there is no room on the daemon's disk"
    bench.ingest.starved = "indexing nearly stands still"
    bench.problems = ["pairs of copies are not kept up, which is tried again: the daemon's disk is full"]
    bench.thread_failures = {"scans": 2}
    status = overview.read()
    assert status.ready and status.thread_failures == {"scans": 2}
    assert status.problems == (
        "indexing waits and is tried again: there is no room on the daemon's disk",
        "indexing nearly stands still",
        "pairs of copies are not kept up, which is tried again: the daemon's disk is full",
    )


class BrokenIndex(BenchIndex):
    """Its counts cannot be read."""

    failures: list[Exception]

    def stats(self) -> IndexStats:
        raise self.failures[0]


def test_what_fails_is_left_out_and_said_and_logged_once(
    bench: Bench, overview: Overview, caplog: pytest.LogCaptureFixture
) -> None:
    broken = BrokenIndex()
    broken.failures = [RuntimeError("the secret of the index")]
    bench.serving.replace(bench.served(index=broken))
    for _ in range(3):
        status = overview.read()
        assert status.ready and status.index is None
        assert status.counts and status.progress and status.model
        assert (status.counts.files, status.progress.pending, status.model.name) == (1, 7, "tiny")
        [problem] = status.problems
        assert "index" in problem and "secret" not in problem
    assert caplog.text.count("RuntimeError: the secret of the index") == 1
    broken.failures = [IndexUnavailable("/state is away")]
    [problem] = overview.read().problems
    assert IndexUnavailable.told in problem and "/state" not in problem
    assert "/state is away" in caplog.text
