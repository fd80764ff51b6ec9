"""Whether indexing is paused, and until when: set by a person, it outlasts a restart.

The file is there while indexing is paused: `{"until": SECONDS_SINCE_THE_EPOCH}`, or null for "until it is resumed". It
is replaced and removed in one step, so that a crash leaves the state before or the one after. One that cannot be read
is damaged; indexing then stays paused, as it was when the file was written, and `status` shows that.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from simd.durable import Disk
from simd.types import PauseState

log = logging.getLogger(__name__)


class Pause:
    """The switch. Every method may be called from any thread.

    Args:
        path: the file that remembers it.
        clock: seconds since the epoch, as a pause goes on while the daemon does not run.
    """

    def __init__(self, path: Path, disk: Disk | None = None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._disk = disk or Disk()
        self._clock = clock
        self._lock = threading.Lock()
        self._state = _read(path)

    @property
    def state(self) -> PauseState:
        """The state now; a pause whose time is over is none."""
        state = self._state
        return PauseState(False) if state.until is not None and state.until <= self._clock() else state

    @property
    def seconds_left(self) -> float | None:
        """Seconds until a pause ends by itself; None when there is no such pause."""
        until = self.state.until
        return None if until is None else max(0.0, until - self._clock())

    def pause(self, for_s: float | None = None) -> PauseState:
        """Pause, or change how long.

        Args:
            for_s: seconds after which it ends by itself; None: when it is resumed.

        Raises:
            StoreError: it is paused, but a restart would not know of it.
        """
        with self._lock:
            until = None if for_s is None else self._clock() + for_s
            self._state = PauseState(True, until)
            self._disk.replace(self._path, json.dumps({"until": until}).encode() + b"\n")
            return self._state

    def resume(self) -> bool:
        """Go on; returns whether it was paused.

        Raises:
            StoreError: it goes on, but a restart would pause again.
        """
        with self._lock:
            paused = self.state.paused
            self._state = PauseState(False)
            if self._path.exists():
                self._disk.remove(self._path)
                self._disk.sync_dir(self._path.parent)
            return paused


def _read(path: Path) -> PauseState:
    try:
        until = json.loads(path.read_bytes())["until"]
        return PauseState(True, None if until is None else float(until))
    except FileNotFoundError:
        return PauseState(False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be read (%s); indexing is paused until `simctl resume`", path, error)
        return PauseState(True)
