"""The model `simd-copy-1`: EfficientNet-Lite0's network, its inner levels and one linear layer, trained to find copies.

Signature `serving_default`: images float32 `(n, 224, 224, 3)` RGB in [0, 255] -> `feature_vector` `(n, 512)`, not
normalised. The layer takes 1744 numbers, unit vectors in a row: the generalised mean (p = 3) of the head (1280), and at
the ends of the blocks 4, 7 and 10, counted from 0, after the residual sum, the generalised mean of the magnitudes and
the mean (40 + 40, 80 + 80, 112 + 112). How it was trained is in docs/models.md.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from simd.errors import ModelError
from simd.featurize.models.network import Network, Parameters

SHA256 = "18356147c43c560d0aa6c86c8b705bad626396e061681a5166fc3dbec16d0a1f"
"""Of the file of weights; `scripts/adopt-weights` writes it."""

FILE = Path(__file__).parent / "data" / "simd-copy-1.npz"
POOLING = "levels 4, 7, 10: gem p=3 and mean; head: gem p=3 eps=1e-6; linear"
DIMENSION = 512

_LEVELS = (4, 7, 10)
_SHORTEST = 1e-12


def read(file: Path = FILE, sha256: str = SHA256) -> Parameters:
    """The weights, as float32; `layer.weight` `(512, 1744)` and `layer.bias` `(512,)` beside those of the network.

    Args:
        file: NumPy's `.npz`, its arrays float16.
        sha256: what its bytes must hash to, in hex.

    Raises:
        ModelError: the file is missing or is not the pinned one.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the weights {file}: {error.strerror}", remedy="reinstall simd") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelError(
            f"the weights {file} are not the expected ones: SHA-256 {found}, expected {sha256}",
            remedy="reinstall simd",
        )
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name].astype(np.float32) for name in arrays.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"the weights {file} are no NumPy archive: {error}") from error


def build(tf: Any, parameters: Parameters) -> Any:
    """The network as a `tf.Module` with the function `embed`.

    Args:
        tf: the `tensorflow` module.
        parameters: what `read` returned.

    Raises:
        ModelError: a parameter is missing.
    """
    try:
        network = Network(tf, parameters)
        # In PyTorch's layout (out, in).
        weight = network.variable("layer.weight", parameters["layer.weight"].T.copy())
        bias = network.variable("layer.bias", parameters["layer.bias"])
    except KeyError as error:
        raise ModelError(f"the weights of simd-copy-1 lack the parameter {error}") from error

    def unit(x: Any) -> Any:
        length = tf.sqrt(tf.reduce_sum(x * x, axis=-1, keepdims=True))
        return x / tf.maximum(length, _SHORTEST)

    def embed(images: Any) -> Any:
        levels, head = network.maps(images)
        parts = [unit(network.head_gem(head))]
        for level in (levels[index] for index in _LEVELS):
            parts += [unit(network.gem(tf.abs(level))), unit(tf.reduce_mean(level, axis=[1, 2]))]
        return {"feature_vector": tf.concat(parts, axis=1) @ weight + bias}

    return network.module("simd_copy_1", {"embed": embed})
