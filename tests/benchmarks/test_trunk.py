"""The trunk of the table of quality computes what the model in simd does."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.trunk import FEATURES, HEAD, Trunk, imagenet
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.models.model import Model

pytestmark = pytest.mark.model


def test_its_head_is_that_of_the_embedded_model(model: Model) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 14, 14, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    found, ms = Trunk(imagenet(), threads=1).run(pixels)
    engine = OpenVinoEngine(model, threads=1, throughput=False)
    expected = engine.run(pixels)
    engine.close()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert found.shape == (3, HEAD + FEATURES)
    np.testing.assert_allclose(found[:, HEAD : 2 * HEAD], expected, atol=1e-5)
    assert ms > 0
