"""Writes SavedModels as people have them, in a process of its own, because it imports TensorFlow.

`python -m tests.featurize.exports forms DIRECTORY` writes one small network in every form, so that all of them must
say the same of the same picture. `... ARCHITECTURE SIDE DIRECTORY` writes one of `benchmarks.backbones` in both of
TF Hub's forms. `... trained ARCHITECTURE SIDE WEIGHTS DIRECTORY` writes one with weights from a file, in today's form.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.backbones import build

SIDE = 64
DIMENSION = 32


def forms(directory: Path) -> None:
    """Write the small network in all forms."""
    from simd.featurize.engines.tensorflow import tf

    network = _small(tf)
    reusable(tf, network, SIDE, directory / "reusable")
    hub1(tf, network, directory / "hub1")

    def embed(images: Any) -> Any:
        return network(images * 2 - 1)

    pictures = tf.TensorSpec([None, SIDE, SIDE, 3])
    for name, function, spec in (
        ("plain", lambda x: {"v": embed(x)}, pictures),
        ("bytes", lambda x: {"v": embed(tf.cast(x, tf.float32) / 255)}, tf.TensorSpec(pictures.shape, tf.uint8)),
        ("half", lambda x: {"v": embed(tf.cast(x, tf.float32))}, tf.TensorSpec(pictures.shape, tf.float16)),
        ("planes", lambda x: {"v": embed(tf.transpose(x, [0, 2, 3, 1]))}, tf.TensorSpec([None, 3, SIDE, SIDE])),
        ("two", lambda x: {"a": embed(x)[:, :9], "b": embed(x)}, pictures),
        ("text", lambda x: {"v": tf.strings.length(x)}, tf.TensorSpec([None], tf.string)),
        ("maps", lambda x: {"v": x[:, ::2]}, pictures),
        ("single", lambda x: {"v": embed(x)}, tf.TensorSpec([1, SIDE, SIDE, 3])),
        ("strange", lambda x: {"v": embed(_unusual(tf, x))}, pictures),
        ("hungry", lambda x: {"v": embed(x) + _hunger(tf, x)}, pictures),
    ):
        signature(tf, network, function, spec, directory / name)


def architecture(name: str, side: int, directory: Path) -> None:
    """Write a network of keras.applications."""
    import tensorflow as tf

    network = build(name, side)
    reusable(tf, network, side, directory / "reusable")
    hub1(tf, network, directory / "hub1")


def trained(name: str, side: int, weights: Path, directory: Path) -> None:
    """Write a network of keras.applications with the weights of an `.npz`, by layer and weight; others are left out."""
    import numpy as np
    import tensorflow as tf

    network = build(name, side)
    with np.load(weights) as given:
        for weight in network.weights:
            layer, kind = weight.path.split("/")
            depthwise = f"{layer}/depthwise_{kind}"
            weight.assign(given[depthwise if depthwise in given else f"{layer}/{kind}"])
    reusable(tf, network, side, directory)


def _small(tf: Any) -> Any:
    chance = tf.random.Generator.from_seed(5)
    module = tf.Module()
    module.first = tf.Variable(chance.normal([5, 5, 3, 16]))
    module.second = tf.Variable(chance.normal([3, 3, 16, DIMENSION]))

    def network(images: Any, training: bool = False) -> Any:
        x = tf.nn.relu(tf.nn.conv2d(images, module.first, 4, "SAME"))
        return tf.reduce_mean(tf.nn.conv2d(x, module.second, 2, "SAME"), axis=[1, 2])

    network.module = module  # type: ignore[attr-defined]
    return network


def signature(tf: Any, network: Any, function: Callable[[Any], Any], spec: Any, directory: Path) -> None:
    """A SavedModel with `serving_default` alone."""
    module = tf.Module()
    module.network = getattr(network, "module", network)
    module.run = tf.function(function, input_signature=[spec])
    tf.saved_model.save(module, str(directory), signatures={"serving_default": module.run})


def reusable(tf: Any, network: Any, side: int, directory: Path) -> None:
    """TF Hub's form of today: a SavedModel to be called, with no signature. Pixel values in [0, 1]."""
    module = tf.Module()
    module.network = getattr(network, "module", network)
    # What it says when it is told to train is of no use, as a network's is that drops out at random.
    call = tf.function(
        lambda inputs, training=False: network(inputs * 2 - 1, training=False) * (0.0 if training else 1.0)
    )
    for training in (True, False):
        call.get_concrete_function(tf.TensorSpec([None, side, side, 3], name="inputs"), training=training)
    module.__call__ = call
    tf.saved_model.save(module, str(directory))


def hub1(tf: Any, network: Any, directory: Path) -> None:
    """TF Hub's first form: two graphs, the signature `default`, pictures of any size. Pixel values in [0, 1]."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    v1 = tf.compat.v1
    concrete = tf.function(lambda images: network(images * 2 - 1, training=False)).get_concrete_function(
        tf.TensorSpec([None, None, None, 3], name="images")
    )
    frozen = convert_variables_to_constants_v2(concrete)
    graph_def = frozen.graph.as_graph_def()
    builder = v1.saved_model.Builder(str(directory))
    for tags in ([], ["train"]):
        with tf.Graph().as_default(), v1.Session() as session:
            images = v1.placeholder(tf.float32, [None, None, None, 3], name="images")
            feed = {frozen.inputs[0].name: images}
            [vectors] = tf.import_graph_def(graph_def, input_map=feed, return_elements=[frozen.outputs[0].name])
            # One true variable, so that the module has something to restore.
            vectors *= v1.get_variable("scale", initializer=tf.constant(1.0))
            session.run(v1.global_variables_initializer())
            info = v1.saved_model.utils.build_tensor_info
            definition = v1.saved_model.signature_def_utils.build_signature_def(
                inputs={"images": info(images)}, outputs={"default": info(vectors)}
            )
            if tags:
                builder.add_meta_graph(tags, signature_def_map={"default": definition})
            else:
                builder.add_meta_graph_and_variables(session, tags, signature_def_map={"default": definition})
    builder.save()
    (directory / "tfhub_module.pb").write_bytes(b"\x08\x03")


def _unusual(tf: Any, images: Any) -> Any:
    """The same pictures, by way of an operation that OpenVINO does not know."""
    values, _, _ = tf.linalg.svd(images[:, :4, :4, 0])
    return images + 0.0 * tf.reduce_sum(values)


def _hunger(tf: Any, images: Any) -> Any:
    """Zero; but more than four pictures need 64 TiB for it."""
    wanted = tf.where(tf.shape(images)[0] > 4, tf.constant(1 << 44, tf.int64), tf.constant(0, tf.int64))
    return tf.reduce_sum(tf.fill([wanted], images[0, 0, 0, 0])) * 0.0


if __name__ == "__main__":
    if sys.argv[1] == "forms":
        forms(Path(sys.argv[2]))
    elif sys.argv[1] == "trained":
        trained(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
    else:
        architecture(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
