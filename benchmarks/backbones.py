"""The backbones of the seed's table, with random weights: what they cost does not depend on them.

`python -m benchmarks.backbones NAME SIDE DIRECTORY` writes one as a SavedModel, `serving_default`: images float32
`(n, SIDE, SIDE, 3)` in [0, 1] -> `feature_vector`. A process of its own, because it imports TensorFlow.
"""

from __future__ import annotations

import sys
from typing import Any

ARCHITECTURES = ("EfficientNetB0", "MobileNetV2", "MobileNetV3Large")
_SEED = 11


def build(name: str, side: int) -> Any:
    """A network of keras.applications from pictures to features, as TF Hub's feature vectors end."""
    import keras

    keras.utils.set_random_seed(_SEED)
    make = getattr(keras.applications, name)
    shape = (side, side, 3)
    if name != "MobileNetV3Large":
        return make(weights=None, include_top=False, pooling="avg", input_shape=shape)
    # Its feature vector is what its classifier sees, one layer after the pooling.
    whole = make(weights=None, input_shape=shape, include_preprocessing=False)
    return keras.Model(whole.input, keras.layers.Flatten()(whole.layers[-5].output))


def main() -> None:
    """Write what the command line says."""
    import tensorflow as tf

    name, side, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    module = tf.Module()
    module.network = build(name, side)
    module.embed = tf.function(
        lambda images: {"feature_vector": module.network(images * 2 - 1, training=False)},
        input_signature=[tf.TensorSpec([None, side, side, 3], name="images")],
    )
    tf.saved_model.save(module, directory, signatures={"serving_default": module.embed})


if __name__ == "__main__":
    main()
