"""The trunk of the default model in OpenVINO, straight from its parameters: what descriptors are made of, in one pass.

Parameters go by the names of `training/network.py` and have PyTorch's layout: `stem.kernel`, `blocks.3.depthwise.bias`,
`head.kernel`. Of a picture, uint8 `(224, 224, 3)`, it makes 3024 numbers: the means of the head's 1280 channels, then
the 1744 that the model's layer takes: unit vectors of GeM (p = 3) of the head, and of GeM and mean of the outputs of
blocks 4, 7 and 10 (from 0).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from simd.featurize.engines.openvino import import_openvino
from simd.featurize.models.weights import lite0_file, read_weights
from simd.types import Pixels

Weights = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float32]

SIDE = 224
HEAD, FEATURES = 1280, 1744
_LEVELS = (4, 7, 10)
_EPSILON = 1e-6

# (repeats, stride of the first, channels out)
_STAGES = ((1, 1, 16), (2, 2, 24), (2, 2, 40), (3, 2, 80), (3, 1, 112), (4, 2, 192), (1, 1, 320))


class Trunk:
    """The network, compiled for one picture a request.

    Args:
        weights: by name; more than the trunk's may be there.
        threads: cores to use.
    """

    def __init__(self, weights: Weights, threads: int) -> None:
        self._ov = import_openvino()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": threads,
            "INFERENCE_NUM_THREADS": threads,
        }
        self._compiled = self._ov.Core().compile_model(_network(self._ov, weights), "CPU", settings)
        self._requests = 2 * threads

    def run(self, pixels: Pixels) -> tuple[Floats, float]:
        """float32 `(n, 3024)` for uint8 `(n, 224, 224, 3)`, and the milliseconds of CPU that one took."""
        out = np.empty((len(pixels), HEAD + FEATURES), np.float32)
        queue = self._ov.AsyncInferQueue(self._compiled, self._requests)

        def store(request: Any, row: int) -> None:
            out[row] = request.get_output_tensor(0).data[0]

        queue.set_callback(store)
        began = time.process_time()
        for row, picture in enumerate(pixels):
            queue.start_async({0: picture[np.newaxis]}, row)
        queue.wait_all()
        return out, 1000 * (time.process_time() - began) / max(1, len(pixels))


def imagenet() -> Weights:
    """The trunk as ImageNet left it, with its batch normalisations folded."""
    raw = read_weights(lite0_file())
    found: dict[str, npt.NDArray[Any]] = {}

    def fold(to: str, name: str, norm: str) -> None:
        gamma, beta, mean, variance = (
            raw[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + 1e-3)
        found[f"{to}.kernel"] = (raw[f"{name}.weight"] * scale[:, None, None, None]).astype(np.float32)
        found[f"{to}.bias"] = (beta - mean * scale).astype(np.float32)

    fold("stem", "_conv_stem", "_bn0")
    fold("head", "_conv_head", "_bn1")
    for index, _, _ in _blocks():
        block = f"_blocks.{index}"
        if f"{block}._expand_conv.weight" in raw:
            fold(f"blocks.{index}.expand", f"{block}._expand_conv", f"{block}._bn0")
        fold(f"blocks.{index}.depthwise", f"{block}._depthwise_conv", f"{block}._bn1")
        fold(f"blocks.{index}.project", f"{block}._project_conv", f"{block}._bn2")
    return found


def _blocks() -> Iterator[tuple[int, int, bool]]:
    """Each block's number, its stride, and whether its input is added to its output."""
    index, channels = 0, 32
    for repeats, first, out in _STAGES:
        for repeat in range(repeats):
            stride = first if repeat == 0 else 1
            yield index, stride, stride == 1 and channels == out
            index, channels = index + 1, out


def _network(ov: Any, weights: Weights) -> Any:
    from openvino import opset13 as ops

    def convolution(x: Any, name: str, stride: int = 1, activate: bool = True) -> Any:
        kernel = weights[f"{name}.kernel"].astype(np.float32)
        way: list[Any] = [[stride, stride], [0, 0], [0, 0], [1, 1], "same_upper"]
        if name.endswith("depthwise"):
            y = ops.group_convolution(x, kernel[:, np.newaxis], *way)
        else:
            y = ops.convolution(x, kernel, *way)
        y = ops.add(y, weights[f"{name}.bias"].astype(np.float32).reshape(1, -1, 1, 1))
        return ops.clamp(y, 0.0, 6.0) if activate else y

    def mean(x: Any) -> Any:
        return ops.reduce_mean(x, np.array([2, 3]), keep_dims=False)

    def gem(x: Any) -> Any:
        cubes = mean(ops.multiply(ops.multiply(x, x), x))
        return ops.power(ops.maximum(cubes, np.float32(_EPSILON**2)), np.float32(1 / 3))

    def unit(x: Any) -> Any:
        return ops.normalize_l2(x, np.array([1]), 1e-24, "max")

    pixels = ops.parameter([1, SIDE, SIDE, 3], np.uint8, name="pixels")
    x = ops.transpose(ops.convert(pixels, np.float32), np.array([0, 3, 1, 2]))
    x = ops.divide(ops.subtract(x, np.float32(127)), np.float32(128))
    x = convolution(x, "stem", stride=2)
    levels = []
    for index, stride, residual in _blocks():
        name = f"blocks.{index}"
        y = convolution(x, f"{name}.expand") if f"{name}.expand.kernel" in weights else x
        y = convolution(y, f"{name}.depthwise", stride)
        y = convolution(y, f"{name}.project", activate=False)
        x = ops.add(x, y) if residual else y
        if index in _LEVELS:
            levels.append(x)
    head = convolution(x, "head")
    parts = [mean(head), unit(gem(ops.maximum(head, np.float32(_EPSILON))))]
    for level in levels:
        parts += [unit(gem(ops.abs(level))), unit(mean(level))]
    return ov.Model([ops.concat(parts, 1)], [pixels], "trunk")
