"""An embedded model as an ONNX file: what builds it in TensorFlow is given this in TensorFlow's place.

Every operation that the network uses adds a node to a graph. Images are NCHW here, as ONNX's convolutions want them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from simd.featurize.models.network import SIZE


def write(build: Callable[[Any], Any], dimension: int, file: Path) -> None:
    """Write a model from pictures to its embedding.

    Args:
        build: makes its module, given TensorFlow.
        dimension: of the embedding.
        file: to be written.
    """
    recorder = Recorder()
    output = build(recorder).embed(Value(recorder, "images"))["feature_vector"]
    graph = helper.make_graph(
        [*recorder.nodes, helper.make_node("Identity", [output.name], ["feature_vector"])],
        "network",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("feature_vector", TensorProto.FLOAT, ["n", dimension])],
        recorder.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(file))


@dataclass(frozen=True)
class Value:
    """A tensor of the graph."""

    recorder: Recorder
    name: str

    def __add__(self, other: Any) -> Value:
        return self.recorder.node("Add", self, other)

    def __sub__(self, other: Any) -> Value:
        return self.recorder.node("Sub", self, other)

    def __mul__(self, other: Any) -> Value:
        return self.recorder.node("Mul", self, other)

    def __matmul__(self, other: Any) -> Value:
        return self.recorder.node("MatMul", self, other)

    def __truediv__(self, other: Any) -> Value:
        return self.recorder.node("Div", self, other)


class Recorder:
    """What the network needs of TensorFlow: its `nn`, and some functions of its own."""

    float32 = None

    def __init__(self) -> None:
        self.nn = self
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, operation: str, *inputs: Any, **attributes: Any) -> Value:
        """Add a node; numbers and arrays among its inputs become constants."""
        names = [each.name if isinstance(each, Value) else self._constant(np.float32(each)) for each in inputs]
        return self.named(operation, names, **attributes)

    def named(self, operation: str, names: Sequence[str], **attributes: Any) -> Value:
        """Add a node whose inputs are there, by their names."""
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [output], **attributes))
        return Value(self, output)

    def _constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def Variable(self, value: Any, **_: Any) -> Any:
        return value

    def Module(self, **_: Any) -> Any:
        return type("Module", (), {})()

    def TensorSpec(self, *_: Any, **__: Any) -> None:
        return None

    def function(self, function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        return function

    def conv2d(self, x: Value, kernel: npt.NDArray[np.float32], *, strides: Sequence[int], padding: str) -> Value:
        return self._convolve(x, kernel.transpose(3, 2, 0, 1), strides, padding, 1)

    def depthwise_conv2d(
        self, x: Value, kernel: npt.NDArray[np.float32], *, strides: Sequence[int], padding: str
    ) -> Value:
        return self._convolve(x, kernel.transpose(2, 3, 0, 1), strides, padding, kernel.shape[2])

    def _convolve(self, x: Value, kernel: Any, strides: Sequence[int], padding: str, group: int) -> Value:
        pad = f"{padding}_UPPER"
        return self.node("Conv", x, np.ascontiguousarray(kernel), strides=strides[1:3], auto_pad=pad, group=group)

    def bias_add(self, x: Value, bias: npt.NDArray[np.float32]) -> Value:
        return self.node("Add", x, bias[:, None, None])

    def relu6(self, x: Value) -> Value:
        return self.node("Clip", x, 0.0, 6.0)

    def maximum(self, x: Value, least: float) -> Value:
        return self.node("Max", x, least)

    def pow(self, x: Value, exponent: float) -> Value:
        return self.node("Pow", x, exponent)

    def sqrt(self, x: Value) -> Value:
        return self.node("Sqrt", x)

    def abs(self, x: Value) -> Value:
        return self.node("Abs", x)

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        return self.node("Concat", *values, axis=axis)

    def reduce_sum(self, x: Value, axis: int, keepdims: bool) -> Value:
        axes = self._constant(np.array([axis], np.int64))
        return self.named("ReduceSum", [x.name, axes], keepdims=int(keepdims))

    def reduce_mean(self, x: Value, axis: Sequence[int]) -> Value:
        assert list(axis) == [1, 2]
        return self.node("ReduceMean", x, axes=[2, 3], keepdims=0)
