"""The house is kept: small modules, one place for what must be in one place, a client that stays thin."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

import simd

REPOSITORY = Path(__file__).parent.parent
MODULES = [
    path.relative_to(REPOSITORY)
    for folder in ("simd", "client", "benchmarks", "scripts")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
    if path.parent.name != "v1"
]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_a_docstring_and_at_most_400_lines(module: Path) -> None:
    text = (REPOSITORY / module).read_text()
    assert text.startswith('"""')
    assert text.count("\n") <= 400


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.parts[0] == "simd" and m != Path("simd/durable.py")], ids=str
)
def test_only_durable_syncs_replaces_and_locks(module: Path) -> None:
    calls = r"\bos\.(fsync|fdatasync|replace)\b|\bflock\b"
    assert not re.search(calls, (REPOSITORY / module).read_text())


def test_the_clients_dependencies_are_few_and_light() -> None:
    base = [line for line in requires("simd-images") or [] if "extra ==" not in line]
    names = {re.split(r"[^a-z0-9-]", line)[0] for line in base}
    assert names <= {"grpcio", "protobuf", "googleapis-common-protos"}


def test_the_client_and_the_package_import_neither_numpy_nor_tensorflow() -> None:
    program = "import simd, simctl.cli, sys; print(sorted({'numpy', 'tensorflow', 'PIL', 'faiss'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_version_and_changelog_agree() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert versions and versions[0] == simd.__version__
