"""Detects that indexing gets hardly any CPU: its threads have a lower priority than those of other programs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from simd.featurize.cputime import CpuTime, Meanwhile

log = logging.getLogger(__name__)

PERIOD_S = 30.0
"""Seconds between two measurements: longer than a search, or the start of a program, takes."""
_SHORTEST_S = 10.0
"""A shorter interval is not judged."""
_LEAST = 0.05
"""A smaller share of the wanted CPU time is starvation. Without other programs, decoders and backbone share the CPU
among themselves: each gets half of what it wants, or a third."""
_AT_WORK = 0.5
"""Threads that want the CPU for a smaller part of the time have little to do, and are not judged."""


class Starvation:
    """Measures when `look` is called, about every `PERIOD_S`; `trouble` may be read from any thread.

    Args:
        priority: the setting `indexing_priority`, which the remedy depends on.
        meanwhile: CPU time that the threads of indexing had and wanted since its last call.
        clock: seconds that only go forward.

    Attributes:
        trouble: the problem and its remedy, for callers; empty while there is none.
    """

    def __init__(
        self,
        priority: str,
        meanwhile: Callable[[], CpuTime] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._priority = priority
        self._meanwhile = meanwhile or Meanwhile().look
        self._clock = clock
        self._looked = clock()
        self.trouble = ""

    def look(self) -> None:
        """Judge the time since the last call; log when starvation begins and when it ends."""
        now = self._clock()
        elapsed = now - self._looked
        if elapsed < _SHORTEST_S:
            return
        self._looked = now
        time_of = self._meanwhile()
        was = self.trouble
        self.trouble = ""
        if time_of.wanted_s >= _AT_WORK * elapsed and time_of.had_s < _LEAST * time_of.wanted_s:
            share = time_of.had_s / time_of.wanted_s
            self.trouble = (
                f"indexing nearly stands still: others have the CPU, and it got {share:.1%} of the time it wanted in "
                f"the last {elapsed:.0f} s; end them, or {self._remedy()}"
            )
        if self.trouble and not was:
            log.warning("%s", self.trouble)
        elif was and not self.trouble:
            log.info("indexing has the CPU again, or nothing more to do")

    def _remedy(self) -> str:
        if self._priority == "idle":
            return "raise indexing_priority, which is idle, to low or normal"
        return f"raise indexing_priority, which is {self._priority}, to normal"
