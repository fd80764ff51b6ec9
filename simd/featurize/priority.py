"""Threads that step back for others: those of native libraries, which cannot be told to, and whole processes.

On Linux each thread is scheduled on its own, and a thread starts as the one which started it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from simd.featurize.timeslice import lengthen

T = TypeVar("T")

_LOWEST = 19
_SLICE_NS = 20_000_000
"""Two or three pictures; longer ones gain nothing more."""


def step_back(thread: int = 0, schedule: Callable[[int, int, os.sched_param], None] = os.sched_setscheduler) -> None:
    """Let a thread, and those that it starts from now on, run only when nobody else wants the CPU.

    The policy SCHED_IDLE (sched(7)), because niceness is not enough: a thread that wakes takes the CPU from an idle one
    at once, but from a nice one often only at the end of its time slice. Where a sandbox forbids it, niceness it is.
    Among those that stepped back, each keeps the CPU for `_SLICE_NS`.

    Args:
        thread: its native id; 0 is the calling one.
        schedule: sets the policy of a thread.
    """
    # First, because a thread of this policy is given no other slice, and keeps the one that it has.
    lengthen(thread, _SLICE_NS)
    try:
        schedule(thread, os.SCHED_IDLE, os.sched_param(0))
    except ProcessLookupError:
        raise
    except OSError:
        os.setpriority(os.PRIO_PROCESS, thread, _LOWEST)


def step_all_back(niceness: int = -20) -> None:
    """Let every thread of this process step back whose niceness is at least so much."""
    for name in os.listdir("/proc/self/task"):
        # A thread may end between the look and the call.
        with suppress(ProcessLookupError):
            if os.getpriority(os.PRIO_PROCESS, int(name)) >= niceness:
                step_back(int(name))


def in_background(make: Callable[[], T]) -> T:
    """Call `make`, and return what it made; the threads that it started and left running step back.

    They do so once it is done: a model is loaded as fast as everything else that a start waits for.

    Args:
        make: anything that starts threads, such as loading a model into a runtime.
    """

    def marked() -> T:
        # A niceness that is nobody else's tells its threads from those that others start meanwhile.
        mark = os.getpriority(os.PRIO_PROCESS, 0) + 1
        os.setpriority(os.PRIO_PROCESS, 0, mark)
        made = make()
        step_all_back(mark)
        return made

    with ThreadPoolExecutor(1, thread_name_prefix="background") as thread:
        return thread.submit(marked).result()
