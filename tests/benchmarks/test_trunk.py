"""The trunk of the table of quality computes what the model in simd does."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.trunk import FEATURES, HEAD, Trunk
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.models.copy1 import read
from simd.featurize.models.model import Model

pytestmark = pytest.mark.model


def test_its_features_are_those_of_the_default_model(model: Model) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 14, 14, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    weights = read()
    found, ms = Trunk(weights, threads=1).run(pixels)
    engine = OpenVinoEngine(model, threads=1, throughput=False)
    expected = engine.run(pixels)
    engine.close()

    described = found[:, HEAD:] @ weights["layer.weight"].T + weights["layer.bias"]

    assert found.shape == (3, HEAD + FEATURES)
    cosine = (described * expected).sum(1) / np.linalg.norm(described, axis=1) / np.linalg.norm(expected, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-6)
    assert ms > 0
