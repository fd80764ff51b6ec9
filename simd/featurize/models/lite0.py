"""EfficientNet-Lite0 with its ImageNet weights, as a TensorFlow module.

Signatures, images float32 `(n, 224, 224, 3)` RGB in [0, 255]:

* `serving_default`: `feature_vector` `(n, 1280)`, generalised-mean pooling (p = 3), not normalised;
* `classify`: `logits` `(n, 1000)`, average pooling and the ImageNet classifier, by which the weights are proved.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from simd.errors import ModelError
from simd.featurize.models.network import HEAD, Network, blocks
from simd.featurize.models.weights import Weights

POOLING = "gem p=3 eps=1e-6"
DIMENSION = HEAD

_BN_EPSILON = 1e-3


def build(tf: Any, weights: Weights) -> Any:
    """The network as a `tf.Module` with `embed` and `classify` functions.

    Args:
        tf: the `tensorflow` module.
        weights: what `read_weights` returned.

    Raises:
        ModelError: a parameter is missing.
    """
    try:
        network = Network(tf, folded(weights))
        classifier = network.variable("fc.kernel", weights["_fc.weight"].T.copy())
        classifier_bias = network.variable("fc.bias", weights["_fc.bias"])
    except KeyError as error:
        raise ModelError(f"the weights of efficientnet-lite0 lack the parameter {error}") from error

    def embed(images: Any) -> Any:
        _, head = network.maps(images)
        return {"feature_vector": network.head_gem(head)}

    def classify(images: Any) -> Any:
        _, head = network.maps(images)
        return {"logits": tf.reduce_mean(head, axis=[1, 2]) @ classifier + classifier_bias}

    return network.module("efficientnet_lite0", {"embed": embed, "classify": classify})


def folded(weights: Weights) -> dict[str, npt.NDArray[np.float32]]:
    """The network's parameters: every convolution with the batch normalisation after it as one kernel and one bias.

    Raises:
        KeyError: a parameter is missing.
    """
    layers = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for block in blocks():
        if block.expands:
            layers[f"{block.name}.expand"] = (f"_{block.name}._expand_conv", f"_{block.name}._bn0")
        layers[f"{block.name}.depthwise"] = (f"_{block.name}._depthwise_conv", f"_{block.name}._bn1")
        layers[f"{block.name}.project"] = (f"_{block.name}._project_conv", f"_{block.name}._bn2")
    parameters = {}
    for name, (convolution, norm) in layers.items():
        gamma, beta, mean, variance = (
            weights[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + _BN_EPSILON)
        kernel = weights[f"{convolution}.weight"].astype(np.float64) * scale[:, None, None, None]
        parameters[f"{name}.kernel"] = kernel.astype(np.float32)
        parameters[f"{name}.bias"] = (beta - mean * scale).astype(np.float32)
    return parameters
