"""The model `simd-copy-1`: its file of weights, and what its layer is given."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from simd.errors import ModelError
from simd.featurize.engines.onnx import OnnxEngine
from simd.featurize.models import copy1, lite0
from simd.featurize.models.golden import golden, pictures
from simd.featurize.models.model import resolve
from simd.featurize.models.network import Parameters
from simd.featurize.models.weights import lite0_file, read_weights
from tests.featurize import onnx_network

LEVELS = (40, 80, 112)
PARTS = (1280, *(channels for level in LEVELS for channels in (level, level)))
_MOST = 12_000_000


def embedded(parameters: Parameters, dimension: int, file: Path) -> npt.NDArray[np.float32]:
    """What the model says of the golden pictures, by a third engine."""
    onnx_network.write(lambda tf: copy1.build(tf, parameters), dimension, file)
    file.with_name(f"{file.name}.json").write_text('{"spec": {"value_range": [0, 255]}}')
    engine = OnnxEngine(resolve(str(file), file.parent), threads=1, throughput=False)
    vectors = engine.run(pictures(224, 224))
    engine.close()
    return vectors


@pytest.fixture(scope="module")
def trunk() -> Parameters:
    """The network's own parameters, with ImageNet's weights."""
    return lite0.folded(read_weights(lite0_file()))


def test_the_file_that_comes_with_simd_is_the_pinned_one_and_small_enough_to_be_carried() -> None:
    parameters = copy1.read()
    assert parameters["layer.weight"].shape == (copy1.DIMENSION, sum(PARTS))
    assert all(np.isfinite(array).all() and array.dtype == np.float32 for array in parameters.values())
    assert copy1.FILE.stat().st_size <= _MOST


def test_another_file_or_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.npz"
    with pytest.raises(ModelError, match=r"cannot read.*reinstall"):
        copy1.read(file)
    file.write_bytes(b"something else")
    with pytest.raises(ModelError, match=r"not the expected ones.*reinstall"):
        copy1.read(file)


def test_weights_that_lack_a_parameter_are_refused(trunk: Parameters, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"simd-copy-1 lack the parameter 'layer\.weight'"):
        embedded(trunk, copy1.DIMENSION, tmp_path / "lacking.onnx")


def test_the_layer_is_given_a_unit_vector_of_the_head_and_two_of_each_level(trunk: Parameters, tmp_path: Path) -> None:
    width = sum(PARTS)
    layer = {"layer.weight": np.eye(width, dtype=np.float32), "layer.bias": np.zeros(width, np.float32)}
    vectors = embedded({**trunk, **layer}, width, tmp_path / "open.onnx")
    ends = np.cumsum((0, *PARTS))
    parts = [vectors[:, start:end] for start, end in pairwise(ends)]
    for part in parts:
        assert np.allclose(np.linalg.norm(part, axis=1), 1.0, atol=1e-5)
    expected = golden("efficientnet-lite0")
    assert expected is not None
    assert (parts[0] * expected).sum(1).min() >= 0.9999, "the head's is that of the ImageNet model"
    for gem in parts[1::2]:
        assert (gem >= 0).all()
    for mean in parts[2::2]:
        assert (mean < 0).any()


def test_a_third_engine_gives_the_golden_vectors(tmp_path: Path) -> None:
    ours = embedded(copy1.read(), copy1.DIMENSION, tmp_path / "copy1.onnx")
    expected = golden("simd-copy-1")
    assert expected is not None
    assert ((ours * expected).sum(1) / np.linalg.norm(ours, axis=1)).min() >= 0.9999
