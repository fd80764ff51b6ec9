"""Any SavedModel that embeds pictures -> one with a single signature that every engine reads.

In: TF2 SavedModels with `serving_default`, reusable ones that are only called (TF Hub's form), and TF1-Hub modules
(`tfhub_module.pb` and the signature `default`). Out: `serving_default`, images float32 `(n, height, width, 3)` in the
model's own value range -> `feature_vector` `(n, dimension)` float32. TensorFlow comes as an argument, so that this file
imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simd.errors import ModelError
from simd.featurize.models.registry import CONVERTED_OUTPUT

_HUB1_MARK = "tfhub_module.pb"
_PREFERRED = ("feature_vector", "default", "serving_default")


@dataclass(frozen=True, slots=True)
class _Function:
    """A model's function: its one picture input, and how it is called."""

    input: Any
    call: Callable[[Any], Any]


def adopt(tf: Any, source: Path, target: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Write `source` as a SavedModel of our form.

    Args:
        tf: the `tensorflow` module.
        source: a SavedModel's directory.
        target: the directory to write.
        told: what is known of its specification: the input size where the model leaves it open, `output` where it has
            more than one.

    Returns:
        What was found: `input_height`, `input_width`, `dimension`, `output` (the key in the source) and, where the
        input's type decides it, `value_range`.

    Raises:
        ModelError: it is not a function from pictures to vectors.
    """
    try:
        # It owns the variables that its functions use, and so must be kept.
        loaded = tf.saved_model.load(str(source), **({"tags": []} if (source / _HUB1_MARK).exists() else {}))
    except (OSError, KeyError, ValueError, tf.errors.OpError) as error:
        raise ModelError(f"TensorFlow cannot load the SavedModel: {error}") from error
    function = _function(tf, loaded)
    channels_first, facts = _input(function.input, told)
    size = (facts["input_height"], facts["input_width"])

    def outputs(images: Any) -> Mapping[str, Any]:
        pictures = tf.transpose(images, [0, 3, 1, 2]) if channels_first else images
        found = function.call(tf.cast(pictures, function.input.dtype))
        return found if isinstance(found, Mapping) else {"default": found}

    key, dimension = _output(tf, outputs(tf.zeros([2, *size, 3])), told)

    def embed(images: Any) -> dict[str, Any]:
        return {CONVERTED_OUTPUT: tf.ensure_shape(tf.cast(outputs(images)[key], tf.float32), [None, dimension])}

    module = tf.Module(name="converted")
    module.loaded = loaded
    module.embed = tf.function(embed, input_signature=[tf.TensorSpec([None, *size, 3], tf.float32, name="images")])
    tf.saved_model.save(module, str(target), signatures={"serving_default": module.embed})
    if function.input.dtype == tf.uint8:
        facts["value_range"] = [0.0, 255.0]
    return {**facts, "dimension": dimension, "output": key}


def _function(tf: Any, loaded: Any) -> _Function:
    signatures = getattr(loaded, "signatures", {})
    name = next((each for each in ("serving_default", "default") if each in signatures), None)
    if name is not None:
        signature = signatures[name]
        key, spec = _only_picture(signature.structured_input_signature[1])
        return _Function(spec, lambda images: signature(**{key: images}))
    if not callable(loaded):
        raise ModelError(
            f"the SavedModel has neither a signature `serving_default` nor a function to call; it has "
            f"{', '.join(signatures) or 'no signature'}"
        )
    # A reusable SavedModel: called with pictures, and told not to train if it knows of training.
    specs, keywords = loaded.__call__.concrete_functions[0].structured_input_signature
    _, spec = _only_picture({str(at): each for at, each in enumerate(specs) if isinstance(each, tf.TensorSpec)})
    trains = "training" in keywords or len(specs) > 1
    return _Function(spec, lambda images: loaded(images, training=False) if trains else loaded(images))


def _only_picture(inputs: Mapping[str, Any]) -> tuple[str, Any]:
    if len(inputs) != 1:
        raise ModelError(f"the model takes {len(inputs)} inputs ({', '.join(inputs)}), not pictures alone")
    [(key, spec)] = inputs.items()
    if spec.shape.rank != 4 or 3 not in (spec.shape[3], spec.shape[1]) or spec.shape[0] not in (None,):
        raise ModelError(
            f"the model takes {spec.shape}, not any number of colour pictures (n, height, width, 3) or "
            "(n, 3, height, width)"
        )
    return key, spec


def _input(spec: Any, told: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Whether channels come first, and the size of the pictures."""
    shape = list(spec.shape)
    channels_first = shape[3] != 3
    height, width = shape[2:] if channels_first else shape[1:3]
    facts = {"input_height": height or told.get("input_height"), "input_width": width or told.get("input_width")}
    if None in facts.values():
        raise ModelError(
            "the model takes pictures of any size, and nothing says which it was trained for",
            remedy="say input_height and input_width in its model.json",
        )
    return channels_first, facts


def _output(tf: Any, found: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[str, int]:
    """The key and the length of the embedding."""
    vectors = {key: value for key, value in found.items() if value.shape.rank == 2 and value.dtype.is_floating}
    if asked := told.get("output"):
        vectors = {key: value for key, value in vectors.items() if key == asked}
    elif preferred := next((key for key in _PREFERRED if key in vectors), None):
        vectors = {preferred: vectors[preferred]}
    if len(vectors) != 1:
        shapes = ", ".join(f"{key} {value.shape}" for key, value in sorted(found.items()))
        raise ModelError(
            f"which of the model's outputs is the embedding cannot be told: {shapes}",
            remedy="it is (n, dimension); say `output` in its model.json",
        )
    [(key, value)] = vectors.items()
    return key, int(value.shape[1])
