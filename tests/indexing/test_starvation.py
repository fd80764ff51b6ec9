"""Indexing that stands still because others have the CPU says so; one that is at work, or done, does not."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from simd.featurize.cputime import CpuTime, Meanwhile, of_threads_that_step_back
from simd.indexing.starvation import Starvation

SPIN = (
    "import os, sys; os.sched_setscheduler(0, int(sys.argv[1]), os.sched_param(0)); print(flush=True)\nwhile True: pass"
)


@contextmanager
def spinning(policy: int, count: int) -> Iterator[list[int]]:
    """So many processes that take all of the CPU they get; their ids."""
    started = [
        subprocess.Popen([sys.executable, "-c", SPIN, str(policy)], stdout=subprocess.PIPE) for _ in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None and process.stdout.readline()
        yield [process.pid for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()


class Scripted:
    """What threads had and wanted in each half minute, one after another, and a clock to go with it."""

    def __init__(self, *found: tuple[float, float]) -> None:
        self._found = iter(found)
        self.now = 0.0

    def meanwhile(self) -> CpuTime:
        had_s, waited_s = next(self._found)
        return CpuTime(had_s, waited_s)

    def clock(self) -> float:
        return self.now


def judged(*found: tuple[float, float], priority: str = "idle") -> list[str]:
    """What is said after each half minute."""
    script = Scripted(*found)
    starvation = Starvation(priority, script.meanwhile, script.clock)
    said = []
    for _ in found:
        script.now += 30.0
        starvation.look()

        said.append(starvation.trouble)
    return said


def test_threads_that_want_the_cpu_and_do_not_get_it_are_told_of_and_what_helps() -> None:
    [said] = judged((0.4, 119.6))
    assert "0.3%" in said and "raise indexing_priority, which is idle, to low or normal" in said


def test_what_shares_the_cpu_with_its_own_kind_or_has_little_to_do_is_well() -> None:
    assert judged((60.0, 60.0), (30.0, 90.0), (0.0, 5.0), (0.0, 0.0)) == ["", "", "", ""]


def test_the_remedy_is_one_that_is_left() -> None:
    assert "to low" not in judged((0.4, 119.6), priority="low")[0]


def test_the_beginning_and_the_end_are_logged_and_not_what_is_between(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    judged((0.1, 60.0), (0.1, 60.0), (0.1, 60.0), (60.0, 0.1), (60.0, 0.1))
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]


def test_a_look_soon_after_another_tells_nothing() -> None:
    now = [0.0]
    starvation = Starvation("idle", lambda: CpuTime(0.0, 100.0), lambda: now[0])
    for now[0], said in ((1.0, False), (31.0, True), (32.0, True)):
        starvation.look()
        assert bool(starvation.trouble) == said


def test_only_threads_that_stepped_back_count() -> None:
    with spinning(os.SCHED_IDLE, 1) as idle, spinning(os.SCHED_BATCH, 1) as low, spinning(os.SCHED_OTHER, 1) as others:
        found = of_threads_that_step_back()
    assert {*idle, *low} <= found.keys() and not found.keys() & {*others}


def test_a_process_beside_those_that_take_all_cores_is_found_starving() -> None:
    cores = len(os.sched_getaffinity(0))
    with spinning(os.SCHED_OTHER, 2 * cores), spinning(os.SCHED_IDLE, 1) as [pid]:
        meanwhile = Meanwhile(lambda: {n: t for n, t in of_threads_that_step_back().items() if n == pid})
        meanwhile.look()
        total, deadline = CpuTime(0.0, 0.0), time.monotonic() + 30
        while total.wanted_s < 3.0:
            assert time.monotonic() < deadline
            found = meanwhile.look()
            total = CpuTime(total.had_s + found.had_s, total.waited_s + found.waited_s)
    assert total.had_s < 0.1 * total.wanted_s
