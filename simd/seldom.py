"""Lines of the log about what may happen a thousand times a minute: the first of a kind at once, then counts a minute.

Callers and files can make such things happen as often as they like. A line for each would fill the disk, and hide
everything else that the log has to say.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from simd.supervision import Threads

PERIOD_S = 60.0
_MOST = 50


@dataclass(slots=True)
class _Kind:
    """What is counted under a key, and how it was last told of."""

    level: int
    text: str
    count: int = 0


class Seldom:
    """Every method may be called from any thread, and takes microseconds.

    Args:
        log: where lines go.
        most: so many kinds are told apart between two flushes; what is beyond them is counted together.
    """

    def __init__(self, log: logging.Logger, most: int = _MOST) -> None:
        self._log = log
        self._most = most
        self._lock = threading.Lock()
        self._kinds: dict[Hashable, _Kind] = {}
        self._beyond = 0

    def tell(self, level: int, key: Hashable, text: str) -> None:
        """Something happened: a line, if it is the first of its kind since a while.

        Args:
            level: of the line, as in `logging`.
            key: what makes it one of a kind.
            text: the line; of those that are counted the last one is told.
        """
        with self._lock:
            kind = self._kinds.get(key)
            if kind is not None:
                kind.count += 1
                kind.text = text
                return
            if len(self._kinds) >= self._most:
                self._beyond += 1
                return
            self._kinds[key] = _Kind(level, text)
        self._log.log(level, "%s", text)

    def flush(self) -> None:
        """Tell what was counted; what did not happen again since the last flush is a first one the next time."""
        with self._lock:
            counted = [kind for kind in self._kinds.values() if kind.count]
            lines = [(kind.level, f"{kind.text} ({kind.count} more like it)") for kind in counted]
            beyond, self._beyond = self._beyond, 0
            self._kinds = {key: _Kind(kind.level, kind.text) for key, kind in self._kinds.items() if kind.count}
        for level, line in lines:
            self._log.log(level, "%s", line)
        if beyond:
            self._log.warning("%d more of other kinds than the %d that are told apart", beyond, self._most)


class Repeated:
    """Calls what has to be done again and again from the start on, and once more at the end.

    Args:
        name: of the thread.
        calls: what is called, in this order; it takes no time.
        threads: runs the thread.
        period_s: seconds between two rounds.
    """

    def __init__(
        self, name: str, calls: Sequence[Callable[[], None]], threads: Threads | None = None, period_s: float = PERIOD_S
    ) -> None:
        self._calls = calls
        self._period_s = period_s
        self._stopping = threading.Event()
        self._thread = (threads or Threads()).start(name, self._run, self._stopping)

    def close(self) -> None:
        """Once more, and no more."""
        self._stopping.set()
        self._thread.join()
        self._call()

    def _run(self) -> None:
        while not self._stopping.wait(self._period_s):
            self._call()

    def _call(self) -> None:
        for call in self._calls:
            call()
