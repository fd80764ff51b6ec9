"""The files that wait for the indexing thread: those that have to come to rest first, then those that are ready.

Hints, scans and requests put them in; the thread takes them out one by one. What finds no room here, or cannot be
judged file by file, is left to a scan, because the scan is the truth.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, Full, Queue

from simd.indexing.loop.backlog import Backlog, Priority
from simd.indexing.loop.outcomes import GONE, Outcome, Outcomes
from simd.indexing.pause import Pause
from simd.indexing.roots.roots import Roots
from simd.indexing.roots.schedule import Schedule
from simd.indexing.summary import Summary
from simd.types import Change, ChangeKind, FileKey, PauseState
from simd.watch.roots import RootOffline
from simd.watch.rules import RulesUnread
from simd.watch.settle import Settler

log = logging.getLogger(__name__)

_SETTLING = 1000
"""How many files that scans found just written wait for the thread to take them; then the scan blocks."""


class WorkQueue:
    """Owned by the indexing thread. `wake`, `offer`, `pause`, `resume`, `close` and all that only reads may be called
    from any thread.

    Args:
        settle_s: a file that was modified within these seconds before a scan found it has to come to rest first.
        clock: seconds since the epoch, for the age of files.

    Attributes:
        outcomes: the callers that wait for a file.
        paused: whether indexing was paused when the turn began.
    """

    def __init__(
        self,
        backlog: Backlog,
        settler: Settler,
        pause: Pause,
        roots: Roots,
        schedule: Schedule,
        summary: Summary,
        *,
        settle_s: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backlog = backlog
        self._settler = settler
        self._pause = pause
        self._roots = roots
        self._schedule = schedule
        self._summary = summary
        self._settle_s = settle_s
        self._clock = clock
        self._unsettled: Queue[FileKey] = Queue(_SETTLING)
        self._wake = threading.Event()
        self._closed = threading.Event()
        self.outcomes = Outcomes()
        self.paused = False

    def __len__(self) -> int:
        """Files that wait."""
        return sum(self.sizes().values())

    def sizes(self) -> dict[str, int]:
        """How many files wait, by what for."""
        return {"backlog": len(self._backlog), "settling": len(self._settler) + self._unsettled.qsize()}

    @property
    def pause_state(self) -> PauseState:
        """Whether indexing is paused now."""
        return self._pause.state

    def pause(self, for_s: float | None = None) -> PauseState:
        """Hold back all but requests and deletions, until `resume` or for `for_s` seconds, also after a restart."""
        state = self._pause.pause(for_s)
        log.info("indexing is paused %s", "until it is resumed" if for_s is None else f"for {for_s:g} s")
        self.wake()
        return state

    def resume(self) -> bool:
        """End a pause; returns whether there was one."""
        paused = self._pause.resume()
        if paused:
            log.info("indexing goes on")
        self.wake()
        return paused

    def wake(self) -> None:
        """End the wait of the indexing thread."""
        self._wake.set()

    def close(self) -> None:
        """Accept nothing more, and release threads that are blocked in `offer`."""
        self._closed.set()
        self._backlog.close()
        self.wake()

    def offer(self, change: Change) -> bool:
        """Add what a scan found; blocks while there is no room. Returns False when closed."""
        # One that is dated in the future was not written to just now.
        if change.stamp is None or abs(self._clock() - change.stamp.mtime_ns / 1e9) >= self._settle_s:
            is_accepted = self._backlog.push(change, Priority.SCAN)
        else:
            is_accepted = self._offer_unsettled(change.key)
        self.wake()
        return is_accepted

    def request(self, key: FileKey) -> Future[Outcome]:
        """Read a file before all others, also during a pause, as a caller waits for it."""
        future = self.outcomes.expect(key)
        self.push(Change(ChangeKind.UPSERT, key, heard=time.monotonic()))
        return future

    def push(self, change: Change) -> None:
        """Add a file that is ready. One that a caller waits for is a request, however often it has to be tried."""
        self._backlog.push(change, Priority.REQUEST if change.key in self.outcomes else Priority.EVENT)

    def settle(self, key: FileKey, *, ready: bool = False, heard: float | None = None) -> None:
        """Add a file that has to come to rest first; see `Settler.note`."""
        self._settler.note(key, ready, heard)

    def postpone(self, key: FileKey, seconds: float) -> None:
        """Add a file again later."""
        self._settler.postpone(key, seconds)

    def retry(self, key: FileKey) -> bool:
        """Add a file again later that could not be decoded; False when it has been tried often enough."""
        return self._settler.retry(key)

    def decided(self, key: FileKey, outcome: Outcome) -> None:
        """A file was decided: its attempts are forgotten, and who waits for it is answered."""
        self._settler.done(key)
        self.outcomes.resolve(key, outcome)

    def leave_to_scan(self, key: FileKey, why: RootOffline | RulesUnread) -> None:
        """A file cannot be judged by itself now: scan its root when that is back, or its folder."""
        self._summary.postponed(key.root_id, why)
        self.outcomes.resolve(key, GONE)
        if isinstance(why, RootOffline):
            self._schedule.retry(key.root_id)
        else:
            self._schedule.enqueue(key.root_id, os.path.dirname(key.path))

    def discard(self, key: FileKey) -> None:
        """Remove a file."""
        self._backlog.discard(key)
        self._settler.forget(key)
        self.outcomes.resolve(key, GONE)

    def begin_turn(self) -> None:
        """From here on a call of `wake` ends the next `wait`."""
        self._wake.clear()
        self.paused = self._pause.state.paused
        self._backlog.pause(self.paused)

    def refill(self) -> None:
        """Move what has come to rest into the backlog; schedule scans of what is left to them."""
        with suppress(Empty):
            for _ in range(_SETTLING):
                self._settler.note(self._unsettled.get_nowait())
        for change in self._settler.due(self._roots.stat):
            self.push(change)
        for where in self._settler.take_scans():
            self._schedule.enqueue(where.root_id, where.path)
        for root_id in self._backlog.take_scans():
            self._schedule.enqueue(root_id)

    def pop(self, *, as_if_paused: bool = False) -> Change | None:
        """The next file, or None; with `as_if_paused` only what comes out during a pause."""
        return self._backlog.pop(as_if_paused=as_if_paused)

    def has_ready(self) -> bool:
        """Whether files are ready that only a failure holds back."""
        return not self.paused and len(self._backlog) > 0

    def next_due(self) -> float | None:
        """Seconds until `refill` or the end of a pause may have something; None when that needs a `wake`."""
        waits = (self._settler.next_due(), self._pause.seconds_left)
        return min((wait for wait in waits if wait is not None), default=None)

    def is_drained(self) -> bool:
        """Whether no file settles or is ready; during a pause those that it holds back do not count."""
        return len(self._settler) == 0 and not self.has_ready()

    def wait(self, seconds: float | None) -> None:
        """Wait until woken, or for `seconds`."""
        if not self._closed.is_set() and (seconds is None or seconds > 0):
            self._wake.wait(seconds)

    def _offer_unsettled(self, key: FileKey) -> bool:
        while not self._closed.is_set():
            with suppress(Full):
                self._unsettled.put(key, timeout=1.0)
                return True
        return False
