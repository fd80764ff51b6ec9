"""Long work in a thread of its own: what it is, how far it is, and how it ends.

    started -> running -> succeeded | failed | cancelled

The work reports each step, and is ended there once it was cancelled. Its thread has a lower priority than those that
answer, and never waits for whoever reads its progress.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from simd.errors import NotReady, Overloaded, SimdError

log = logging.getLogger(__name__)

T = TypeVar("T")

_LOWER_BY = 10


class Cancelled(Exception):
    """The job was cancelled: raised in its work by `Progress.step`, and by `Job.result`."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job under way: `done` of about `total` of `unit`, since `started` (seconds since the epoch)."""

    name: str
    done: int
    total: int
    unit: str
    started: float


class Progress:
    """What the work of a job reports to; used by its thread."""

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.cancelled = threading.Event()

    def expect(self, total: int) -> None:
        """There is about so much to do."""
        self.total = total

    def step(self, count: int = 0) -> None:
        """So much more is done.

        Raises:
            Cancelled: nobody wants the rest.
        """
        self.done += count
        if self.cancelled.is_set():
            raise Cancelled


class Job(Generic[T]):
    """Some work under way. Every method may be called from any thread."""

    def __init__(self, name: str, unit: str, work: Callable[[Progress], T], started: float) -> None:
        self.name = name
        self._unit = unit
        self._work = work
        self._started = started
        self._progress = Progress()
        self._ended = threading.Event()
        self._result: T | None = None
        self._failure: BaseException | None = None

    @property
    def status(self) -> JobStatus:
        """How far it is."""
        done = self._progress.done
        return JobStatus(self.name, done, max(done, self._progress.total), self._unit, self._started)

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it has ended, or does so within so many seconds."""
        return self._ended.wait(seconds)

    def cancel(self) -> None:
        """Have it end at its next step."""
        self._progress.cancelled.set()

    def result(self) -> T:
        """What the work returned, once it has ended.

        Raises:
            Cancelled: it was cancelled before its end.
            BaseException: whatever the work raised.
        """
        if self._failure is not None:
            raise self._failure
        return self._result  # type: ignore[return-value]

    def run(self) -> None:
        """Do the work; for the thread of the job."""
        try:
            self._result = self._work(self._progress)
        except BaseException as error:
            self._failure = error
            if not isinstance(error, (Cancelled, SimdError)):
                # Whoever wanted the result may have left.
                log.exception("the job %s failed unexpectedly", self.name)

    def end(self) -> None:
        """Say that it has ended, once it has run."""
        self._ended.set()


class Jobs:
    """The jobs of the daemon. Every method may be called from any thread.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, tuple[Job[object], threading.Thread]] = {}
        self._closed = False

    def start(self, name: str, work: Callable[[Progress], T], unit: str = "") -> Job[T]:
        """Begin some work.

        Args:
            name: what it is; there is one of a name at a time.
            work: reports its progress; runs in a thread of its own.
            unit: of what `Progress.step` counts.

        Raises:
            Overloaded: one of that name is under way.
            NotReady: the daemon is stopping.
        """
        job = Job(name, unit, work, self._clock())
        thread = threading.Thread(target=self._run, args=(job,), name=f"job-{name}", daemon=True)
        with self._lock:
            if self._closed:
                raise NotReady("the daemon is stopping")
            if name in self._running:
                raise Overloaded(f"there is a job `{name}` under way already", remedy="wait until that has ended")
            # First, so that `close` joins only what runs, and nothing is left of one that cannot be started.
            thread.start()
            self._running[name] = (job, thread)  # type: ignore[assignment]
        return job

    def running(self) -> list[JobStatus]:
        """Those under way, the oldest first."""
        with self._lock:
            jobs = [job for job, _ in self._running.values()]
        return [job.status for job in jobs]

    def close(self) -> None:
        """Cancel all, and return when they have ended."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for job, _ in running:
            job.cancel()
        for _, thread in running:
            thread.join()

    def _run(self, job: Job[object]) -> None:
        # On Linux this is of the calling thread alone.
        os.nice(_LOWER_BY)
        job.run()
        with self._lock:
            del self._running[job.name]
        # Not before: whoever waited for the end may start another one of that name.
        job.end()
