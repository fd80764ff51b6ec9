from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from simd.errors import ModelError
from simd.featurize.decode.decode import decode
from simd.featurize.decode.opened import DecodeLimits
from simd.featurize.engines.base import Batch
from simd.featurize.engines.child import ChildEngine
from simd.featurize.engines.choose import open_engine, open_query_engines
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.golden import pictures
from simd.featurize.models.locate import locate
from simd.featurize.models.model import Model, resolve
from simd.featurize.models.registry import HUB
from tests.featurize.exports import DIMENSION, SIDE

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

SPECS: dict[str, dict[str, Any]] = {
    "plain": {"value_range": [0, 1]},
    "reusable": {"value_range": [0, 1]},
    "hub1": {"value_range": [0, 1], "input_height": SIDE, "input_width": SIDE},
    "bytes": {},
    "half": {"value_range": [0, 1]},
    "planes": {"value_range": [0, 1]},
    "two": {"value_range": [0, 1], "output": "b"},
    "strange": {"value_range": [0, 1]},
    "hungry": {"value_range": [0, 1]},
}


def export(*arguments: str) -> None:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "tests.featurize.exports", *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True)


@pytest.fixture(scope="session")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small network as a SavedModel in every form; nobody changes them."""
    directory = tmp_path_factory.mktemp("forms")
    export("forms", str(directory))
    return directory


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory, forms: Path) -> Callable[[str], Model]:
    """A form with what must be said of it, converted once a session."""
    cache = tmp_path_factory.mktemp("converted")

    def get(form: str) -> Model:
        directory = cache / "described" / form
        if not directory.exists():
            shutil.copytree(forms / form, directory)
            say(directory, **SPECS[form])
        return resolve(str(directory), cache / "models")

    return get


def say(directory: Path, **spec: Any) -> None:
    (directory / "model.json").write_text(json.dumps({"spec": spec}))


def seen_by_openvino(model: Model, pixels: Batch) -> npt.NDArray[np.float32]:
    engine = OpenVinoEngine(model, threads=1, throughput=False)
    try:
        return engine.run(pixels)
    finally:
        engine.close()


def seen_by_tensorflow(model: Model, pixels: Batch) -> npt.NDArray[np.float32]:
    engine = ChildEngine(model, device="cpu")
    try:
        return engine.run(pixels)
    finally:
        engine.close()


def lowest_cosine(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> float:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(1) / norms).min())


def test_hubs_two_forms_are_converted_and_say_the_same(converted: Callable[[str], Model]) -> None:
    new, old = converted("reusable"), converted("hub1")
    assert new.spec.dimension == old.spec.dimension == DIMENSION
    assert new.spec.size == old.spec.size == (SIDE, SIDE)
    assert new.fingerprint != old.fingerprint
    pixels = pictures(SIDE, SIDE)
    assert np.allclose(seen_by_openvino(new, pixels), seen_by_openvino(old, pixels), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["bytes", "half", "planes", "two"])
def test_every_form_says_the_same(converted: Callable[[str], Model], form: str) -> None:
    pixels = pictures(SIDE, SIDE)
    expected = seen_by_openvino(converted("plain"), pixels)
    assert np.allclose(seen_by_openvino(converted(form), pixels), expected, rtol=1e-2, atol=1e-2)


def test_a_conversion_is_done_once_and_known_by_the_source(converted: Callable[[str], Model], tmp_path: Path) -> None:
    model = converted("reusable")
    before = (model.directory / "saved_model.pb").stat()
    assert converted("reusable") == model
    assert (model.directory / "saved_model.pb").stat() == before


@pytest.mark.slow
def test_the_fingerprint_outlives_a_move_and_a_second_conversion(
    converted: Callable[[str], Model], forms: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(forms / "plain", moved)
    say(moved, **SPECS["plain"])
    assert resolve(str(moved), tmp_path / "models").fingerprint == converted("plain").fingerprint
    say(moved, value_range=[-1, 1])
    assert resolve(str(moved), tmp_path / "models").fingerprint != converted("plain").fingerprint


def test_engines_agree_on_real_photographs_with_a_converted_model(
    converted: Callable[[str], Model], photos: Path
) -> None:
    limits = DecodeLimits(1 << 24, 1 << 24)
    some = sorted(photos.iterdir())[:12]
    pixels = np.stack([decode(path.read_bytes(), (SIDE, SIDE), limits).pixels for path in some])
    model = converted("reusable")
    assert lowest_cosine(seen_by_openvino(model, pixels), seen_by_tensorflow(model, pixels)) >= 0.9999


@pytest.mark.parametrize(
    ("form", "spec", "says"),
    [
        ("plain", {}, r'"value_range": \[0, 1\].*model\.json'),
        ("two", {"value_range": [0, 1]}, r"a \(2, 9\), b \(2, 32\).*`output`"),
        pytest.param("hub1", {"value_range": [0, 1]}, "input_height", marks=pytest.mark.slow),
        pytest.param("text", {}, "not any number of colour pictures", marks=pytest.mark.slow),
        pytest.param("maps", {"value_range": [0, 1]}, "which of the model's outputs", marks=pytest.mark.slow),
        pytest.param("single", {"value_range": [0, 1]}, "not any number", marks=pytest.mark.slow),
        pytest.param("plain", {"value_range": [0, 1], "dimension": 9}, "dimension 32, not 9", marks=pytest.mark.slow),
        pytest.param(
            "plain", {"value_range": [0, 1], "input_width": 9}, "input_width 64, not 9", marks=pytest.mark.slow
        ),
        pytest.param("bytes", {"value_range": [0, 1]}, "value_range", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_found_out_is_asked_for_and_what_is_wrong_refused(
    forms: Path, tmp_path: Path, form: str, spec: Mapping[str, Any], says: str
) -> None:
    directory = tmp_path / form
    shutil.copytree(forms / form, directory)
    say(directory, **spec)
    cache = tmp_path / "models"
    with pytest.raises(ModelError, match=says):
        resolve(str(directory), cache)
    assert list(cache.iterdir()) == []


def test_a_saved_model_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "saved_model.pb").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="TensorFlow cannot load"):
        resolve(str(tmp_path / "broken"), tmp_path / "models")


def test_a_model_that_openvino_cannot_run_is_run_by_tensorflow_and_said(
    converted: Callable[[str], Model], caplog: pytest.LogCaptureFixture
) -> None:
    model = converted("strange")
    opened = open_engine(model, "cpu", threads=1)
    pixels = pictures(SIDE, SIDE)
    try:
        assert opened.choice.engine == opened.engine.name == "tensorflow"
        assert "OpenVINO cannot run this model" in opened.choice.reason
        assert "No conversion rule found for operations: Svd; TensorFlow runs it" in caplog.text
        assert opened.engine.run(pixels).shape == (4, DIMENSION)
    finally:
        opened.engine.close()


@pytest.mark.slow
def test_a_query_engine_of_tensorflow_stays(converted: Callable[[str], Model]) -> None:
    engine = open_query_engines(converted("strange"), threads=2).many
    assert engine.name == "tensorflow" and engine.run(pictures(SIDE, SIDE)).shape == (4, DIMENSION)
    engine.close()


def test_a_batch_that_does_not_fit_in_memory_is_halved(converted: Callable[[str], Model]) -> None:
    pixels = np.concatenate([pictures(SIDE, SIDE)] * 2)[:7]
    engine = ChildEngine(converted("hungry"), device="cpu")
    try:
        found = engine.run(pixels)
        assert np.allclose(found, np.concatenate([engine.run(picture[None]) for picture in pixels]), rtol=1e-4)
    finally:
        engine.close()


class _Shelf(BaseHTTPRequestHandler):
    """Answers as TF Hub does, from a table of archives."""

    def __init__(self, archives: Mapping[str, bytes], asked: list[str], *rest: Any) -> None:
        self._archives, self._asked = archives, asked
        super().__init__(*rest)

    def do_GET(self) -> None:
        self._asked.append(self.path)
        data = self._archives.get(self.path.removesuffix("?tf-hub-format=compressed"))
        self.send_response(200 if data else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_: object) -> None:
        pass


class Hub:
    """A TF Hub on this machine.

    Attributes:
        archives: what it has, by path.
        asked: what it was asked for.
    """

    def __init__(self) -> None:
        self.archives: dict[str, bytes] = {}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Shelf, self.archives, self.asked))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def handle(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    server = Hub()
    yield server
    server.close()


def archive(directory: Path) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        tar.add(directory, arcname=".")
    return out.getvalue()


def test_a_handle_is_fetched_once_and_works_without_the_network_from_then_on(
    hub: Hub, forms: Path, tmp_path: Path
) -> None:
    hub.archives["/someone/small/1"] = archive(forms / "reusable")
    handle = hub.handle("/someone/small/1")
    model = resolve(handle, tmp_path)
    assert hub.asked == ["/someone/small/1?tf-hub-format=compressed"]
    assert model.spec.source == model.spec.name == handle
    assert (model.spec.value_range, model.spec.dimension) == ((0.0, 1.0), DIMENSION)
    hub.close()
    assert resolve(handle, tmp_path) == model
    assert (tmp_path / "tfhub").is_dir()


@pytest.mark.slow
def test_the_cache_of_tensorflow_hub_is_honoured(
    hub: Hub, forms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.archives["/someone/small/1"] = archive(forms / "reusable")
    handle = hub.handle("/someone/small/1")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "elsewhere"))
    first = resolve(handle, tmp_path / "one")
    assert len(list((tmp_path / "elsewhere").glob("*/saved_model.pb"))) == 1
    assert resolve(handle, tmp_path / "two").fingerprint == first.fingerprint
    assert len(hub.asked) == 1


def test_a_handle_that_cannot_be_fetched_is_refused_with_what_to_do(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be fetched: .*404.*another way"):
        resolve(hub.handle("/nobody/nothing/1"), tmp_path)


@pytest.mark.slow
def test_an_archive_that_is_cut_short_leaves_nothing(hub: Hub, forms: Path, tmp_path: Path) -> None:
    whole = archive(forms / "reusable")
    hub.archives["/someone/small/1"] = whole[: len(whole) // 2]
    with pytest.raises(ModelError, match="cannot be fetched"):
        resolve(hub.handle("/someone/small/1"), tmp_path)
    hub.archives["/someone/small/1"] = whole
    assert resolve(hub.handle("/someone/small/1"), tmp_path).spec.dimension == DIMENSION


@pytest.mark.slow
def test_an_archive_that_writes_outside_its_directory_is_refused(hub: Hub, tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../escaped"), io.BytesIO())
    hub.archives["/evil/1"] = out.getvalue()
    with pytest.raises(ModelError, match="cannot be fetched"):
        resolve(hub.handle("/evil/1"), tmp_path / "cache")
    assert not list(tmp_path.rglob("escaped"))


def test_a_known_model_goes_by_its_name_and_handles_and_may_be_put_into_the_cache_by_hand(tmp_path: Path) -> None:
    for known in HUB:
        by_hand = tmp_path / known.spec.name
        by_hand.mkdir(parents=True)
        for name in (known.spec.name, known.spec.source, *known.others):
            located = locate(name, tmp_path)
            assert (located.name, located.path) == (known.spec.name, by_hand)
            assert located.values["value_range"] == (0.0, 1.0)


@pytest.mark.slow
def test_a_known_model_put_by_hand_must_be_the_known_one(forms: Path, tmp_path: Path) -> None:
    shutil.copytree(forms / "reusable", tmp_path / "mobilenet_v2_100_224")
    with pytest.raises(ModelError, match="input_height 64, not 224"):
        resolve("mobilenet_v2_100_224", tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("known", "architecture", "form"),
    [
        ("mobilenet_v3_large_100_224", "MobileNetV3Large", "reusable"),
        ("mobilenet_v2_100_224", "MobileNetV2", "reusable"),
        ("efficientnet/b0", "EfficientNetB0", "reusable"),
        ("efficientnet/lite0", "EfficientNetB0", "hub1"),
    ],
)
def test_a_known_model_of_its_architecture_loads_and_engines_agree(
    tmp_path: Path, known: str, architecture: str, form: str
) -> None:
    export(architecture, "224", str(tmp_path / "export"))
    by_hand = tmp_path / "models" / known
    by_hand.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "export" / form).rename(by_hand)
    model = resolve(known, tmp_path / "models")
    assert (model.spec.name, model.spec.dimension, model.spec.licence) == (known, 1280, "Apache-2.0")
    pixels = pictures(224, 224)
    assert lowest_cosine(seen_by_openvino(model, pixels), seen_by_tensorflow(model, pixels)) >= 0.9999
    opened = open_engine(model, "cpu", threads=1)
    assert Featurizer(opened.engine, model).embed(pixels).shape == (4, 1280)
    opened.engine.close()
