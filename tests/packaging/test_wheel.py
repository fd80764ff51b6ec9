"""The wheel: what is in it, and that the thin client in it needs nothing but its own few dependencies."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    command = [str(Path(sys.executable).with_name("hatchling")), "build", "--target", "wheel", "--directory", str(dist)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
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
        if path.is_file() and "__pycache__" not in path.parts
    }
    missing = ours - names(wheel)
    assert not missing


def test_it_holds_types_generated_code_golden_vectors_and_units(wheel: Path) -> None:
    expected = {
        "simd/py.typed",
        "simctl/py.typed",
        "simd/v1/search_service_pb2.py",
        "simd/v1/search_service_pb2.pyi",
        "simd/v1/search_service_pb2_grpc.py",
        "simd/featurize/models/golden_vectors/efficientnet-lite0.npy",
    }
    assert expected <= names(wheel)
    shared = {name.split("/data/")[1] for name in names(wheel) if "/data/" in name}
    assert {f"share/simd/systemd/{name}" for name in ("simd.service", "simd-user.service", "simd.toml")} <= shared


def dependencies(name: str) -> set[str]:
    """The distributions that a thin installation of one consists of, itself left out."""
    found: set[str] = set()
    for line in distribution(name).requires or []:
        if "extra ==" in line:
            continue
        needed = re.split(r"[^A-Za-z0-9_.-]", line)[0]
        found |= {needed} | dependencies(needed)
    return found


@pytest.fixture(scope="module")
def thin(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment with the wheel, what it requires, and nothing else."""
    environment = tmp_path_factory.mktemp("thin")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(environment)}))
    for name in dependencies("simd-images"):
        for file in distribution(name).files or []:
            target = site / file
            if ".." not in file.parts and file.suffix != ".pyc":
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(Path(str(file.locate())))
    python = environment / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    return environment / "bin"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd="/")


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
    assert "pip install 'simd-images[daemon]'" in done.stderr and "Traceback" not in done.stderr
