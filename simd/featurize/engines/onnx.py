"""An ONNX file on a CPU, by onnxruntime: the only file that imports it, and it does so late.

One picture a run, as many runs at once as there are threads for indexing: so a query and indexing compute the very
same numbers, and a model whose batch size is fixed to one runs too.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simd.errors import ModelError
from simd.featurize.engines.base import Batch, Raw
from simd.featurize.engines.cpu import require
from simd.featurize.models.spec import Model

_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_PREFERRED = ("embedding", "feature_vector")
_ERRORS_ONLY = 3


class OnnxEngine:
    """A loaded ONNX model.

    Args:
        model: what to load.
        threads: cores to use.
        throughput: True gives each core a picture of its own (indexing); False puts all cores to one picture (queries).

    Raises:
        ModelError: onnxruntime is not installed or cannot load the model, or it is not what its specification says.
    """

    name = "onnxruntime"
    device = "cpu"

    def __init__(self, model: Model, *, threads: int, throughput: bool) -> None:
        spec = model.spec
        self._spec = spec
        self._session = _session(model.directory / spec.file, threads=1 if throughput else max(1, threads))
        self._input = self._session.get_inputs()[0].name
        self._type = _TYPES[self._session.get_inputs()[0].type]
        self._pool = _pool(max(1, threads) if throughput else 1)
        self._lock = threading.Lock()
        self._closed = False
        found = self.run(np.zeros((1, *spec.size, 3), np.uint8)).shape
        if found != (1, spec.dimension):
            self.close()
            raise ModelError(f"the model {spec.name} puts out {found}, not (1, {spec.dimension}) as it is described")

    def run(self, pixels: Batch) -> Raw:
        """The backbone's output for each picture, in their order; calls take turns."""
        with self._lock:
            if self._closed:
                raise ModelError("the engine is closed")
            return np.concatenate(list(self._pool.map(self._one, pixels)))

    def close(self) -> None:
        """Free the model."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._pool.shutdown()
                del self._session

    def _one(self, picture: npt.NDArray[np.uint8]) -> Raw:
        ready: npt.NDArray[Any] = picture if self._type is np.uint8 else self._spec.scaling.apply(picture)
        if self._spec.layout == "NCHW":
            ready = ready.transpose(2, 0, 1)
        feed = {self._input: np.ascontiguousarray(ready[None], dtype=self._type)}
        return np.asarray(_run(self._session, self._spec.output, feed, self._spec.name), np.float32)


def _pool(count: int) -> ThreadPoolExecutor:
    """Threads that run already, and so have the priority of whoever opens the engine, not of whoever uses it first."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="onnx")
    together = threading.Barrier(count)
    for each in [pool.submit(together.wait) for _ in range(count)]:
        each.result()
    return pool


def inspect(file: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """What an ONNX file says of itself.

    Args:
        file: the model.
        told: what is known of its specification: the input size where the model leaves it open, `output` where it has
            more than one.

    Returns:
        `input_height`, `input_width`, `layout`, `dimension`, `output`, and `value_range` where the input is bytes.

    Raises:
        ModelError: onnxruntime is not installed, or the model is no function from pictures to vectors.
    """
    session = _session(file, threads=1)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in _TYPES or len(inputs[0].shape) != 4:
        wanted = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
        raise ModelError(f"the model {file} takes {wanted}, not pictures alone", field="model")
    layout, size = _size(file, inputs[0].shape, told)
    output = _output(file, session.get_outputs(), told)
    picture = (3, *size) if layout == "NCHW" else (*size, 3)
    blank = np.zeros((1, *picture), _TYPES[inputs[0].type])
    found = _run(session, output, {inputs[0].name: blank}, str(file))
    if found.ndim != 2:
        raise ModelError(f"the output {output} of the model {file} is {found.shape}, not (n, dimension)", field="model")
    facts = {"input_height": size[0], "input_width": size[1], "layout": layout, "output": output}
    return {**facts, "dimension": found.shape[1], **({"value_range": (0.0, 255.0)} if blank.dtype == np.uint8 else {})}


def _session(file: Path, *, threads: int) -> Any:
    require("onnxruntime")
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(
            f"the model {file} needs onnxruntime, which is not installed",
            field="model",
            remedy="run `pip install 'simd-images[onnx]'`",
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Idle threads would otherwise spin, and take the cores from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # Its exceptions have no other class in common.
        raise ModelError(f"onnxruntime cannot load the model {file}: {_reason(error)}", field="model") from error


def _run(session: Any, output: str, feed: Mapping[str, Any], name: str) -> npt.NDArray[Any]:
    try:
        [found] = session.run([output], dict(feed))
    except Exception as error:  # Its exceptions have no other class in common.
        raise ModelError(f"onnxruntime failed on the model {name}: {_reason(error)}") from error
    return np.asarray(found)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or repr(error)


def _size(file: Path, shape: list[Any], told: Mapping[str, Any]) -> tuple[str, tuple[int, int]]:
    """The order of the input's axes, and the height and width of its pictures."""
    if 3 not in (shape[1], shape[3]):
        raise ModelError(f"the model {file} takes {shape}: no axis is the three colours", field="model")
    layout = "NHWC" if shape[3] == 3 else "NCHW"
    height, width = shape[1:3] if layout == "NHWC" else shape[2:4]
    height = height if isinstance(height, int) else told.get("input_height")
    width = width if isinstance(width, int) else told.get("input_width")
    if height is None or width is None:
        raise ModelError(
            f"the model {file} takes pictures of any size, and nothing says which it was trained for",
            field="model",
            remedy=f"say input_height and input_width in {file.name}.json",
        )
    return layout, (height, width)


def _output(file: Path, outputs: list[Any], told: Mapping[str, Any]) -> str:
    names = [each.name for each in outputs if len(each.shape) == 2] or [each.name for each in outputs]
    for wanted in (told["output"],) if "output" in told else _PREFERRED:
        if wanted in names:
            return wanted
    if len(names) != 1 or "output" in told:
        raise ModelError(
            f"which output of the model {file} is the embedding cannot be told: {', '.join(names)}",
            field="model",
            remedy=f"say `output` in {file.name}.json",
        )
    return str(names[0])
