"""Long work: one of a name at a time, cancelled at its next step, ended with the daemon."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from simd.errors import NotReady, Overloaded
from simd.jobs.jobs import Cancelled, Jobs, JobStatus, Progress


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs(lambda: 5.0)
    yield jobs
    jobs.close()


def test_it_tells_how_far_it_is_and_what_came_of_it(jobs: Jobs) -> None:
    half, go_on = threading.Event(), threading.Event()

    def work(progress: Progress) -> str:
        progress.expect(10)
        progress.step(4)
        half.set()
        assert go_on.wait(10)
        progress.step(8)
        return "done"

    job = jobs.start("count", work, "files")
    assert half.wait(10)
    assert jobs.running() == [job.status] == [JobStatus("count", 4, 10, "files", 5.0)]
    assert not job.wait(0.0)
    go_on.set()
    assert job.wait(10) and job.result() == "done"
    assert (job.status.done, job.status.total) == (12, 12)


def test_it_fails_with_what_its_work_raised_which_the_log_has_as_well(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: Progress) -> None:
        raise ValueError("no")

    job = jobs.start("fail", work)
    assert job.wait(10)
    with pytest.raises(ValueError, match="no"):
        job.result()
    assert "the job fail failed unexpectedly" in caplog.text


def endless(progress: Progress) -> None:
    while True:
        progress.cancelled.wait(0.01)
        progress.step(1)


def test_there_is_one_of_a_name_at_a_time_and_it_ends_at_its_next_step_once_it_is_cancelled(jobs: Jobs) -> None:
    job = jobs.start("endless", endless)
    with pytest.raises(Overloaded, match="endless"):
        jobs.start("endless", endless)
    other = jobs.start("other", endless)
    assert [status.name for status in jobs.running()] == ["endless", "other"]
    job.cancel()
    assert job.wait(10)
    with pytest.raises(Cancelled):
        job.result()
    while "endless" in [status.name for status in jobs.running()]:
        assert not other.wait(0.01)
    jobs.start("endless", endless)


def test_all_end_with_the_daemon_and_none_begins_then(jobs: Jobs) -> None:
    job = jobs.start("endless", endless)
    jobs.close()
    assert job.wait(0.0) and jobs.running() == []
    with pytest.raises(NotReady):
        jobs.start("late", endless)


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_its_thread_gives_way_to_those_that_answer(jobs: Jobs) -> None:
    before = niceness()
    job = jobs.start("nice", lambda _: niceness())
    assert job.wait(10) and job.result() == min(19, before + 10) and niceness() == before


def test_whoever_waited_for_the_end_may_start_another_one(jobs: Jobs) -> None:
    for _ in range(200):
        job = jobs.start("quick", lambda progress: None)
        assert job.wait(10)
        assert jobs.running() == []
