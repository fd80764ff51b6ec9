"""The only file that imports TensorFlow: making SavedModels, and the engine for GPUs.

The import takes seconds and hundreds of megabytes, and GPU memory comes back only when the process ends. So this file
is used in child processes only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simd.errors import ModelError
from simd.featurize.engines.base import Raw
from simd.featurize.models import copy1, lite0
from simd.featurize.models import savedmodel as adopt
from simd.featurize.models.network import Parameters
from simd.featurize.models.spec import ModelSpec
from simd.featurize.models.weights import Weights
from simd.types import Pixels


def _import_tensorflow() -> Any:
    """The `tensorflow` package without Keras, which is loaded if somebody asks for it later.

    TensorFlow loads it for what it registers for SavedModels, of which Keras 3 has nothing. The import takes a third
    of the time longer with it, and with scikit-learn, which Keras loads where it is installed.
    """
    hidden = "keras" not in sys.modules
    if hidden:
        sys.modules["keras"] = None  # type: ignore[assignment]
    try:
        import tensorflow
    finally:
        if hidden:
            del sys.modules["keras"]
    return tensorflow


tf = _import_tensorflow()

_LARGEST_BATCH = 64
_EMBEDDING = "serving_default"


def export_copy1(parameters: Parameters, directory: Path) -> None:
    """Write `simd-copy-1` as a SavedModel.

    Raises:
        ModelError: a parameter is missing.
    """
    module = copy1.build(tf, parameters)
    tf.saved_model.save(module, str(directory), signatures={"serving_default": module.embed})


def export_lite0(weights: Weights, directory: Path) -> None:
    """Write EfficientNet-Lite0 as a SavedModel.

    Raises:
        ModelError: a parameter is missing.
    """
    module = lite0.build(tf, weights)
    tf.saved_model.save(
        module, str(directory), signatures={"serving_default": module.embed, "classify": module.classify}
    )


def convert(source: Path, directory: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Write any SavedModel as one of our form; see `adopt`.

    Raises:
        ModelError: it is not a function from pictures to vectors.
    """
    return adopt.adopt(tf, source, directory, told)


def fetch(handle: str) -> None:
    """Fetch a TF Hub model into the cache that `TFHUB_CACHE_DIR` names."""
    import tensorflow_hub

    tensorflow_hub.resolve(handle)


class TensorFlowEngine:
    """A SavedModel's signature on a GPU, or on the CPU. One thread only.

    Args:
        spec: the model.
        directory: its SavedModel.
        device: "gpu" or "cpu".
        signature: which of its functions to run.

    Raises:
        ModelError: TensorFlow sees no GPU, or cannot load the model.
    """

    name = "tensorflow"

    def __init__(self, spec: ModelSpec, directory: Path, *, device: str, signature: str = _EMBEDDING) -> None:
        self.device = device
        _prepare(device)
        try:
            # The loaded object is kept: it owns the variables that its signatures use.
            self._loaded = tf.saved_model.load(str(directory))
            function = self._loaded.signatures[signature]
        except (OSError, KeyError, ValueError) as error:
            raise ModelError(f"TensorFlow cannot load `{signature}` of the model {spec.name}: {error}") from error
        (argument,) = function.structured_input_signature[1]
        outputs = function.structured_outputs
        key = spec.output if spec.output in outputs else next(iter(outputs))
        if signature == _EMBEDDING and outputs[key].shape[1:] != [spec.dimension]:
            raise ModelError(
                f"the model {spec.name} puts out {outputs[key].shape}, not (n, {spec.dimension}) as it is described"
            )
        scaling = spec.scaling
        size = [None, spec.input_height, spec.input_width, 3]
        axes = [0, 3, 1, 2] if spec.layout == "NCHW" else [0, 1, 2, 3]

        @tf.function(input_signature=[tf.TensorSpec(size, tf.uint8)])  # type: ignore[untyped-decorator]
        def run(pixels: Any) -> Any:
            scaled = (tf.cast(pixels, tf.float32) - scaling.centre) / scaling.spread
            return function(**{argument: tf.transpose(scaled, axes)})[key]

        self._run = run
        self._batch = _LARGEST_BATCH

    def run(self, pixels: Pixels) -> Raw:
        """The function's output for each picture, in their order; smaller batches when the device's memory is short."""
        parts = []
        start = 0
        while start < len(pixels):
            part = pixels[start : start + self._batch]
            batch = _padded(part)
            try:
                parts.append(self._run(batch).numpy()[: len(part)])
            except tf.errors.ResourceExhaustedError as error:
                if len(batch) == 1:
                    raise ModelError(
                        f"the {self.device} has no memory for a single picture: {error.message}"
                    ) from error
                # Half of what did not fit, not of what might have been: every attempt costs seconds.
                self._batch = len(batch) // 2
            except tf.errors.OpError as error:
                raise ModelError(f"TensorFlow failed on the {self.device}: {error.message}") from error
            else:
                start += len(part)
        return np.concatenate(parts).astype(np.float32, copy=False)

    def close(self) -> None:
        """Nothing: memory comes back when the process ends."""


def _prepare(device: str) -> None:
    """Set up the devices, before the first use of any."""
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu":
        if not gpus:
            raise ModelError(
                "TensorFlow sees no GPU", remedy="install the extra `gpu` (CUDA libraries), or set `device` to cpu"
            )
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        # TF32 has a mantissa of 10 bits: vectors would differ from those of a query on the CPU.
        tf.config.experimental.enable_tensor_float_32_execution(False)
    else:
        tf.config.set_visible_devices([], "GPU")


def _padded(pixels: Pixels) -> Pixels:
    """The batch filled up to a power of two, so that few batch sizes are ever compiled and tuned for."""
    count = 1 << (len(pixels) - 1).bit_length()
    if count == len(pixels):
        return pixels
    return np.concatenate([pixels, np.zeros((count - len(pixels), *pixels.shape[1:]), np.uint8)])
