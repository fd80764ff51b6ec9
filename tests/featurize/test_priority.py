"""Indexing steps back: the backbone's threads, as the decoders', run only when queries do not want the CPU."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest

from simd import config
from simd.featurize.engines.choose import open_engine, open_query_engines
from simd.featurize.models.model import Model
from simd.featurize.priority import Priority, in_background, step_back


def policy() -> int:
    return os.sched_getscheduler(0)


def ticks() -> dict[int, int]:
    """CPU time by thread of this process, in the kernel's ticks."""
    found = {}
    for name in os.listdir("/proc/self/task"):
        # A thread may end between the look and the reading.
        with suppress(FileNotFoundError), open(f"/proc/self/task/{name}/stat") as stream:
            fields = stream.read().rpartition(")")[2].split()
            found[int(name)] = int(fields[11]) + int(fields[12])
    return found


def busy(work: object, count: int = 6) -> dict[int, int]:
    """CPU ticks of other threads than this one that a backbone's work takes."""
    before = ticks()
    pixels = np.zeros((16, 224, 224, 3), np.uint8)
    for _ in range(count):
        work.run(pixels)  # type: ignore[attr-defined]
    own = threading.get_native_id()
    return {t: n - before.get(t, 0) for t, n in ticks().items() if t != own and n > before.get(t, 0)}


def test_threads_that_were_started_in_background_step_back_and_no_others() -> None:
    end = threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(2)]
    seen: list[int] = []

    def make() -> str:
        seen.append(policy())
        threads[0].start()
        return "made"

    threads[1].start()
    try:
        assert in_background(make) == "made"
        policies = [os.sched_getscheduler(thread.native_id or 0) for thread in threads]
    finally:
        end.set()
    assert seen == [os.SCHED_OTHER], "what is loaded is loaded as fast as everything else"
    assert policies == [os.SCHED_IDLE, os.SCHED_OTHER]
    assert policy() == os.SCHED_OTHER


@pytest.mark.parametrize(("priority", "expected"), [(Priority.IDLE, 19), (Priority.LOW, 10), (Priority.NORMAL, 0)])
def test_where_the_policy_may_not_be_changed_niceness_takes_its_place(priority: Priority, expected: int) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    def act() -> int:
        step_back(priority, schedule=refuse)
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(act).result() == expected


@pytest.mark.parametrize(
    ("priority", "expected"),
    [(Priority.IDLE, (os.SCHED_IDLE, 0)), (Priority.LOW, (os.SCHED_BATCH, 10)), (Priority.NORMAL, (os.SCHED_OTHER, 0))],
)
def test_how_far_a_thread_steps_back_is_what_it_is_told(priority: Priority, expected: tuple[int, int]) -> None:
    def act() -> tuple[int, int]:
        step_back(priority)
        return policy(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(act).result() == expected


@pytest.mark.parametrize("priority", list(Priority))
def test_threads_of_a_library_step_back_as_far(priority: Priority) -> None:
    end, threads = threading.Event(), []

    def make() -> None:
        threads.append(threading.Thread(target=end.wait))
        threads[0].start()

    try:
        in_background(make, priority)
        expected = {Priority.IDLE: os.SCHED_IDLE, Priority.LOW: os.SCHED_BATCH, Priority.NORMAL: os.SCHED_OTHER}
        assert os.sched_getscheduler(threads[0].native_id or 0) == expected[priority]
    finally:
        end.set()


def test_the_setting_names_every_priority() -> None:
    for priority in Priority:
        found = config.load(environ={"HOME": "/nowhere"}, flags={"indexing_priority": priority.value})
        assert found.indexing_priority == priority


def test_what_fails_in_background_fails_here() -> None:
    def fail() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        in_background(fail)


@pytest.mark.model
@pytest.mark.parametrize("threads", [1, 2])
def test_p15_the_engine_of_indexing_takes_as_many_threads_as_it_may_and_they_step_back(
    model: Model, threads: int
) -> None:
    engines = open_query_engines(model, threads=threads)
    indexing = open_engine(model, "cpu", threads=threads).engine
    try:
        working = busy(indexing)
        hard = {t for t, n in working.items() if n >= sum(working.values()) // 20}
        assert 1 <= len(hard) <= threads
        assert {os.sched_getscheduler(t) for t in hard} == {os.SCHED_IDLE}
        for queries in (engines.alone, engines.many):
            quick = busy(queries, 2)
            busy_ones = {t for t, n in quick.items() if n > 1}
            assert {os.sched_getscheduler(t) for t in busy_ones} == {os.SCHED_OTHER}
            assert hard.isdisjoint(busy_ones)
    finally:
        indexing.close()
        engines.alone.close()
        engines.many.close()
