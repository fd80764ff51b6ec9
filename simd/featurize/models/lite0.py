"""EfficientNet-Lite0 as a TensorFlow module, built from PyTorch weights.

The network: a 3x3 stem (32), sixteen inverted-bottleneck blocks, a 1x1 head (1280); ReLU6 everywhere, no
squeeze-and-excitation, TensorFlow's SAME padding, batch normalisation folded into the convolutions. TensorFlow comes
as an argument, so that this file imports nothing heavy and nothing that only one engine has.

Signatures, images float32 `(n, 224, 224, 3)` RGB in [0, 255]:

* `serving_default`: `feature_vector` `(n, 1280)`, generalised-mean pooling (p = 3), not normalised;
* `classify`: `logits` `(n, 1000)`, average pooling and the ImageNet classifier, by which the weights are proved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simd.errors import ModelError
from simd.featurize.models.weights import Weights

ARCHITECTURE = "efficientnet-lite0/1: (x - 127) / 128, SAME padding, BN 1e-3 folded, ReLU6"
POOLING = "gem p=3 eps=1e-6"
SIZE = 224
DIMENSION = 1280

_BN_EPSILON = 1e-3
_GEM_P = 3.0
_GEM_EPSILON = 1e-6
_Layer = Callable[[Any], Any]

# (repeats, kernel, stride of the first, expansion, channels out)
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True, slots=True)
class _Block:
    name: str
    stride: int
    expands: bool
    residual: bool


@dataclass(frozen=True, slots=True)
class _Convolution:
    """A convolution with its batch normalisation folded in; `kernel` in TensorFlow's layout."""

    name: str
    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


def _blocks() -> Iterator[_Block]:
    channels, index = 32, 0
    for repeats, _, first_stride, expansion, out in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            residual = stride == 1 and channels == out
            yield _Block(f"_blocks.{index}", stride, expansion > 1, residual)
            channels, index = out, index + 1


def _folded(weights: Weights, convolution: str, norm: str) -> _Convolution:
    """One convolution and the batch normalisation after it, as one kernel and one bias."""
    kernel = weights[f"{convolution}.weight"].astype(np.float64)
    gamma, beta, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + _BN_EPSILON)
    kernel = kernel * scale[:, None, None, None]
    # Depthwise kernels are (channels, 1, h, w) here and (h, w, channels, 1) there.
    order = (2, 3, 0, 1) if "depthwise" in convolution else (2, 3, 1, 0)
    return _Convolution(
        convolution.replace(".", "_").strip("_"),
        kernel.transpose(order).astype(np.float32),
        (beta - mean * scale).astype(np.float32),
    )


def build(tf: Any, weights: Weights) -> Any:
    """The network as a `tf.Module` with `embed` and `classify` functions.

    Args:
        tf: the `tensorflow` module.
        weights: what `read_weights` returned.

    Raises:
        ModelError: a parameter is missing.
    """
    try:
        return _build(tf, weights)
    except KeyError as error:
        raise ModelError(f"the weights of efficientnet-lite0 lack the parameter {error}") from error


class _Builder:
    """Makes the layers, and keeps the variables that they use."""

    def __init__(self, tf: Any, weights: Weights) -> None:
        self._tf = tf
        self._weights = weights
        self.parameters: list[Any] = []

    def parameter(self, name: str, value: npt.NDArray[np.float32]) -> Any:
        self.parameters.append(self._tf.Variable(value, trainable=False, name=name))
        return self.parameters[-1]

    def layer(self, convolution: str, norm: str, *, stride: int = 1, activate: bool = True) -> _Layer:
        tf = self._tf
        folded = _folded(self._weights, convolution, norm)
        kernel = self.parameter(f"{folded.name}_kernel", folded.kernel)
        bias = self.parameter(f"{folded.name}_bias", folded.bias)
        convolve = tf.nn.depthwise_conv2d if "depthwise" in convolution else tf.nn.conv2d

        def apply(x: Any) -> Any:
            x = tf.nn.bias_add(convolve(x, kernel, strides=[1, stride, stride, 1], padding="SAME"), bias)
            return tf.nn.relu6(x) if activate else x

        return apply

    def block(self, shape: _Block) -> _Layer:
        name = shape.name
        layers = [self.layer(f"{name}._expand_conv", f"{name}._bn0")] if shape.expands else []
        layers.append(self.layer(f"{name}._depthwise_conv", f"{name}._bn1", stride=shape.stride))
        layers.append(self.layer(f"{name}._project_conv", f"{name}._bn2", activate=False))

        def apply(x: Any) -> Any:
            y = x
            for each in layers:
                y = each(y)
            return x + y if shape.residual else y

        return apply


def _build(tf: Any, weights: Weights) -> Any:
    builder = _Builder(tf, weights)
    network = [
        builder.layer("_conv_stem", "_bn0", stride=2),
        *(builder.block(shape) for shape in _blocks()),
        builder.layer("_conv_head", "_bn1"),
    ]
    classifier = builder.parameter("fc_kernel", weights["_fc.weight"].T.copy())
    classifier_bias = builder.parameter("fc_bias", weights["_fc.bias"])

    def features(images: Any) -> Any:
        x = (images - 127.0) / 128.0
        for each in network:
            x = each(x)
        return x

    def embed(images: Any) -> Any:
        x = tf.maximum(features(images), _GEM_EPSILON)
        return {"feature_vector": tf.pow(tf.reduce_mean(tf.pow(x, _GEM_P), axis=[1, 2]), 1.0 / _GEM_P)}

    def classify(images: Any) -> Any:
        return {"logits": tf.reduce_mean(features(images), axis=[1, 2]) @ classifier + classifier_bias}

    signature = [tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, name="images")]
    module = tf.Module(name="efficientnet_lite0")
    # The module owns what its functions use, so that both signatures are saved with one copy of it.
    module.parameters = builder.parameters
    module.embed = tf.function(embed, input_signature=signature)
    module.classify = tf.function(classify, input_signature=signature)
    return module
