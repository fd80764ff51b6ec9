"""Which scan comes next: those that somebody waits for, then folders that events named, then the timer.

A root is *owed* a scan when something was put off until then: a file that could not be looked at, a scan that failed.
It comes within seconds, and counts as pending until it begins; where scans stay owed, they come ever more seldom.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from simd.supervision import Backoff
from simd.types import ScanReport

_IN_FOLDER = 100
_IN_ROOT = 1000
"""More folders than so many below one, or in a root, take longer one by one than that as a whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A root, or a folder in it, to be scanned.

    `future` gets the report, if somebody waits for it; `timed` says that only the timer or something owed asks for it.
    """

    root_id: int
    under: bytes = b""
    future: Future[ScanReport] | None = None
    confirm_deletes: bool = False
    timed: bool = False


class Agenda:
    """Every method may be called from any thread.

    Args:
        interval_s: seconds between two scans of a root on the timer, with a quarter as jitter, so that roots do not
            line up.
        owed_s: the first and the longest wait for a scan that is owed.
    """

    def __init__(self, interval_s: float, owed_s: tuple[float, float] = (1.0, 60.0)) -> None:
        self._interval_s = interval_s
        self._owed_s = owed_s
        self._changed = threading.Condition()
        self._asked: deque[Request] = deque()
        self._hinted: dict[int, Folders] = {}
        self._due: dict[int, float] = {}
        self._owed: set[int] = set()
        self._waits: dict[int, Backoff] = {}
        self._running = False
        self._closed = False
        self._jitter = random.Random()

    @property
    def pending(self) -> int:
        """Scans that are wanted and not ended; those of the timer not before they begin."""
        with self._changed:
            hinted = sum(map(len, self._hinted.values()))
            return int(self._running) + len(self._asked) + hinted + len(self._owed)

    def ask(self, request: Request) -> None:
        """Somebody waits for this scan. After `close` its future is cancelled."""
        with self._changed:
            if not self._closed:
                self._asked.append(request)
            elif request.future is not None:
                request.future.cancel()
            self._changed.notify_all()

    def hint(self, root_id: int, under: bytes = b"") -> None:
        """Scan a folder soon, b"" is all of the root; several hints for the same folder are one scan."""
        with self._changed:
            self._hinted.setdefault(root_id, Folders()).add(under)
            self._changed.notify_all()

    def owe(self, root_id: int, *, afresh: bool = False) -> None:
        """Something was put off until the root's next scan: let it come within seconds.

        Args:
            afresh: something has moved on, so the wait is the first one again.
        """
        with self._changed:
            wait = self._waits.setdefault(root_id, Backoff(*self._owed_s))
            if afresh:
                wait.succeeded()
            if root_id not in self._owed:
                self._owed.add(root_id)
                self._scan_within(root_id, wait.failed())

    def within(self, root_id: int, seconds: float) -> None:
        """Let the timer scan a root after so many seconds at the latest."""
        with self._changed:
            self._scan_within(root_id, seconds)

    def every(self, interval_s: float) -> None:
        """From now on the timer has this interval; roots that wait for longer do so no more."""
        with self._changed:
            self._interval_s = interval_s
            for root_id in self._due:
                self._scan_within(root_id, self._interval())

    def forget(self, root_id: int) -> None:
        """A root is gone."""
        with self._changed:
            self._hinted.pop(root_id, None)
            self._due.pop(root_id, None)
            self._owed.discard(root_id)
            self._waits.pop(root_id, None)

    def next(self) -> Request | None:
        """The next scan, once it is due; None when closed. It is running until `ended`.

        Whatever it comes to, the root's next one is on the timer by then.
        """
        with self._changed:
            while not self._closed:
                if (request := self._take()) is not None:
                    self._running = True
                    if not request.under:
                        self._hinted.pop(request.root_id, None)
                        self._owed.discard(request.root_id)
                        self._due[request.root_id] = time.monotonic() + self._interval()
                    return request
                soonest = min(self._due.values(), default=None)
                self._changed.wait(None if soonest is None else max(0.0, soonest - time.monotonic()))
        return None

    def ended(self, request: Request) -> None:
        """A scan is over, however it went."""
        with self._changed:
            self._running = False
            if not request.under and request.root_id not in self._owed:
                self._waits.pop(request.root_id, None)

    def close(self) -> None:
        """Nothing more comes; who waits for a scan that has not begun does so no longer."""
        with self._changed:
            self._closed = True
            asked, self._asked = self._asked, deque()
            self._changed.notify_all()
        for request in asked:
            if request.future is not None:
                request.future.cancel()

    def _take(self) -> Request | None:
        if self._asked:
            return self._asked.popleft()
        for root_id, folders in self._hinted.items():
            under = folders.pop()
            # The next hint is another root's, if there is one.
            del self._hinted[root_id]
            if folders:
                self._hinted[root_id] = folders
            return Request(root_id, under)
        now = time.monotonic()
        due = [(at, root_id) for root_id, at in self._due.items() if at <= now]
        return Request(min(due)[1], timed=True) if due else None

    def _scan_within(self, root_id: int, seconds: float) -> None:
        due = time.monotonic() + seconds
        self._due[root_id] = min(due, self._due.get(root_id, due))
        self._changed.notify_all()

    def _interval(self) -> float:
        return self._interval_s * self._jitter.uniform(0.75, 1.25)


class Folders:
    """Folders of a root to be looked at, with all that is in them: not many, whatever is added.

    One that is in another is left out; too many below one folder become that one.
    """

    def __init__(self) -> None:
        self._folders: dict[bytes, None] = {}
        self._below: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._folders)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._folders)

    def covers(self, folder: bytes) -> bool:
        """Whether a folder is looked at."""
        return folder in self._folders or any(above in self._folders for above in _above(folder))

    def add(self, folder: bytes) -> None:
        """Look at a folder; b"" is the root."""
        if self.covers(folder):
            return
        if self._below[folder]:
            inside = folder + b"/" if folder else b""
            for other in [f for f in self._folders if f.startswith(inside)]:
                self._remove(other)
        self._folders[folder] = None
        for above in _above(folder):
            self._below[above] += 1
        for above in _above(folder):
            if self._below[above] > (_IN_FOLDER if above else _IN_ROOT):
                self.add(above)
                return

    def pop(self) -> bytes:
        """Take out the first one."""
        folder = next(iter(self._folders))
        self._remove(folder)
        return folder

    def _remove(self, folder: bytes) -> None:
        del self._folders[folder]
        for above in _above(folder):
            self._below[above] -= 1
            if not self._below[above]:
                del self._below[above]


def _above(folder: bytes) -> Iterator[bytes]:
    """The folders that hold one, the innermost first, the root last."""
    while folder:
        folder = folder.rpartition(b"/")[0]
        yield folder
