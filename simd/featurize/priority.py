"""Threads that step back for others: those of native libraries, which cannot be told to, and whole processes.

On Linux each thread is scheduled on its own, and a thread starts as the one which started it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")

_LOWEST = 19
_LOWER_BY = 10
"""A nice thread gets a tenth of what one does that is ten steps less so."""


class Priority(StrEnum):
    """How far indexing steps back: IDLE runs when nobody else wants the CPU, LOW gets about a tenth of what another
    program does, NORMAL as much."""

    IDLE = "idle"
    LOW = "low"
    NORMAL = "normal"


def step_back(
    priority: Priority = Priority.IDLE,
    thread: int = 0,
    schedule: Callable[[int, int, os.sched_param], None] = os.sched_setscheduler,
) -> None:
    """Let a thread, and those that it starts from now on, leave the CPU to others, as far as `priority` says.

    IDLE is the policy SCHED_IDLE (sched(7)), because niceness is not enough: a thread that wakes takes the CPU from an
    idle one at once, but from a nice one often only at the end of its time slice. LOW is SCHED_BATCH and niceness, for
    machines whose other programs never leave the CPU. Where a sandbox forbids a policy, niceness it is alone.

    Args:
        priority: NORMAL changes nothing.
        thread: its native id; 0 is the calling one.
        schedule: sets the policy of a thread.
    """
    if priority is Priority.NORMAL:
        return
    is_idle = priority is Priority.IDLE
    lower = min(os.getpriority(os.PRIO_PROCESS, thread) + _LOWER_BY, _LOWEST)
    try:
        schedule(thread, os.SCHED_IDLE if is_idle else os.SCHED_BATCH, os.sched_param(0))
    except ProcessLookupError:
        raise
    except OSError:
        os.setpriority(os.PRIO_PROCESS, thread, _LOWEST if is_idle else lower)
    else:
        if not is_idle:
            os.setpriority(os.PRIO_PROCESS, thread, lower)


def step_all_back(priority: Priority = Priority.IDLE, niceness: int = -20) -> None:
    """Let every thread of this process step back whose niceness is at least so much."""
    for name in os.listdir("/proc/self/task"):
        # A thread may end between the look and the call.
        with suppress(ProcessLookupError):
            if os.getpriority(os.PRIO_PROCESS, int(name)) >= niceness:
                step_back(priority, int(name))


def in_background(make: Callable[[], T], priority: Priority = Priority.IDLE) -> T:
    """Call `make`, and return what it made; the threads that it started and left running step back.

    They do so once it is done: a model is loaded as fast as everything else that a start waits for.

    Args:
        make: anything that starts threads, such as loading a model into a runtime.
        priority: how far they step back.
    """
    if priority is Priority.NORMAL:
        return make()

    def marked() -> T:
        # A niceness that is nobody else's tells its threads from those that others start meanwhile.
        mark = os.getpriority(os.PRIO_PROCESS, 0) + 1
        os.setpriority(os.PRIO_PROCESS, 0, mark)
        made = make()
        step_all_back(priority, mark)
        return made

    with ThreadPoolExecutor(1, thread_name_prefix="background") as thread:
        return thread.submit(marked).result()
