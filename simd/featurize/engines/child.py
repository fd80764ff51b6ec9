"""The TensorFlow engine in a process of its own, over a channel.

The process starts at the first use and ends itself when it was idle for a while, which is the only way that GPU
memory comes back. If it dies between two calls, the next call starts another; if it dies during a call, that call
fails with a `ModelError` and the one after starts another.

Run as `python -m simd.featurize.engines.child`, this file is the child's side.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from simd.errors import ModelError, SimdError
from simd.featurize.engines.base import Batch, Raw
from simd.featurize.engines.cpu import require
from simd.featurize.models.spec import Model, spec_from
from simd.featurize.priority import Priority, step_all_back
from simd.featurize.workers.channel import Channel, ChannelClosed, Message
from simd.featurize.workers.process import Child, inherited, spawn, status_text
from simd.types import Pixels

_log = logging.getLogger(__name__)


class ChildEngine:
    """A backbone that TensorFlow runs in a child process. Calls take turns.

    Args:
        model: what to load.
        device: "gpu" or "cpu".
        idle_s: after how many seconds without work the process ends; None keeps it.
        signature: which of the SavedModel's functions to run.
        timeout_s: how long the start, and how long one call, may take.
        priority: how far the process steps back for whoever wants the CPU, once it is loaded.
    """

    name = "tensorflow"

    def __init__(
        self,
        model: Model,
        *,
        device: str,
        idle_s: float | None = 60.0,
        signature: str = "serving_default",
        timeout_s: float = 300.0,
        priority: Priority = Priority.NORMAL,
    ) -> None:
        self.device = device
        self._model = model
        self._idle_s = idle_s
        self._signature = signature
        self._timeout_s = timeout_s
        self._priority = priority
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._stderr: IO[bytes] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process id of the child, if one runs."""
        child = self._child
        return child.process.pid if child is not None and child.alive() else None

    def start(self) -> None:
        """Load the model now rather than at the first use.

        Raises:
            ModelError: the process or the model in it does not start.
        """
        with self._lock:
            self._ready()

    def run(self, pixels: Batch) -> Raw:
        """The function's output for each picture, in their order.

        Raises:
            ModelError: the engine failed, died, took too long, or was closed.
        """
        together = np.ascontiguousarray(pixels)
        header = {"shape": list(together.shape)}
        with self._lock:
            try:
                self._send(self._ready(), header, together)
            except ChannelClosed:
                # It ended itself, being idle, between the look and the sending.
                self._discard()
                self._send(self._ready(), header, together)
            answer = self._answer()
        return np.frombuffer(answer.body, np.float32).reshape(answer.header["shape"])

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closed = True
            self._discard()

    def _send(self, child: Child, header: dict[str, Any], pixels: Pixels) -> None:
        try:
            child.channel.send(header, pixels.data, self._timeout_s)
        except TimeoutError as error:
            self._discard()
            raise self._silent() from error

    def _silent(self) -> ModelError:
        return ModelError(f"the {self.device} engine did not answer for {self._timeout_s:.0f} s")

    def _ready(self) -> Child:
        if self._closed:
            raise ModelError("the engine is closed")
        if self._child is not None and self._child.alive():
            return self._child
        self._discard()
        self._stderr = tempfile.TemporaryFile()
        self._child = spawn("simd.featurize.engines.child", extra={"TF_CPP_MIN_LOG_LEVEL": "2"}, stderr=self._stderr)
        self._child.channel.send(
            {
                "spec": dataclasses.asdict(self._model.spec),
                "directory": str(self._model.directory),
                "device": self.device,
                "signature": self._signature,
                "idle_s": self._idle_s,
                "priority": self._priority,
            }
        )
        try:
            self._answer()
        except ModelError:
            self._discard()
            raise
        return self._child

    def _answer(self) -> Message:
        """What the child says; a child that says nothing good is ended."""
        if self._child is None:
            raise ModelError("the engine is closed")
        try:
            answer = self._child.channel.receive(self._timeout_s)
        except TimeoutError as error:
            self._discard()
            raise self._silent() from error
        except ChannelClosed as error:
            status = self._child.kill()
            said = self._last_words()
            self._discard()
            raise ModelError(f"the {self.device} engine's process ended ({status_text(status)}): {said}") from error
        if "error" in answer.header:
            raise ModelError(answer.header["error"])
        return answer

    def _last_words(self) -> str:
        if self._stderr is None:
            return "it said nothing"
        self._stderr.seek(0)
        lines = self._stderr.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _discard(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None


def main() -> None:
    """The child: load once, then answer until the channel closes or nobody asked for a while."""
    channel = inherited()
    try:
        first = channel.receive().header
        _serve(channel, first)
    except (ChannelClosed, TimeoutError):
        sys.exit(0)


def _serve(channel: Channel, first: dict[str, Any]) -> None:
    spec = spec_from(first["spec"])
    try:
        require("tensorflow")
        from simd.featurize.engines.tensorflow import TensorFlowEngine

        engine = TensorFlowEngine(spec, Path(first["directory"]), device=first["device"], signature=first["signature"])
    except SimdError as error:
        channel.send({"error": str(error)})
        return
    step_all_back(Priority(first["priority"]))
    channel.send({"ready": True})
    while True:
        request = channel.receive(first["idle_s"])
        pixels = np.frombuffer(request.body, np.uint8).reshape(request.header["shape"])
        try:
            out = np.ascontiguousarray(engine.run(pixels))
        except SimdError as error:
            channel.send({"error": str(error)})
        else:
            channel.send({"shape": list(out.shape)}, out.data)


if __name__ == "__main__":
    main()
