"""Threads that step back for others: those of native libraries, which cannot be told to.

On Linux each thread has a priority of its own, and a thread starts with that of the one which started it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

INDEXING_NICENESS = 10
"""How far indexing steps back for queries and for other programs, in decoding and in the backbone."""

_LOWEST = 19


def at_low_priority(make: Callable[[], T], niceness: int = INDEXING_NICENESS) -> T:
    """Call `make` in a thread of lower priority, and return what it made; threads that it started keep the priority.

    Args:
        make: anything that starts threads, such as loading a model into a runtime.
        niceness: how much lower than the caller's, 0 to 19; what is lower than the lowest is the lowest.
    """

    def lowered() -> T:
        own = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, own, min(_LOWEST, os.getpriority(os.PRIO_PROCESS, own) + niceness))
        return make()

    with ThreadPoolExecutor(1, thread_name_prefix="low-priority") as thread:
        return thread.submit(lowered).result()
