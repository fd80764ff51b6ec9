"""The decode worker's side: `python -m simd.featurize.workers.worker`, started by `DecodePool` and by nothing else.

Reads, hashes and decodes one image at a time, within limits that the kernel enforces, and says what it found. It holds
nothing that its death would lose: it may crash, hang or be killed at any instruction.

A file, message by message: `{"do": "file"}` + the open file; `{"image_id", "stamp"}` back; `{"do": "decode", "wanted"}`
or `{"do": "skip"}`; `{"facts", "shapes"}` + each of the wanted renditions back.
Bytes: `{"do": "bytes", "wanted"}` + the bytes; the same back.
Before a large image is decoded: `{"needs": bytes of memory}`; `{"do": "decode"}` or `{"do": "skip"}` back. In place of
any answer: `{"rejected": [reason, detail]}`, `{"changed": true}`.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import signal
import sys
from typing import Any

from PIL import AvifImagePlugin

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.decode import SNIFF_BYTES, DecodeLimits, Rendered, check_start
from simd.featurize.decode.renditions import from_json
from simd.featurize.priority import Priority, step_back
from simd.featurize.workers.channel import Channel, ChannelClosed
from simd.featurize.workers.confinement import confine, limit
from simd.featurize.workers.files import FileInFlux, read_file
from simd.featurize.workers.process import die_with_parent, inherited
from simd.types import image_id_of

_SMALL_BYTES = 32 << 20
"""An image that takes no more memory than this is decoded without asking."""


class Skipped(Exception):
    """There is no memory for a large image now."""


class Worker:
    """Answers jobs until the channel closes.

    Args:
        channel: to the parent.
        decode: `decode.render`, or what a test puts in its place.
        limits: what one image may cost.
        timeout_s: for how long one image may have the CPU.
    """

    def __init__(self, channel: Channel, decode: Any, limits: DecodeLimits, timeout_s: float) -> None:
        self._channel = channel
        self._decode = decode
        self._limits = limits
        self._timeout_s = timeout_s

    def run(self) -> None:
        """Serve; ends with `ChannelClosed`."""
        while True:
            # CPU time of all threads. SIGPROF ends the process then, as nobody handles it.
            signal.setitimer(signal.ITIMER_PROF, self._timeout_s)
            job = self._channel.receive()
            try:
                if job.header["do"] == "file":
                    self._file(job.file)
                else:
                    self._pictures(job.body, job.header["wanted"])
            except ImageRejected as rejected:
                self._channel.send({"rejected": [rejected.reason, rejected.detail]})
            except FileInFlux:
                self._channel.send({"changed": True})
            except Skipped:
                continue
            except MemoryError:
                self._channel.send({"rejected": [Reason.OUT_OF_MEMORY, "the file does not fit in memory"]})

    def _file(self, fd: int | None) -> None:
        if fd is None:
            raise ImageRejected(Reason.FAILED, "the file did not come with the message")
        try:
            content = read_file(fd, lambda size, start: check_start(size, start, self._limits), SNIFF_BYTES)
        finally:
            os.close(fd)
        stamp = dataclasses.astuple(content.stamp)
        self._channel.send({"image_id": image_id_of(content.data).hex(), "stamp": stamp})
        answer = self._channel.receive().header
        if answer["do"] == "decode":
            self._pictures(content.data, answer["wanted"])

    def _pictures(self, data: bytes, wanted: list[list[Any]]) -> None:
        renditions = [from_json(said) for said in wanted]
        done: Rendered = self._decode(data, renditions, self._limits, _Leave(self._channel))
        parts = [made if isinstance(made, bytes) else made.data for made in done.made]
        shapes = [[len(made)] if isinstance(made, bytes) else made.shape for made in done.made]
        facts = dataclasses.astuple(done.facts)
        self._channel.send({"facts": facts, "shapes": shapes}, parts[0] if len(parts) == 1 else b"".join(parts))


class _Leave:
    """Asks the parent for leave to decode a large image, once."""

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
        limit(setup["memory_bytes"])
        step_back(Priority(setup["priority"]))
        # What the C libraries say about hostile files is noise that anybody could write into the log.
        silence = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        left = confine() if setup["confined"] else ()
        channel.send({"ready": True, "left": left})
        os.dup2(silence, 2)
        Worker(channel, decode, DecodeLimits(**setup["limits"]), setup["timeout_s"]).run()
    except ChannelClosed:
        sys.exit(0)


if __name__ == "__main__":
    main()
