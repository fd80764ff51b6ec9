"""The backbone on a CPU, by OpenVINO, straight from the SavedModel.

Computes in float32: the default on recent CPUs is bfloat16, which puts wrong neighbours first. Every request holds
one picture, because larger batches cost more per picture here (9.9 ms at 8, 8.4 ms at 1); a batch is spread over
streams instead. There are more requests than streams, so that a stream finds its next picture without asking Python.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from simd.errors import ModelError
from simd.featurize.engines.base import Batch, Raw
from simd.featurize.engines.cpu import require
from simd.featurize.models.spec import Model, ModelSpec
from simd.types import Pixels

_REQUESTS_PER_STREAM = 8
"""They cost little more than a picture each: what it needs on its way through the network belongs to the stream."""


class OpenVinoEngine:
    """A compiled backbone.

    Args:
        model: what to load.
        threads: cores to use.
        throughput: True spreads many pictures over one stream a core (indexing); False puts all cores to one
            picture (queries).

    Raises:
        ModelError: OpenVINO cannot read the model, or it is not what its specification says.
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, model: Model, *, threads: int, throughput: bool) -> None:
        self._spec = model.spec
        streams = max(1, threads) if throughput else 1
        compiled = _compile(model.spec, model.directory, max(1, threads), streams)
        self._count = streams * _REQUESTS_PER_STREAM if throughput else 1
        self._closed = False
        self._free = threading.Condition()
        self._requests = [_Request(compiled) for _ in range(self._count)]

    def run(self, pixels: Batch) -> Raw:
        """The backbone's output for each picture, in their order; calls share the streams, or take turns."""
        count = len(pixels)
        out = np.empty((count, self._spec.dimension), np.float32)
        with self._borrowed(count) as requests:
            try:
                for start in range(0, count, len(requests)):
                    _run(requests, pixels[start : start + len(requests)], out[start:])
            except RuntimeError as error:
                for request in requests:
                    with suppress(RuntimeError):
                        request.wait()
                raise ModelError(f"OpenVINO failed on the model {self._spec.name}: {error}") from error
        return out

    def close(self) -> None:
        """Free the compiled model, once calls under way have ended."""
        with self._free:
            self._closed = True
            self._free.notify_all()
            self._free.wait_for(lambda: len(self._requests) == self._count)
            self._requests, self._count = [], 0

    @contextmanager
    def _borrowed(self, wanted: int) -> Iterator[list[_Request]]:
        """As many idle requests as are wanted and there are, but one at least."""
        with self._free:
            self._free.wait_for(lambda: self._requests or self._closed)
            if self._closed:
                raise ModelError("the engine is closed")
            borrowed = self._requests[: max(1, wanted)]
            del self._requests[: len(borrowed)]
        try:
            yield borrowed
        finally:
            with self._free:
                self._requests += borrowed
                self._free.notify_all()


class _Request:
    """One picture on its way.

    It goes into the request's own memory: having the request borrow the caller's takes 140 us more of Python. There are
    no callbacks, because one that is still ending waits for the GIL, which whoever frees the model holds.
    """

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self._pixels = self._request.get_input_tensor(0).data

    def start(self, pixels: Pixels) -> None:
        """Begin with a picture."""
        self._pixels[0] = pixels
        self._request.start_async()

    def wait(self) -> None:
        """Return once it is done."""
        self._request.wait()

    def result(self) -> Raw:
        """The backbone's output `(dimension,)`, once it is done; valid until the next start."""
        found: Raw = self._request.get_output_tensor(0).data[0]
        return found


def _run(requests: Sequence[_Request], pixels: Batch, out: Raw) -> None:
    """One picture a request, its result into the row of `out`."""
    busy = requests[: len(pixels)]
    for request, picture in zip(busy, pixels, strict=True):
        request.start(picture)
    # The last one first: the others have mostly ended by then, and need not wake this thread once more.
    for request in reversed(busy):
        request.wait()
    for row, request in enumerate(busy):
        out[row] = request.result()


def import_openvino() -> Any:
    """The `openvino` package, without its telemetry.

    With it, the import alone writes an identifier of the user into the home directory, and fails where there is none.
    """
    require("openvino")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


def _compile(spec: ModelSpec, directory: Path, threads: int, streams: int) -> Any:
    """The model with uint8 input of one picture, the value range applied inside."""
    ov = import_openvino()
    from openvino.preprocess import PrePostProcessor

    core = ov.Core()
    try:
        # Not convert_model: that one starts telemetry.
        network = core.read_model(str(directory))
        steps = PrePostProcessor(network)
        steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        steps.input().model().set_layout(ov.Layout(spec.layout))
        convert = steps.input().preprocess().convert_element_type(ov.Type.f32)
        if not spec.scaling.none:
            convert.mean(list(spec.scaling.centre)).scale(list(spec.scaling.spread))
        network = steps.build()
        network.reshape([1, *spec.size, 3])
        if len(network.outputs) > 1:
            network = ov.Model([network.output(spec.output)], network.get_parameters())
        compiled = core.compile_model(
            network,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "THROUGHPUT" if streams > 1 else "LATENCY",
                "NUM_STREAMS": streams,
                "INFERENCE_NUM_THREADS": threads,
            },
        )
        shape = list(compiled.output(0).shape)
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        # What it could not convert is in a list; anything else is said last.
        reason = next((line.removeprefix("-- ") for line in lines if line.startswith("-- ")), lines[-1])
        raise ModelError(f"OpenVINO cannot load the model {spec.name} from {directory}: {reason}") from error
    if shape != [1, spec.dimension]:
        raise ModelError(f"the model {spec.name} puts out {shape}, not [1, {spec.dimension}] as its specification says")
    return compiled
