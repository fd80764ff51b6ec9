"""The signals that steer the daemon: SIGTERM and SIGINT end it, SIGHUP has its configuration read again.

The first request to end waits its turn and lets what is under way finish. Whoever asks twice, or asks while the daemon
is still starting, has it end at once: everything that was acknowledged is durable, so that costs nothing.
"""

from __future__ import annotations

import os
import signal
from queue import SimpleQueue
from types import FrameType

_END = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Takes them from its construction on; made and used in the main thread."""

    def __init__(self) -> None:
        self._heard: SimpleQueue[int] = SimpleQueue()
        self._may_wait = False
        for number in (*_END, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def started(self) -> None:
        """From now on a first request to end waits for `next`."""
        self._may_wait = True

    def next(self) -> int:
        """Wait for a signal; SIGHUP, or one that asks for the end."""
        return self._heard.get()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number in _END:
            if not self._may_wait:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            self._may_wait = False
        self._heard.put(number)
