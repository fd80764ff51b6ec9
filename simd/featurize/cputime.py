"""How much of the CPU time that indexing wants it gets, by what the kernel counts for each of its threads.

They are known by what was done to them when they stepped back (`priority.py`): a policy that nobody else has here, or
the lowest niceness. See the kernel's documentation of /proc/PID/schedstat.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_STEPPED_BACK = (os.SCHED_IDLE, os.SCHED_BATCH)
_LOWEST = 19
_NS = 1e9


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Of a thread since it began, or of many meanwhile: seconds on the CPU, and seconds in which it waited for it."""

    had_s: float
    waited_s: float

    @property
    def wanted_s(self) -> float:
        """Both."""
        return self.had_s + self.waited_s


def of_threads_that_step_back(proc: Path = Path("/proc")) -> dict[int, CpuTime]:
    """By native id, those of this process and of its children; none where the kernel does not tell."""
    found = {}
    for thread in _threads(proc):
        # It may end between two looks.
        with suppress(OSError, ValueError, IndexError):
            number = int(thread.name)
            if os.sched_getscheduler(number) in _STEPPED_BACK or os.getpriority(os.PRIO_PROCESS, number) == _LOWEST:
                had, waited = (thread / "schedstat").read_text().split()[:2]
                found[number] = CpuTime(int(had) / _NS, int(waited) / _NS)
    return found


def _threads(proc: Path) -> Iterator[Path]:
    for own in _entries(proc / "self" / "task"):
        yield own
        children = ""
        with suppress(OSError):
            children = (own / "children").read_text()
        for child in children.split():
            yield from _entries(proc / child / "task")


def _entries(directory: Path) -> list[Path]:
    """None where it ended meanwhile, or cannot be looked at."""
    try:
        return list(directory.iterdir())
    except OSError:
        return []


class Meanwhile:
    """What threads had and wanted between two looks.

    Args:
        threads: as `of_threads_that_step_back`.
    """

    def __init__(self, threads: Callable[[], Mapping[int, CpuTime]] = of_threads_that_step_back) -> None:
        self._threads = threads
        self._before: Mapping[int, CpuTime] = {}

    def look(self) -> CpuTime:
        """Since the last look, of the threads that were there then as well."""
        before, self._before = self._before, self._threads()
        pairs = [(before[number], now) for number, now in self._before.items() if number in before]
        return CpuTime(
            sum(now.had_s - then.had_s for then, now in pairs),
            sum(now.waited_s - then.waited_s for then, now in pairs),
        )
