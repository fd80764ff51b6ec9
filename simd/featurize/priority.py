"""Threads that step back for others: those of native libraries, which cannot be told to, and whole processes.

On Linux each thread is scheduled on its own, and a thread starts as the one which started it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_LOWEST = 19


def step_back(schedule: Callable[[int, int, os.sched_param], None] = os.sched_setscheduler) -> None:
    """Let this thread, and those that it starts from now on, run only when nobody else wants the CPU.

    The policy SCHED_IDLE (sched(7)), because niceness is not enough: a thread that wakes takes the CPU from an idle one
    at once, but from a nice one often only at the end of its time slice. Where a sandbox forbids it, niceness it is.

    Args:
        schedule: sets the policy of a thread.
    """
    try:
        schedule(0, os.SCHED_IDLE, os.sched_param(0))
    except PermissionError:
        os.setpriority(os.PRIO_PROCESS, 0, _LOWEST)


def in_background(make: Callable[[], T]) -> T:
    """Call `make` in a thread that steps back, and return what it made; threads that it started step back, too.

    Args:
        make: anything that starts threads, such as loading a model into a runtime.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="background", initializer=step_back) as thread:
        return thread.submit(make).result()
