"""The decode worker's side: `python -m simd.featurize.worker`, started by `workers.DecodePool` and by nothing else.

Opens, reads, hashes and decodes one image at a time, within limits that the kernel enforces, and says what it found.
It holds nothing that its death would lose: it may crash, hang or be killed at any instruction.

A file, message by message: `{"do": "file"}` + path; `{"image_id", "stamp"}` back; `{"do": "decode", "sizes"}` or
`{"do": "skip"}`; the picture in each of the sizes back. With `sizes` in the first message it is decoded at once, and
both answers are one. Bytes: `{"do": "bytes", "sizes"}` + the bytes; the picture in each of the sizes back.
Before a large image is decoded: `{"needs": bytes of memory}`; `{"do": "decode"}` or `{"do": "skip"}` back. In place of
any answer: `{"rejected": [reason, detail]}`, `{"gone": true}`, `{"changed": true}`.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import resource
import stat
import sys
from dataclasses import dataclass
from typing import Any

from PIL import AvifImagePlugin

from simd.errors import ImageRejected, Reason
from simd.featurize.channel import Channel, ChannelClosed
from simd.featurize.decode import DecodeLimits, Picture, check_bytes
from simd.featurize.priority import Priority, step_back
from simd.featurize.process import die_with_parent, inherited
from simd.types import Stamp, image_id_of

_OPEN_FILES = 64
_SMALL_BYTES = 32 << 20
"""An image that takes no more memory than this is decoded without asking."""

_Sizes = list[list[int]]
"""Height and width of each picture that is wanted."""


class FileGone(Exception):
    """The path names nothing any more."""


class FileInFlux(Exception):
    """The file was written to while it was read."""


class Skipped(Exception):
    """There is no memory for a large image now."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it was read: its bytes, and what it looked like before and after."""

    data: bytes
    stamp: Stamp


def read_file(path: bytes, limits: DecodeLimits) -> Content:
    """Read a regular file whole.

    Raises:
        ImageRejected: it cannot be read, is no regular file, is empty or too large.
        FileGone: the path names nothing.
        FileInFlux: it changed meanwhile.
    """
    try:
        # Non-blocking, because opening a fifo would otherwise wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileGone from error
    except OSError as error:
        raise _unreadable(error) from error
    try:
        return _read(fd, limits)
    except OSError as error:
        raise _unreadable(error) from error
    finally:
        os.close(fd)


def _read(fd: int, limits: DecodeLimits) -> Content:
    status = os.fstat(fd)
    stamp = Stamp.of(status)
    if not stat.S_ISREG(status.st_mode):
        raise ImageRejected(Reason.UNREADABLE, "the path is not a regular file")
    check_bytes(status.st_size, limits)
    chunks = []
    remaining = status.st_size
    while remaining and (chunk := os.read(fd, remaining)):
        chunks.append(chunk)
        remaining -= len(chunk)
    if remaining or Stamp.of(os.fstat(fd)) != stamp:
        raise FileInFlux
    data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    return Content(data, stamp)


def _unreadable(error: OSError) -> ImageRejected:
    return ImageRejected(Reason.UNREADABLE, f"the file cannot be read: {error.strerror or error}")


class Worker:
    """Answers jobs until the channel closes.

    Args:
        channel: to the parent.
        decode: `decode.decode`, or what a test puts in its place.
        limits: what one image may cost.
    """

    def __init__(self, channel: Channel, decode: Any, limits: DecodeLimits) -> None:
        self._channel = channel
        self._decode = decode
        self._limits = limits

    def run(self) -> None:
        """Serve; ends with `ChannelClosed`."""
        while True:
            job = self._channel.receive()
            try:
                if job.header["do"] == "file":
                    self._file(job.body, job.header.get("sizes"))
                else:
                    self._pictures(job.body, job.header["sizes"], {})
            except ImageRejected as rejected:
                self._channel.send({"rejected": [rejected.reason, rejected.detail]})
            except FileGone:
                self._channel.send({"gone": True})
            except FileInFlux:
                self._channel.send({"changed": True})
            except Skipped:
                continue
            except MemoryError:
                self._channel.send({"rejected": [Reason.OUT_OF_MEMORY, "the file does not fit in memory"]})

    def _file(self, path: bytes, sizes: _Sizes | None) -> None:
        content = read_file(path, self._limits)
        identity = {"image_id": image_id_of(content.data).hex(), "stamp": dataclasses.astuple(content.stamp)}
        if sizes:
            self._pictures(content.data, sizes, identity)
            return
        self._channel.send(identity)
        answer = self._channel.receive().header
        if answer["do"] == "decode":
            self._pictures(content.data, answer["sizes"], {})

    def _pictures(self, data: bytes, sizes: _Sizes, identity: dict[str, Any]) -> None:
        admit = _Leave(self._channel)
        pictures: list[Picture] = [self._decode(data, (height, width), self._limits, admit) for height, width in sizes]
        facts = pictures[0].facts
        parts = [picture.pixels.data for picture in pictures]
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._channel.send({**identity, "facts": [facts.width, facts.height, facts.format]}, body)


class _Leave:
    """Asks the parent for leave to decode a large image: once for it, in whatever sizes."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._granted = _SMALL_BYTES

    def __call__(self, memory: int) -> None:
        """Return if so many bytes may be taken.

        Raises:
            Skipped: they may not.
        """
        if memory > self._granted:
            self._channel.send({"needs": memory})
            if self._channel.receive().header["do"] != "decode":
                raise Skipped
            self._granted = 1 << 62


def confine(memory_bytes: int) -> None:
    """Let this process take `memory_bytes` more than it has now, write no file and dump no core."""
    with open("/proc/self/statm") as statm:
        in_use = int(statm.read().split()[0]) * resource.getpagesize()
    for limit, value in (
        (resource.RLIMIT_AS, in_use + memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        hard = resource.getrlimit(limit)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(limit, (value, value))


def main() -> None:
    """Set up as the parent says, say that it is ready, and serve."""
    channel = inherited()
    die_with_parent()
    try:
        setup = channel.receive().header
        module, _, name = setup["decode"].partition(":")
        decode = getattr(importlib.import_module(module), name)
        # The pool has a worker for each core already.
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1
        confine(setup["memory_bytes"])
        step_back(Priority(setup["priority"]))
        worker = Worker(channel, decode, DecodeLimits(**setup["limits"]))
        channel.send({"ready": True})
        # From here on, what the C libraries say about hostile files is noise that anybody could write into the log.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        worker.run()
    except ChannelClosed:
        sys.exit(0)


if __name__ == "__main__":
    main()
