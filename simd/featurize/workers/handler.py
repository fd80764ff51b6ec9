"""One decode worker, seen from the thread of the pool that it works for.

Starts it when it is needed, hands it one image at a time, watches the clock, and replaces it when it crashed, was too
slow or said something that makes no sense. What an image does to its worker ends up as that image's `ImageRejected`.
"""

from __future__ import annotations

import dataclasses
import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simd.errors import DecoderUnavailable, ImageRejected, Reason
from simd.featurize.decode.decode import DecodeLimits, Rendered, check_bytes
from simd.featurize.decode.renditions import Array, Rendition, Thumbnail, max_bytes, to_json
from simd.featurize.priority import Priority
from simd.featurize.workers import answers
from simd.featurize.workers.answers import Decoded, Needs
from simd.featurize.workers.channel import ChannelClosed, ChannelGarbled, Message
from simd.featurize.workers.process import Child, spawn, status_text
from simd.types import ImageFacts, ImageId, Pixels, Stamp

log = logging.getLogger(__name__)

Decoder = Callable[[bytes, Sequence[Rendition], DecodeLimits, Callable[[int], None]], Rendered]
"""`decode.render`, or what a test puts in its place."""
Wanted = Callable[[ImageId], Collection[Rendition]]
Admit = Callable[[int], bool]
T = TypeVar("T")

_START_TIMEOUT_S = 60.0
_STARTS = 5
# Far longer than it takes to end, as one that steps back may wait for the CPU.
_END_S = 10.0
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    # What one picture took is kept for the next one: asking the kernel for it anew takes 4 % of the time of decoding.
    "MALLOC_MMAP_THRESHOLD_": str(4 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 20),
    "MALLOC_TOP_PAD_": str(1 << 20),
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Postponed(Exception):
    """The image needs more memory than there is now; it has to be handed over again."""


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """What a worker found in a file.

    Attributes:
        image_id: the content's identity.
        stamp: the file as it was read.
        pictures: the pixels of each rendition that was wanted as such; none when the image was not wanted.
        facts: about the original; None when the image was not wanted.
        thumbnails: the files of thumbnails.
        features: local features, b"" where they cannot be made; None where they were not wanted.
        digest: what names the picture, `DIGEST_BYTES` bytes; None where it was not wanted.
    """

    image_id: ImageId
    stamp: Stamp
    pictures: Mapping[Array, Pixels]
    facts: ImageFacts | None
    thumbnails: Mapping[Thumbnail, bytes] = field(default_factory=dict)
    features: bytes | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How workers are set up.

    Attributes:
        limits: what one image may cost.
        timeout_s: for how long one image may have the CPU; the kernel ends a worker that takes more.
        wall_s: how long a worker may take for an answer, with the CPU or without it: one that steps back may wait for
            it far longer than it works.
        memory_bytes: what decoding one image may take, and what the large images in work at once may take together.
        priority: how far workers step back for everything else that wants the CPU.
        idle_s: how long a worker without work is kept.
        standby: whether one is started before there is work, and kept without it.
        confined: whether the kernel keeps workers from all but their job (`confinement.py`).
    """

    limits: DecodeLimits
    timeout_s: float = 30.0
    wall_s: float = 600.0
    memory_bytes: int = 2 << 30
    priority: Priority = Priority.NORMAL
    idle_s: float = 60.0
    standby: bool = True
    confined: bool = True


class Handler:
    """Used by one thread; only `close` may come from another.

    Attributes:
        lost: workers that crashed, or were killed for a limit or an answer that makes no sense.
    """

    def __init__(self, settings: WorkerSettings, decode: Decoder) -> None:
        self._settings = settings
        self._decode = decode
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._closed = False
        self._unconfined: tuple[str, ...] = ()
        self.lost = 0

    def file(self, fd: int, wanted: Wanted, admit: Admit) -> DecodedFile:
        """See `DecodePool.submit_file`.

        Args:
            fd: the file, open; it stays so.
            wanted: what to make of this content; gives the same answer when it is asked again.
            admit: whether so many bytes of memory may be taken now.

        Raises:
            Postponed: they may not.
        """
        found = self._ask({"do": "file"}, b"", answers.identity, file=fd)
        try:
            renditions = list(wanted(found.image_id))
        except BaseException:
            self._tell({"do": "skip"})
            raise
        if not renditions:
            self._tell({"do": "skip"})
            return DecodedFile(found.image_id, found.stamp, {}, None)
        decoded = self._decoded("decode", b"", renditions, admit)
        return DecodedFile(
            found.image_id,
            found.stamp,
            decoded.pictures,
            decoded.facts,
            decoded.thumbnails,
            decoded.features,
            decoded.digest,
        )

    def blob(self, data: bytes, wanted: Sequence[Rendition], admit: Admit) -> Decoded:
        """See `DecodePool.submit_bytes`, and `file`."""
        check_bytes(len(data), self._settings.limits)
        return self._decoded("bytes", data, wanted, admit)

    def warm_up(self) -> None:
        """Start the worker before the first image comes, and log what it is not kept from. A failure is reported by
        that image."""
        try:
            self._ready()
        except (DecoderUnavailable, CancelledError):
            self.kill()
        for what in self._unconfined:
            log.warning("decode workers are not kept from %s", what)

    def kill(self) -> None:
        """End the worker; the next image gets a new one."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def close(self) -> None:
        """End the worker, whatever it does, for good."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.process.kill()

    def _decoded(self, do: str, data: bytes, wanted: Sequence[Rendition], admit: Admit) -> Decoded:
        max_body = sum(map(max_bytes, wanted))

        def parse(message: Message) -> Decoded | Needs:
            return answers.decoded(message, wanted)

        answer = self._ask({"do": do, "wanted": [to_json(one) for one in wanted]}, data, parse, max_body)
        if isinstance(answer, Needs):
            if not admit(answer.memory):
                self._tell({"do": "skip"})
                raise Postponed
            answer = self._ask({"do": "decode"}, b"", parse, max_body)
            if isinstance(answer, Needs):
                raise self._senseless("it asked for memory twice")
        return answer

    def _ask(
        self,
        header: dict[str, Any],
        body: bytes,
        parse: Callable[[Message], T],
        max_body: int = 0,
        file: int | None = None,
    ) -> T:
        """Send, and wait for the answer within the time limit; a worker that does not answer well is replaced."""
        child = self._child if header["do"] == "decode" else self._ready()
        if child is None:
            raise CancelledError
        wall_s = self._settings.wall_s
        deadline = time.monotonic() + wall_s
        try:
            child.channel.send(header, body, wall_s, file)
            return parse(child.channel.receive(max(0.0, deadline - time.monotonic()), max_body))
        except TimeoutError as error:
            self._lose()
            raise _too_slow(wall_s) from error
        except ChannelClosed as error:
            raise self._crashed() from error
        except (ChannelGarbled, *answers.NONSENSE) as error:
            raise self._senseless(error) from error

    def _senseless(self, why: object) -> ImageRejected:
        self._lose()
        return ImageRejected(Reason.CRASHED, f"the decoder gave an answer that makes no sense: {why}")

    def _lose(self) -> None:
        self.lost += 1
        self.kill()

    def _tell(self, header: dict[str, Any]) -> None:
        if self._child is not None:
            try:
                self._child.channel.send(header, timeout=self._settings.wall_s)
            except (ChannelClosed, TimeoutError):
                self.kill()

    def _crashed(self) -> ImageRejected | CancelledError:
        if self._closed:
            self.kill()
            return CancelledError()
        self.lost += 1
        status = self._wait()
        if status is None:
            return ImageRejected(Reason.CRASHED, "the decoder stopped answering on this file, and did not end")
        if status == -signal.SIGPROF:
            return _too_slow(self._settings.timeout_s)
        if status == -signal.SIGKILL:
            # A decoder that fails ends by another signal: this one comes from the kernel, short of memory, or a person.
            return ImageRejected(Reason.KILLED, "its decoder was killed again and again: is there too little memory?")
        return ImageRejected(Reason.CRASHED, f"the decoder crashed on this file ({status_text(status)})")

    def _wait(self) -> int | None:
        """The exit status of a worker that closed its channel; None if it did not end by itself, and was killed."""
        child = self._child
        if child is None:
            return 0
        status: int | None
        try:
            status = child.process.wait(timeout=min(_END_S, self._settings.wall_s))
        except subprocess.TimeoutExpired:
            child.kill()
            status = None
        child.channel.close()
        self._child = None
        return status

    def _ready(self) -> Child:
        """The worker, started if there is none. One that ends while it starts says nothing about the file."""
        if self._child is not None and self._child.alive():
            return self._child
        failure: Exception | None = None
        for _ in range(_STARTS):
            try:
                return self._start()
            except (ChannelClosed, ChannelGarbled, TimeoutError) as error:
                failure = error
                self.kill()
                if self._closed:
                    raise CancelledError from error
        what = "no decode worker starts; what they said is on the daemon's standard error"
        raise DecoderUnavailable(what) from failure

    def _start(self) -> Child:
        self.kill()
        with self._lock:
            if self._closed:
                raise CancelledError
            try:
                self._child = child = spawn("simd.featurize.workers.worker", extra=_ENVIRONMENT)
            except OSError as error:
                raise DecoderUnavailable(f"no decode worker can be started: {error.strerror}") from error
        settings = self._settings
        child.channel.send(
            {
                "decode": f"{self._decode.__module__}:{self._decode.__qualname__}",
                "limits": dataclasses.asdict(settings.limits),
                "timeout_s": settings.timeout_s,
                "memory_bytes": settings.memory_bytes,
                "priority": settings.priority,
                "confined": settings.confined,
            }
        )
        self._unconfined = answers.unconfined(child.channel.receive(_START_TIMEOUT_S, 0))
        return child


def _too_slow(seconds: float) -> ImageRejected:
    what = f"it was not done after {seconds:g} s; raise `decode_timeout_s` to allow more"
    return ImageRejected(Reason.TIMEOUT, what)
