"""Which scan comes next: those that callers wait for, then folders that events named, then those that are due.

Something may have been put off until a root's next scan: a file that could not be read, or a scan that failed. Such a
scan is retried within seconds, after ever longer waits, and counts as pending until it begins.
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
"""More folders than this below one, or in a root, take longer one by one than that as a whole."""


@dataclass(frozen=True, slots=True, eq=False)
class ScanRequest:
    """A root, or a folder in it, to be scanned.

    `future` gets the report, if a caller waits for it; `timed` says that only the timer or a retry asks for it.
    """

    root_id: int
    under: bytes = b""
    future: Future[ScanReport] | None = None
    confirm_deletes: bool = False
    timed: bool = False


class Schedule:
    """A queue of scans, and a timer for each root. Every method may be called from any thread.

    Args:
        interval_s: seconds between two scans of a root on the timer, with a quarter as jitter, so that roots do not
            line up.
        retry_s: the first and the longest wait before a scan is retried.
        offline_s: seconds between two checks of a root that stays offline.
    """

    def __init__(self, interval_s: float, retry_s: tuple[float, float] = (1.0, 60.0), offline_s: float = 10.0) -> None:
        self._interval_s = interval_s
        self._retry_s = retry_s
        self._offline_s = offline_s
        self._changed = threading.Condition()
        self._submitted: deque[ScanRequest] = deque()
        self._queued: dict[int, Folders] = {}
        self._due: dict[int, float] = {}
        self._retries: set[int] = set()
        self._backoffs: dict[int, Backoff] = {}
        self._running = False
        self._closed = False
        self._jitter = random.Random()

    @property
    def pending(self) -> int:
        """Scans that are wanted and not ended; those of the timer not before they begin."""
        with self._changed:
            queued = sum(map(len, self._queued.values()))
            return int(self._running) + len(self._submitted) + queued + len(self._retries)

    def submit(self, request: ScanRequest) -> None:
        """Scan before all others, as a caller waits. After `close` the request's future is cancelled."""
        with self._changed:
            if not self._closed:
                self._submitted.append(request)
            elif request.future is not None:
                request.future.cancel()
            self._changed.notify_all()

    def enqueue(self, root_id: int, under: bytes = b"") -> None:
        """Scan a folder soon, b"" is all of the root; the same folder twice is one scan."""
        with self._changed:
            self._queued.setdefault(root_id, Folders()).add(under)
            self._changed.notify_all()

    def retry(self, root_id: int, *, reset: bool = False) -> None:
        """Something was put off until the root's next scan: run it within seconds.

        Args:
            reset: there was progress, so the wait is the first one again.
        """
        with self._changed:
            backoff = self._backoffs.setdefault(root_id, Backoff(*self._retry_s))
            if reset:
                backoff.succeeded()
            if root_id not in self._retries:
                self._retries.add(root_id)
                self._scan_within(root_id, backoff.failed())

    def recheck(self, root_id: int) -> None:
        """A root is still offline: scan it soon; that does not count as pending."""
        with self._changed:
            self._scan_within(root_id, self._offline_s)

    def set_interval(self, interval_s: float) -> None:
        """From now on the timer has this interval; roots that wait for longer do so no more."""
        with self._changed:
            self._interval_s = interval_s
            for root_id in self._due:
                self._scan_within(root_id, self._interval())

    def forget(self, root_id: int) -> None:
        """A root is gone."""
        with self._changed:
            self._queued.pop(root_id, None)
            self._due.pop(root_id, None)
            self._retries.discard(root_id)
            self._backoffs.pop(root_id, None)

    def next(self) -> ScanRequest | None:
        """The next scan, once it is due; None when closed. It is running until `finished`.

        Whatever it comes to, the root's next one is on the timer by then.
        """
        with self._changed:
            while not self._closed:
                if (request := self._take()) is not None:
                    self._running = True
                    if not request.under:
                        self._queued.pop(request.root_id, None)
                        self._retries.discard(request.root_id)
                        self._due[request.root_id] = time.monotonic() + self._interval()
                    return request
                soonest = min(self._due.values(), default=None)
                self._changed.wait(None if soonest is None else max(0.0, soonest - time.monotonic()))
        return None

    def finished(self, request: ScanRequest) -> None:
        """A scan is over, however it went."""
        with self._changed:
            self._running = False
            if not request.under and request.root_id not in self._retries:
                self._backoffs.pop(request.root_id, None)

    def close(self) -> None:
        """Nothing more comes; the futures of scans that have not begun are cancelled."""
        with self._changed:
            self._closed = True
            submitted, self._submitted = self._submitted, deque()
            self._changed.notify_all()
        for request in submitted:
            if request.future is not None:
                request.future.cancel()

    def _take(self) -> ScanRequest | None:
        if self._submitted:
            return self._submitted.popleft()
        for root_id, folders in self._queued.items():
            under = folders.pop()
            # The next folder is another root's, if there is one.
            del self._queued[root_id]
            if folders:
                self._queued[root_id] = folders
            return ScanRequest(root_id, under)
        now = time.monotonic()
        due = [(at, root_id) for root_id, at in self._due.items() if at <= now]
        return ScanRequest(min(due)[1], timed=True) if due else None

    def _scan_within(self, root_id: int, seconds: float) -> None:
        due = time.monotonic() + seconds
        self._due[root_id] = min(due, self._due.get(root_id, due))
        self._changed.notify_all()

    def _interval(self) -> float:
        return self._interval_s * self._jitter.uniform(0.75, 1.25)


class Folders:
    """Folders of a root to be scanned, with all that is in them: a bounded number, whatever is added.

    One that is inside another is left out; too many below one folder become that one.
    """

    def __init__(self) -> None:
        self._folders: dict[bytes, None] = {}
        self._below: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._folders)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._folders)

    def covers(self, folder: bytes) -> bool:
        """Whether a folder is to be scanned, by itself or inside another."""
        return folder in self._folders or any(above in self._folders for above in _above(folder))

    def add(self, folder: bytes) -> None:
        """Scan a folder; b"" is the root."""
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
        """Remove and return the first one."""
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
    """The folders that contain one, the innermost first, the root last."""
    while folder:
        folder = folder.rpartition(b"/")[0]
        yield folder
