"""EfficientNet-Lite0's network in TensorFlow's operations, whatever its weights were learned for.

A 3x3 stem (32), sixteen inverted-bottleneck blocks, a 1x1 head (1280); ReLU6 everywhere, no squeeze-and-excitation,
TensorFlow's SAME padding, pixels as `(x - 127) / 128`. TensorFlow comes as an argument, so that this file imports
nothing heavy and nothing that only one engine has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

ARCHITECTURE = "efficientnet-lite0/1: (x - 127) / 128, SAME padding, BN 1e-3 folded, ReLU6"
SIZE = 224
HEAD = 1280
"""Channels of the head."""

_GEM_P = 3.0
_GEM_EPSILON = 1e-6
_Layer = Callable[[Any], Any]

Parameters = Mapping[str, npt.NDArray[np.float32]]
"""`stem.kernel`, `stem.bias`, `blocks.0.depthwise.kernel`, `blocks.0.project.kernel`, `blocks.1.expand.kernel`, ...,
`head.kernel`, `head.bias`: batch normalisation folded in, kernels in PyTorch's layout (out, in, h, w)."""

# (repeats, stride of the first, expansion, channels out); the sizes of kernels are those of the parameters.
_STAGES = ((1, 1, 1, 16), (2, 2, 6, 24), (2, 2, 6, 40), (3, 2, 6, 80), (3, 1, 6, 112), (4, 2, 6, 192), (1, 1, 6, 320))


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted bottleneck: expanded, convolved channel by channel, projected; `residual`: added to its input."""

    name: str
    stride: int
    expands: bool
    residual: bool


def blocks() -> Iterator[Block]:
    """The sixteen, in their order."""
    channels, index = 32, 0
    for repeats, first_stride, expansion, out in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            yield Block(f"blocks.{index}", stride, expansion > 1, stride == 1 and channels == out)
            channels, index = out, index + 1


class Network:
    """The layers, and the variables that they use.

    Args:
        tf: the `tensorflow` module.
        parameters: the weights.

    Attributes:
        variables: of all layers; whoever saves a function of them must own them.

    Raises:
        KeyError: a parameter is missing.
    """

    def __init__(self, tf: Any, parameters: Parameters) -> None:
        self._tf = tf
        self._parameters = parameters
        self.variables: list[Any] = []
        self._stem = self._layer("stem", stride=2)
        self._blocks = [self._block(block) for block in blocks()]
        self._head = self._layer("head")

    def variable(self, name: str, value: npt.NDArray[np.float32]) -> Any:
        """A constant that is saved with the network."""
        self.variables.append(self._tf.Variable(value, trainable=False, name=name.replace(".", "_")))
        return self.variables[-1]

    def maps(self, images: Any) -> tuple[list[Any], Any]:
        """What each block puts out, and what the head puts out: `(n, h, w, channels)`.

        Args:
            images: float32 `(n, 224, 224, 3)` in [0, 255].
        """
        x = self._stem((images - 127.0) / 128.0)
        levels = []
        for block in self._blocks:
            x = block(x)
            levels.append(x)
        return levels, self._head(x)

    def head_gem(self, head: Any) -> Any:
        """Generalised mean (p = 3) over the places of the head's map: `(n, 1280)`."""
        return self.gem(self._tf.maximum(head, _GEM_EPSILON))

    def gem(self, x: Any) -> Any:
        """Generalised mean (p = 3) over the places of a map that is nowhere negative: `(n, channels)`."""
        tf = self._tf
        return tf.pow(tf.reduce_mean(tf.pow(x, _GEM_P), axis=[1, 2]), 1.0 / _GEM_P)

    def module(self, name: str, functions: Mapping[str, Callable[[Any], Any]]) -> Any:
        """A `tf.Module` with functions of images, by name, and with the variables, which are saved once for all."""
        tf = self._tf
        module = tf.Module(name=name)
        module.parameters = self.variables
        signature = [tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, name="images")]
        for key, function in functions.items():
            setattr(module, key, tf.function(function, input_signature=signature))
        return module

    def _layer(self, name: str, *, stride: int = 1, activate: bool = True, depthwise: bool = False) -> _Layer:
        tf = self._tf
        # Depthwise kernels are (channels, 1, h, w) here and (h, w, channels, 1) there.
        order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
        kernel = self.variable(f"{name}.kernel", self._parameters[f"{name}.kernel"].transpose(order).copy())
        bias = self.variable(f"{name}.bias", self._parameters[f"{name}.bias"])
        convolve = tf.nn.depthwise_conv2d if depthwise else tf.nn.conv2d

        def apply(x: Any) -> Any:
            x = tf.nn.bias_add(convolve(x, kernel, strides=[1, stride, stride, 1], padding="SAME"), bias)
            return tf.nn.relu6(x) if activate else x

        return apply

    def _block(self, shape: Block) -> _Layer:
        layers = [self._layer(f"{shape.name}.expand")] if shape.expands else []
        layers.append(self._layer(f"{shape.name}.depthwise", stride=shape.stride, depthwise=True))
        layers.append(self._layer(f"{shape.name}.project", activate=False))

        def apply(x: Any) -> Any:
            y = x
            for each in layers:
                y = each(y)
            return x + y if shape.residual else y

        return apply
