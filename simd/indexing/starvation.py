"""Whether indexing stands still because others have the CPU, which is what stepping back for them may come to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from simd.featurize.cputime import CpuTime, Meanwhile

log = logging.getLogger(__name__)

PERIOD_S = 30.0
"""Seconds between two looks: long enough for a search, or a program that starts, to be over."""
_SHORTEST_S = 10.0
"""What is shorter tells nothing."""
_LEAST = 0.05
"""Where nobody else takes the CPU, decoders and backbone share it among themselves and each gets half of what it wants,
or a third."""
_AT_WORK = 0.5
"""What wants the CPU for less than this part of the time has nothing much to do."""


class Starvation:
    """Looks when it is called, about every `PERIOD_S`; `trouble` may be read from any thread.

    Args:
        priority: the setting `indexing_priority`, for what helps.
        meanwhile: what the threads of indexing had and wanted since it was last called.
        clock: seconds that only go forward.

    Attributes:
        trouble: what is wrong and what helps, for callers; empty while nothing is.
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
        """See how it was since the last look, and log when it begins and when it is over."""
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
