"""The house is kept: small modules, one place for what must be in one place, a client that stays thin."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
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


FUNCTIONS = {
    "os": {
        "fdatasync", "fsync", "ftruncate", "link", "remove", "removedirs", "rename", "renames", "replace", "rmdir",
        "symlink", "sync", "truncate", "unlink",
    },
    "shutil": {"move", "rmtree"},
    "tempfile": {"NamedTemporaryFile", "TemporaryDirectory", "mkdtemp", "mkstemp"},
    "fcntl": {"flock", "lockf"},
}  # fmt: skip
"""What syncs, locks, or takes names away, by module."""

METHODS = {"hardlink_to", "rename", "rmdir", "symlink_to", "truncate", "unlink"}
"""The same of paths and open files. `replace` is also a path's, with one argument; text and dataclasses take others."""

EXEMPT = {
    (
        "simd/featurize/models/conversion.py",
        "os.rename",
    ): "a cache: each model is verified when loaded, and made again",
    ("simd/featurize/models/conversion.py", "shutil.rmtree"): "what a conversion that was killed left in the cache",
    ("simd/featurize/models/conversion.py", "tempfile.TemporaryDirectory"): "a model on its way into the cache",
    ("simd/indexing/roots/watched.py", "self._roots.replace"): "no path: the roots in memory",
    ("simd/app/modelsinuse.py", "self.serving.replace"): "no path: the model in use",
    ("simd/serving/transport/address.py", "path.unlink"): "a socket that nobody answers",
    ("simd/serving/transport/listener.py", "tempfile.TemporaryDirectory"): "the place of a socket",
}
"""Where files are touched that need not survive, or no files."""


def is_forbidden(node: ast.AST, modules: Mapping[str, str]) -> bool:
    """Whether something syncs, locks, or takes names away, and is no `Disk` that does.

    Args:
        node: a call or a name in it.
        modules: what the modules of `FUNCTIONS` are called here, and which they are.
    """
    if isinstance(node, ast.Attribute):
        owner = ast.unparse(node.value)
        if owner in modules:
            return node.attr in FUNCTIONS[modules[owner]]
        return node.attr in METHODS and owner.rpartition(".")[2].strip("_") not in ("disk", "Disk()")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "replace":
        return len(node.args) == 1 and not node.keywords
    return False


def touched(text: str) -> set[str]:
    """How a module syncs, locks, or takes names away itself."""
    nodes = list(ast.walk(ast.parse(text)))
    imports = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules = {alias.asname or alias.name: alias.name for alias in imports if alias.name in FUNCTIONS}
    named = {
        f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in FUNCTIONS.get(node.module or "", ())
    }
    found = [node for node in nodes if is_forbidden(node, modules)]
    return named | {ast.unparse(node.func if isinstance(node, ast.Call) else node) for node in found}


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.parts[0] == "simd" and m != Path("simd/durable.py")], ids=str
)
def test_only_durable_syncs_locks_and_takes_names_away(module: Path) -> None:
    expected = {call for path, call in EXEMPT if path == str(module)}
    assert touched((REPOSITORY / module).read_text()) == expected


@pytest.mark.parametrize(
    "line",
    [
        "os.fsync(fd)", "os.replace(a, b)", "os.rename(a, b)", "os.unlink(a)", "os.remove(a)", "os.rmdir(a)",
        "os.link(a, b)", "os.truncate(a, 0)", "os.ftruncate(fd, 0)", "shutil.rmtree(a)", "shutil.move(a, b)",
        "fcntl.flock(fd, 2)", "a.unlink()", "a.parent.unlink(missing_ok=True)", "a.rename(b)", "a.replace(b)",
        "a.rmdir()", "a.hardlink_to(b)", "a.symlink_to(b)", "a.truncate(0)", "map(os.unlink, names)",
        "map(Path.unlink, a)", "from os import unlink", "from shutil import rmtree as gone",
        "import os as system; system.unlink(a)",
    ],
)  # fmt: skip
def test_whatever_syncs_locks_or_takes_names_away_is_seen(line: str) -> None:
    assert len(touched(f"import fcntl, os, shutil\n{line}")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "disk.rename(a, b)", "self._disk.remove(a)", "self._disk.truncate(fd, 0, a)", "Disk().rename(a, b)",
        "a.replace('x', 'y')", "dataclasses.replace(a, b=1)", "replace(a, b=1)", "items.remove(a)",
        "os.path.join(a, b)", "os.open(a, os.O_RDONLY)", "shutil.disk_usage(a)",
    ],
)  # fmt: skip
def test_what_takes_no_names_away_and_a_disk_is_not_taken_for_it(line: str) -> None:
    assert touched(f"import fcntl, os, shutil\n{line}") == set()


def test_the_clients_dependencies_are_few_and_light() -> None:
    base = [line for line in requires("simd-images") or [] if "extra ==" not in line]
    names = {re.split(r"[^a-z0-9-]", line)[0] for line in base}
    assert names == {"grpcio", "protobuf", "googleapis-common-protos"}


def test_the_client_and_the_package_import_neither_numpy_nor_tensorflow() -> None:
    program = "import simd, simctl.cli, sys; print(sorted({'numpy', 'tensorflow', 'PIL', 'faiss'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_version_and_changelog_agree() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert versions and versions[0] == simd.__version__


@cache
def called(module: Path) -> set[str]:
    """The names of what a module defines, calls or names in a string: comments and docstrings do not count."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((REPOSITORY / module).read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.Attribute(attr=name):
                names.add(name)
            case ast.Constant(value=str(text)) if "\n" not in text and " " not in text:
                names.add(text)
    return names


RPCS = [
    rpc
    for proto in sorted((REPOSITORY / "protos").rglob("*_service.proto"))
    for rpc in re.findall(r"^  rpc (\w+)\(", proto.read_text(), re.MULTILINE)
]


@pytest.mark.parametrize("rpc", sorted(set(RPCS)))
def test_an_rpc_is_written_where_the_architecture_says(rpc: str) -> None:
    """docs/architecture.md lists six places; the other two do not name the RPC: its conversion and its command."""
    found = [
        module
        for module in MODULES
        # The page, and a daemon that asks its peers, call like any client.
        if module.parts[0] in ("simd", "client")
        and module.parts[1] != "web"
        and module != Path("simd/serving/images/peers.py")
        and rpc in called(module)
    ]
    rooms = ["simd/serving/transport/rules.py", r"simd/serving/\w+/\w+_service.py", "client/simctl/"]
    # Each service that has it has it in the last two; gRPC's own status has that name as well.
    assert len(found) == 1 + 2 * RPCS.count(rpc) or rpc == "Status", found
    for room in rooms:
        assert any(re.match(room, str(module)) for module in found), (room, found)
