from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from simd.errors import ModelError
from simd.featurize.decode.decode import decode
from simd.featurize.decode.opened import DecodeLimits
from simd.featurize.engines.base import Batch
from simd.featurize.engines.onnx import OnnxEngine
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models import lite0 as lite0_model
from simd.featurize.models.golden import golden, pictures
from simd.featurize.models.model import Model, resolve
from simd.featurize.models.weights import lite0_file, read_weights
from tests.featurize import onnx_network

SIDE = 16


def tiny(
    file: Path,
    *,
    layout: str = "NHWC",
    kind: int = TensorProto.FLOAT,
    side: int | str = SIDE,
    batch: int | str = "n",
    outputs: tuple[str, ...] = ("vector",),
    pooled: bool = True,
) -> Path:
    """A network that puts out the mean and the extremes of each colour, or of each half of the picture."""
    axes = [1, 2] if layout == "NHWC" else [2, 3]
    shape = [batch, side, side, 3] if layout == "NHWC" else [batch, 3, side, side]
    nodes = [
        helper.make_node("Cast", ["images"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("ReduceMax", ["x"], ["max"], axes=axes, keepdims=0),
        helper.make_node("Mul", ["x", "x"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["power"], axes=axes, keepdims=0),
        helper.make_node("Concat", ["mean", "max", "power"], ["joined"], axis=1),
        *(helper.make_node("Identity", ["joined" if pooled else "x"], [name]) for name in outputs),
    ]
    found = ["n", 9] if pooled else shape
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, found) for name in outputs],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(file))
    return file


def say(file: Path, **spec: Any) -> None:
    file.with_name(f"{file.name}.json").write_text(json.dumps({"spec": spec}))


def vectors(model: Model, pixels: Batch) -> Any:
    engine = OnnxEngine(model, threads=2, throughput=True)
    try:
        return engine.run(pixels)
    finally:
        engine.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tiny(tmp_path / "net.onnx")


def test_a_file_that_nothing_says_the_value_range_of_is_refused_with_what_to_write(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"value_range.*net\.onnx\.json"):
        resolve(str(file), tmp_path)


def test_size_layout_output_and_dimension_are_found_out(file: Path, tmp_path: Path) -> None:
    say(file, value_range=[0, 1], licence="MIT")
    spec = resolve(str(file), tmp_path).spec
    assert (spec.size, spec.layout, spec.output, spec.dimension) == ((SIDE, SIDE), "NHWC", "vector", 9)
    assert (spec.licence, spec.source, spec.value_range) == ("MIT", str(file), (0.0, 1.0))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_value_range_mean_and_deviation_are_applied_channel_by_channel(tmp_path: Path, layout: str) -> None:
    file = tiny(tmp_path / "net.onnx", layout=layout)
    say(file, value_range=[0, 1], mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
    model = resolve(str(file), tmp_path)
    assert model.spec.layout == layout
    pixels = pictures(SIDE, SIDE)
    scaled = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    expected = np.concatenate([scaled.mean((1, 2)), scaled.max((1, 2)), (scaled**2).mean((1, 2))], axis=1)
    assert np.allclose(vectors(model, pixels), expected, atol=1e-4)


def test_a_model_that_takes_bytes_needs_no_description(tmp_path: Path) -> None:
    model = resolve(str(tiny(tmp_path / "net.onnx", kind=TensorProto.UINT8)), tmp_path)
    assert model.spec.value_range == (0.0, 255.0)
    pixels = pictures(SIDE, SIDE)
    assert np.allclose(vectors(model, pixels)[:, :3], pixels.mean((1, 2)), atol=1e-3)


def test_a_model_of_half_precision_and_of_one_picture_at_a_time_runs(tmp_path: Path) -> None:
    file = tiny(tmp_path / "net.onnx", kind=TensorProto.FLOAT16, batch=1)
    say(file, value_range=[0, 1])
    pixels = pictures(SIDE, SIDE)
    assert np.allclose(vectors(resolve(str(file), tmp_path), pixels)[:, :3], pixels.mean((1, 2)) / 255, atol=1e-3)


def test_a_model_of_any_size_must_be_told_which(tmp_path: Path) -> None:
    file = tiny(tmp_path / "net.onnx", side="side")
    say(file, value_range=[0, 1])
    with pytest.raises(ModelError, match="input_height"):
        resolve(str(file), tmp_path)
    say(file, value_range=[0, 1], input_height=24, input_width=40)
    model = resolve(str(file), tmp_path)
    assert vectors(model, pictures(24, 40)).shape == (4, 9)


def test_the_output_must_be_told_where_there_are_two(tmp_path: Path) -> None:
    file = tiny(tmp_path / "net.onnx", outputs=("one", "two"))
    say(file, value_range=[0, 1])
    with pytest.raises(ModelError, match=r"one, two.*output"):
        resolve(str(file), tmp_path)
    say(file, value_range=[0, 1], output="two")
    assert resolve(str(file), tmp_path).spec.output == "two"
    say(file, value_range=[0, 1], output="three")
    with pytest.raises(ModelError, match="cannot be told"):
        resolve(str(file), tmp_path)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"dimension": 10}, "dimension 9, not 10"),
        ({"layout": "NCHW"}, "layout NHWC"),
        ({"input_height": 17}, "input_height 16"),
        ({"colour": "bgr"}, "colour"),
        ({"std": [1, 1, 0]}, "std"),
        ({"mean": [1]}, "mean"),
    ],
)
def test_a_description_that_cannot_be_true_is_refused(
    file: Path, tmp_path: Path, spec: dict[str, Any], says: str
) -> None:
    say(file, value_range=[0, 1], **spec)
    with pytest.raises(ModelError, match=says):
        resolve(str(file), tmp_path)


def test_a_model_that_puts_out_no_vector_is_refused(tmp_path: Path) -> None:
    file = tiny(tmp_path / "net.onnx", pooled=False)
    say(file, value_range=[0, 1])
    with pytest.raises(ModelError, match="dimension"):
        resolve(str(file), tmp_path)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize("damage", [_cut, Path.unlink, lambda file: file.write_bytes(b"")])
def test_a_damaged_or_missing_file_is_refused(file: Path, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    damage(file)
    with pytest.raises(ModelError, match=r"net\.onnx"):
        resolve(str(file), tmp_path)


def test_a_checksum_in_the_description_is_verified(file: Path, tmp_path: Path) -> None:
    description = {"spec": {"value_range": [0, 1]}, "files": {file.name: "00"}}
    file.with_name("net.onnx.json").write_text(json.dumps(description))
    with pytest.raises(ModelError, match="damaged"):
        resolve(str(file), tmp_path)


def test_the_fingerprint_follows_content_and_scaling_and_not_the_name(file: Path, tmp_path: Path) -> None:
    say(file, value_range=[0, 1])
    first = resolve(str(file), tmp_path).fingerprint
    moved = file.rename(tmp_path / "moved.onnx")
    say(moved, value_range=[0, 1])
    assert resolve(str(moved), tmp_path).fingerprint == first
    say(moved, value_range=[0, 1], mean=[0, 0, 0.5])
    assert resolve(str(moved), tmp_path).fingerprint != first
    say(moved, value_range=[0, 1])
    tiny(moved, outputs=("vector",), batch=1)
    assert resolve(str(moved), tmp_path).fingerprint != first


def test_weights_in_a_file_beside_the_model_count(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    matrix = numpy_helper.from_array(np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32), "matrix")
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2], keepdims=0),
            helper.make_node("MatMul", ["mean", "matrix"], ["vector"]),
        ],
        "outside",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", 5])],
        [matrix],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(file), save_as_external_data=True, location="net.onnx.data", size_threshold=0)
    say(file, value_range=[0, 1])
    first = resolve(str(file), tmp_path)
    assert vectors(first, pictures(SIDE, SIDE)).shape == (4, 5)
    weights = tmp_path / "net.onnx.data"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert resolve(str(file), tmp_path).fingerprint != first.fingerprint


def test_a_closed_engine_says_so(file: Path, tmp_path: Path) -> None:
    say(file, value_range=[0, 1])
    engine = OnnxEngine(resolve(str(file), tmp_path), threads=1, throughput=False)
    engine.close()
    engine.close()
    with pytest.raises(ModelError, match="closed"):
        engine.run(pictures(SIDE, SIDE))


@pytest.fixture(scope="module")
def lite0(tmp_path_factory: pytest.TempPathFactory) -> Model:
    file = tmp_path_factory.mktemp("lite0") / "lite0.onnx"
    weights = read_weights(lite0_file())
    onnx_network.write(lambda tf: lite0_model.build(tf, weights), lite0_model.DIMENSION, file)
    say(file, value_range=[0, 255])
    return resolve(str(file), file.parent)


@pytest.fixture(scope="module")
def photographs(photos: Path) -> Iterator[Batch]:
    limits = DecodeLimits(1 << 24, 1 << 24)
    yield np.stack([decode(path.read_bytes(), (224, 224), limits).pixels for path in sorted(photos.iterdir())[:12]])


def test_queries_and_indexing_compute_the_very_same_vectors(lite0: Model, photographs: Batch) -> None:
    many, one = OnnxEngine(lite0, threads=2, throughput=True), OnnxEngine(lite0, threads=2, throughput=False)
    ours = Featurizer(many, lite0).embed(photographs)
    singly = [Featurizer(one, lite0).embed(picture[None])[0] for picture in photographs]
    many.close()
    one.close()
    assert np.array_equal(ours, np.stack(singly))


def test_the_embedded_network_as_onnx_gives_its_golden_vectors(lite0: Model) -> None:
    engine = OnnxEngine(lite0, threads=2, throughput=False)
    ours = Featurizer(engine, lite0).embed(pictures(224, 224))
    engine.close()
    expected = golden("efficientnet-lite0")
    assert expected is not None
    assert (ours * expected).sum(1).min() >= 0.9999


@pytest.mark.model
def test_onnxruntime_and_openvino_agree_on_real_photographs(imagenet: Model, lite0: Model, photographs: Batch) -> None:
    theirs = OpenVinoEngine(imagenet, threads=2, throughput=True)
    ours = OnnxEngine(lite0, threads=2, throughput=True)
    left, right = Featurizer(theirs, imagenet).embed(photographs), Featurizer(ours, lite0).embed(photographs)
    theirs.close()
    ours.close()
    assert (left * right).sum(1).min() >= 0.9999
