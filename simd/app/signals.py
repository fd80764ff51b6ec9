"""The signals that steer the daemon: SIGTERM and SIGINT end it, SIGHUP has its configuration read again.

The first request to end waits its turn and lets what is under way finish. A second one, or one while the daemon still
starts, ends it at once: everything that was acknowledged is durable, so that costs nothing. For the same reason an end
that takes too long, because a disk does not answer, is made by force.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)

_END = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Takes them from its construction on; made and used in the main thread."""

    def __init__(self) -> None:
        self._heard: deque[int] = deque()
        # The kernel may give a signal to any thread, which does not wake the main one out of a wait for a lock. A byte
        # in a pipe does.
        self._woken, waking = os.pipe()
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        self._may_wait = False
        self.ending = threading.Event()
        """Set once the end was asked for, and the main thread may be busy with something else."""
        for number in (*_END, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def started(self) -> None:
        """From now on a first request to end waits for `next`."""
        self._may_wait = True

    def next(self) -> int:
        """Wait for a signal; SIGHUP, or one that asks for the end."""
        while not self._heard:
            os.read(self._woken, 64)
        return self._heard.popleft()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number in _END:
            if not self._may_wait:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            self._may_wait = False
            self.ending.set()
        self._heard.append(number)


@contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    """End the process if the block takes longer: with status 1, and where each thread was on standard error."""

    def by_force() -> None:
        log.error("the end takes more than %g s and is made by force; what was acknowledged is safe", seconds)
        faulthandler.dump_traceback(sys.stderr, all_threads=True)
        os._exit(1)

    timer = threading.Timer(seconds, by_force)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
