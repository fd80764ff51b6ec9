"""A pool of decode workers that can be killed.

Each worker is a process; each has a thread here that hands it one image at a time. What an image does to a worker ends
up as that image's `ImageRejected`; nothing reaches this process but checked messages. A worker whose parent dies, even
by SIGKILL, is killed by the kernel.

* Work goes to the worker that was busy last. The others end after a while; that one stays for the next image, unless
  there is to be none on standby.
* A large image waits while others of its kind take the memory, or all workers but one: small images go on meanwhile.
* What is cancelled leaves the queue at once. What a worker has in hand by then is done for nobody.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from simd.errors import FileChanged, ImageRejected, Reason
from simd.featurize.decode import decode as real
from simd.featurize.decode.renditions import Rendition
from simd.featurize.workers.answers import Decoded
from simd.featurize.workers.budget import MemoryBudget
from simd.featurize.workers.files import Opening, open_file
from simd.featurize.workers.handler import Admit, DecodedFile, Decoder, Handler, Postponed, Wanted, WorkerSettings
from simd.supervision import Threads
from simd.types import ImageId

T = TypeVar("T")

_KILLS = 2
"""A picture whose worker is killed more often than that by somebody else may be the reason."""

__all__ = ["DecodePool", "Decoded", "DecodedFile", "WorkerSettings"]


class FileDecoder(Protocol):
    """What decodes files: a `DecodePool`."""

    def submit_file(self, path: bytes, wanted: Callable[[ImageId], Collection[Rendition]], /) -> Future[DecodedFile]:
        """See `DecodePool.submit_file`."""
        ...


class DecodePool:
    """Decodes images in worker processes. Every method may be called from any thread.

    The caller bounds how much it submits: the queue itself has no end.

    Args:
        count: how many workers.
        settings: how they are set up.
        decode: a module-level function that workers run; a test's way to crash and hang them.
        threads: runs the pool's threads.
    """

    def __init__(
        self, count: int, settings: WorkerSettings, decode: Decoder = real.render, threads: Threads | None = None
    ) -> None:
        self._idle_s = settings.idle_s
        self._standby = settings.standby
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._unfinished: dict[Future[Any], _Job] = {}
        self._jobs: deque[_Job] = deque()
        self._postponed: deque[_Job] = deque()
        self._idle: list[_Inbox] = []
        self._budget = MemoryBudget(settings.memory_bytes, max(1, count - 1))
        self._handlers = [Handler(settings, decode) for _ in range(count)]
        threads = threads or Threads()
        self._threads = [
            threads.start(f"decode-{number}", partial(self._run, handler, queue.SimpleQueue()), self._closed)
            for number, handler in enumerate(self._handlers)
        ]

    @property
    def lost(self) -> int:
        """Workers that crashed or were killed for a limit, since the start; another one took the place of each."""
        return sum(handler.lost for handler in self._handlers)

    def submit_file(self, path: bytes, wanted: Wanted, opening: Opening = open_file) -> Future[DecodedFile]:
        """Read, identify and, if wanted, decode a file.

        Args:
            path: absolute.
            wanted: called on a thread of the pool with the content's id: what to make of it; nothing spares the
                decoding.
            opening: called on a thread of the pool with the path.

        The future ends with `ImageRejected`, `FileChanged` (written to meanwhile), whatever `opening` (by default
        FileNotFoundError) or `wanted` raised, or `DecoderUnavailable` when no worker can be started.
        """
        once = _AskedOnce(wanted)

        def decode(handler: Handler, admit: Admit) -> DecodedFile:
            fd = opening(path)
            try:
                return handler.file(fd, once, admit)
            finally:
                os.close(fd)

        return self._submit(decode)

    def submit_bytes(self, data: bytes, *wanted: Rendition) -> Future[Decoded]:
        """Decode bytes, and make at least one rendition of them. The future ends like one of `submit_file`."""
        return self._submit(lambda handler, admit: handler.blob(data, wanted, admit))

    def close(self) -> None:
        """End the workers now. Futures that are not done are cancelled."""
        with self._lock:
            self._closed.set()
            left = list(self._unfinished)
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()
        for future in left:
            future.cancel()
        for handler in self._handlers:
            handler.close()
        for thread in self._threads:
            thread.join()

    def _submit(self, task: _Task) -> Future[Any]:
        job = _Job(_Promise(self._forget), task)
        with self._lock:
            self._unfinished[job.future] = job
            closed = self._closed.is_set()
            if not closed:
                self._hand_over(job)
        if closed:
            job.future.cancel()
        return job.future

    def _forget(self, future: Future[Any]) -> bool:
        """Nobody waits for it any more; false if it is done, or was forgotten before."""
        with self._lock:
            job = self._unfinished.pop(future, None)
            if job is None:
                return False
            for waiting in (self._jobs, self._postponed):
                if job in waiting:
                    waiting.remove(job)
                    self._return_memory(job)
            return True

    def _finished(self, job: _Job) -> bool:
        """Whether somebody waits for it; its memory is free."""
        with self._lock:
            self._return_memory(job)
            return self._unfinished.pop(job.future, None) is not None

    def _hand_over(self, job: _Job) -> None:
        """To the worker that became idle last, or to the one that is done first. With the lock."""
        if self._idle:
            self._idle.pop().put(job)
        elif job.granted:
            self._jobs.appendleft(job)
        else:
            self._jobs.append(job)

    def _run(self, handler: Handler, inbox: _Inbox) -> None:
        """A worker's thread. The inbox outlasts an error, as a job may be on its way to it."""
        if self._standby and handler is self._handlers[0]:
            handler.warm_up()
        while (job := self._next(handler, inbox)) is not None:
            if job.future in self._unfinished:
                self._work(handler, job)
            # Not to be held until the next one comes.
            del job
        handler.kill()

    def _next(self, handler: Handler, inbox: _Inbox) -> _Job | None:
        """The next job, or None at the end."""
        with self._lock:
            if self._closed.is_set():
                return None
            if inbox not in self._idle:
                if self._jobs:
                    return self._jobs.popleft()
                self._idle.append(inbox)
        while True:
            try:
                return inbox.get(timeout=self._idle_s)
            except queue.Empty:
                with self._lock:
                    is_kept = self._standby and bool(self._idle) and self._idle[-1] is inbox
                if not is_kept:
                    handler.kill()

    def _work(self, handler: Handler, job: _Job) -> None:
        try:
            result = self._result(handler, job)
        except Postponed:
            self._postpone(job)
        except BaseException as error:  # noqa: BLE001 - the future carries it to whoever waits
            if self._finished(job):
                job.future.set_exception(error)
        else:
            if self._finished(job):
                job.future.set_result(result)
        finally:
            # The error holds this frame, and would be held by it: with the picture, until the garbage collector comes.
            del job

    def _result(self, handler: Handler, job: _Job) -> Decoded | DecodedFile:
        """What a worker makes of a job; one whose worker was killed by somebody else gets another worker."""
        try:
            while True:
                try:
                    return job.task(handler, lambda memory: self._admit(job, memory))  # noqa: F821 - deleted at the end
                except ImageRejected as error:
                    job.kills += error.reason is Reason.KILLED
                    if error.reason is not Reason.KILLED or job.kills > _KILLS:
                        raise
        finally:
            # As below.
            del job

    def _admit(self, job: _Job, memory: int) -> bool:
        """Whether a job may take so much memory now; it keeps what it is granted until it is done."""
        with self._lock:
            if job.future not in self._unfinished:
                return False
            if memory <= job.granted:
                return True
            if job.granted:
                self._budget.give_back(job.granted)
            job.needs, job.granted = memory, memory if self._budget.take(memory) else 0
            return bool(job.granted)

    def _postpone(self, job: _Job) -> None:
        with self._lock:
            if job.future in self._unfinished:
                self._postponed.append(job)
                self._resume()
            else:
                self._return_memory(job)

    def _return_memory(self, job: _Job) -> None:
        """With the lock."""
        if job.granted:
            self._budget.give_back(job.granted)
            job.granted = 0
            self._resume()

    def _resume(self) -> None:
        """Hand over what was postponed and fits now, in its order. With the lock."""
        while self._postponed and self._budget.take(self._postponed[0].needs):
            job = self._postponed.popleft()
            job.granted = job.needs
            self._hand_over(job)


class _Promise(Future[T]):
    """A future that can be cancelled until it is done.

    It forgets its callbacks once it has called them: they mostly hold what holds the future, which would leave its
    picture to the garbage collector.

    Args:
        forget: tells the pool that nobody waits; whether the future was not done.
    """

    def __init__(self, forget: Callable[[Future[Any]], bool]) -> None:
        super().__init__()
        self._forget = forget

    def cancel(self) -> bool:
        """As `Future.cancel`, which alone does not end a `concurrent.futures.wait`."""
        if self._forget(self):
            super().cancel()
            self.set_running_or_notify_cancel()
        return self.cancelled()

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """As `Future.add_done_callback`."""
        calls = [fn]
        super().add_done_callback(lambda done: calls.pop()(done))


@dataclass(eq=False, slots=True)
class _Job:
    """One image on its way; `needs` and `granted` are bytes of memory, if it is large; `kills` are workers it cost."""

    future: Future[Any]
    task: _Task
    needs: int = 0
    granted: int = 0
    kills: int = 0


class _AskedOnce:
    """Asks only once what is wanted of a file: whoever answers may count on its being decoded then."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._asked: ImageId | None = None
        self._answer: Collection[Rendition] = ()

    def __call__(self, image_id: ImageId) -> Collection[Rendition]:
        if self._asked is None:
            self._asked, self._answer = image_id, self._wanted(image_id)
        elif image_id != self._asked:
            raise FileChanged("the file was written to while it waited for memory")
        return self._answer


_Task = Callable[[Handler, Admit], Decoded | DecodedFile]
_Inbox = queue.SimpleQueue[_Job | None]
