"""A pool of decode workers that can be killed.

Each worker is a process; each has a thread here that hands it one image at a time from a common queue, watches the
clock, and replaces it when it crashed or was too slow. What an image does to a worker ends up as that image's
`ImageRejected`; nothing reaches this process but checked messages. A worker whose parent dies, even by SIGKILL, is
killed by the kernel.
"""

from __future__ import annotations

import dataclasses
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from simd.errors import ImageRejected, Reason, SimdError
from simd.featurize import decode as real
from simd.featurize.channel import ChannelClosed, ChannelGarbled, Message
from simd.featurize.process import Child, spawn
from simd.types import ID_BYTES, ImageFacts, ImageId, Pixels, Stamp, image_id_of

Decoder = Callable[[bytes, tuple[int, int], real.DecodeLimits], real.Picture]
Wanted = Callable[[ImageId], bool]
T = TypeVar("T")

_START_TIMEOUT_S = 60.0
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class FileChanged(Exception):
    """A file was written to while it was read: what was read is nobody's picture. Try again when it has settled."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a worker found.

    Attributes:
        image_id: the content's identity.
        stamp: the file as it was read; None for bytes.
        pixels: the model's input, uint8 `(height, width, 3)`; None when the image was not wanted.
        facts: about the original; None when the image was not wanted.
    """

    image_id: ImageId
    stamp: Stamp | None
    pixels: Pixels | None
    facts: ImageFacts | None


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How workers are set up.

    Attributes:
        size: height and width of the model's input.
        limits: what one image may cost.
        timeout_s: how long reading, and how long decoding one image may take.
        memory_bytes: what decoding one image may take.
        niceness: how far workers step back for other processes, 0 to 19.
    """

    size: tuple[int, int]
    limits: real.DecodeLimits
    timeout_s: float = 30.0
    memory_bytes: int = 2 << 30
    niceness: int = 0


class DecodePool:
    """Decodes images in worker processes. Every method may be called from any thread.

    The caller bounds how much it submits: the queue itself has no end.

    Args:
        count: how many workers.
        settings: how they are set up.
        decode: a module-level function that workers run; a test's way to crash and hang them.
    """

    def __init__(self, count: int, settings: WorkerSettings, decode: Decoder = real.decode) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._handlers = [_Handler(settings, decode) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._dispatch, args=(handler,), name=f"decode-{number}", daemon=True)
            for number, handler in enumerate(self._handlers)
        ]
        for thread in self._threads:
            thread.start()

    def submit_file(self, path: bytes, wanted: Wanted) -> Future[Decoded]:
        """Read, identify and, if wanted, decode a file.

        Args:
            path: absolute.
            wanted: called on a thread of the pool with the content's id; False spares the decoding.

        The future ends with `ImageRejected`, `FileNotFoundError` (nothing is there), `FileChanged` (written to
        meanwhile), whatever `wanted` raised, or `SimdError` when no worker can be started.
        """
        return self._submit(lambda handler: handler.file(path, wanted))

    def submit_bytes(self, data: bytes) -> Future[Decoded]:
        """Decode bytes. The future ends like one of `submit_file`."""
        return self._submit(lambda handler: handler.blob(data))

    def close(self) -> None:
        """End the workers now. Futures that are not done are cancelled, or end with `CancelledError`."""
        with self._lock:
            self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for handler in self._handlers:
            handler.close()
        for thread in self._threads:
            thread.join()

    def _submit(self, task: Callable[[_Handler], Decoded]) -> Future[Decoded]:
        job = _Job(Future(), task)
        with self._lock:
            if self._closed:
                job.cancel()
            else:
                self._jobs.put(job)
        return job.future

    def _dispatch(self, handler: _Handler) -> None:
        handler.warm_up()
        while (job := self._jobs.get()) is not None:
            if self._closed:
                job.cancel()
            elif job.future.set_running_or_notify_cancel():
                job.run(handler)
        handler.kill()


@dataclass(frozen=True, slots=True)
class _Job:
    future: Future[Decoded]
    task: Callable[[_Handler], Decoded]

    def cancel(self) -> None:
        """Cancel, and tell those who wait for it: `Future.cancel` alone does not end a `concurrent.futures.wait`."""
        self.future.cancel()
        self.future.set_running_or_notify_cancel()

    def run(self, handler: _Handler) -> None:
        try:
            result = self.task(handler)
        except BaseException as error:  # noqa: BLE001 - the future carries it to whoever waits
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class _Handler:
    """One worker process, seen from its thread; `close` may come from another."""

    def __init__(self, settings: WorkerSettings, decode: Decoder) -> None:
        self._settings = settings
        self._decode = decode
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._closed = False

    def file(self, path: bytes, wanted: Wanted) -> Decoded:
        """See `DecodePool.submit_file`."""
        image_id, stamp = self._ask({"do": "file"}, path, _identity)
        try:
            go_on = wanted(image_id)
        except BaseException:
            self._tell({"do": "skip"})
            raise
        if not go_on:
            self._tell({"do": "skip"})
            return Decoded(image_id, stamp, None, None)
        picture = self._ask({"do": "decode"}, b"", self._picture)
        return Decoded(image_id, stamp, picture.pixels, picture.facts)

    def blob(self, data: bytes) -> Decoded:
        """See `DecodePool.submit_bytes`."""
        if len(data) > self._settings.limits.max_bytes:
            raise real.too_many_bytes(len(data), self._settings.limits)
        picture = self._ask({"do": "bytes"}, data, self._picture)
        return Decoded(image_id_of(data), None, picture.pixels, picture.facts)

    def warm_up(self) -> None:
        """Start the worker before the first image comes. A failure is reported by that image."""
        try:
            self._ready()
        except (SimdError, CancelledError):
            self.kill()

    def close(self) -> None:
        """End the worker, whatever it does, for good."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.process.kill()

    def _ask(self, header: dict[str, Any], body: bytes, parse: Callable[[Message], T]) -> T:
        """Send, and wait for the answer within the time limit; a worker that does not answer well is replaced."""
        child = self._child if header["do"] == "decode" else self._ready()
        if child is None:
            raise CancelledError
        deadline = time.monotonic() + self._settings.timeout_s
        try:
            child.channel.send(header, body, self._settings.timeout_s)
            answer = child.channel.receive(max(0.0, deadline - time.monotonic()), self._picture_bytes)
            _raise_refusal(answer)
            return parse(answer)
        except TimeoutError as error:
            self.kill()
            raise ImageRejected(
                Reason.TIMEOUT,
                f"it was not done after {self._settings.timeout_s:g} s; raise `decode_timeout_s` to allow more",
            ) from error
        except ChannelClosed as error:
            raise self._crashed() from error
        except (ChannelGarbled, ValueError, TypeError, KeyError) as error:
            self.kill()
            raise ImageRejected(Reason.CRASHED, f"the decoder gave an answer that makes no sense: {error}") from error

    def _tell(self, header: dict[str, Any]) -> None:
        if self._child is not None:
            try:
                self._child.channel.send(header, timeout=self._settings.timeout_s)
            except (ChannelClosed, TimeoutError):
                self.kill()

    def _crashed(self) -> ImageRejected | CancelledError:
        if self._closed:
            self.kill()
            return CancelledError()
        status = self._wait()
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return ImageRejected(Reason.CRASHED, f"the decoder crashed on this file ({how})")

    def _wait(self) -> int:
        """The exit status of a worker that closed its channel."""
        child = self._child
        if child is None:
            return 0
        try:
            status = child.process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            status = child.kill()
        child.channel.close()
        self._child = None
        return status

    def kill(self) -> None:
        """End the worker; the next image gets a new one. Called by its own thread only."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _ready(self) -> Child:
        """The worker, started if there is none."""
        if self._child is not None and self._child.alive():
            return self._child
        self.kill()
        with self._lock:
            if self._closed:
                raise CancelledError
            try:
                self._child = spawn("simd.featurize.worker", extra=_ENVIRONMENT)
            except OSError as error:
                raise SimdError(f"no decode worker can be started: {error.strerror}") from error
        settings = self._settings
        try:
            self._child.channel.send(
                {
                    "decode": f"{self._decode.__module__}:{self._decode.__qualname__}",
                    "size": settings.size,
                    "limits": dataclasses.asdict(settings.limits),
                    "memory_bytes": settings.memory_bytes,
                    "niceness": settings.niceness,
                }
            )
            self._child.channel.receive(_START_TIMEOUT_S, 0)
        except (ChannelClosed, ChannelGarbled, TimeoutError) as error:
            self.kill()
            if self._closed:
                raise CancelledError from error
            raise SimdError("a decode worker did not start; what it said is on the daemon's standard error") from error
        return self._child

    @property
    def _picture_bytes(self) -> int:
        height, width = self._settings.size
        return height * width * 3

    def _picture(self, answer: Message) -> real.Picture:
        width, height, name = answer.header["facts"]
        pixels = np.frombuffer(answer.body, np.uint8).reshape(*self._settings.size, 3)
        return real.Picture(pixels, ImageFacts(int(width), int(height), str(name)))


def _raise_refusal(answer: Message) -> None:
    """Raise what a worker's answer says in place of a result."""
    header = answer.header
    if "rejected" in header:
        reason, detail = header["rejected"]
        raise ImageRejected(Reason(reason), str(detail))
    if "gone" in header:
        raise FileNotFoundError("the file is gone")
    if "changed" in header:
        raise FileChanged("the file was written to while it was read")


def _identity(answer: Message) -> tuple[ImageId, Stamp]:
    image_id = bytes.fromhex(answer.header["image_id"])
    if len(image_id) != ID_BYTES:
        raise ValueError("an image id of the wrong length")
    size, mtime_ns, inode = (int(value) for value in answer.header["stamp"])
    return ImageId(image_id), Stamp(size, mtime_ns, inode)
