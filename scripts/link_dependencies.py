"""Link the distributions that simd depends on, with some of its extras, from this environment into another.

scripts/link_dependencies.py ENVIRONMENT [EXTRA...]
"""

from __future__ import annotations

import sys
import sysconfig
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]


def dependencies(extras: list[str]) -> set[str]:
    """The canonical names of the distributions that simd with these extras consists of, itself left out."""
    found: set[tuple[str, str]] = set()
    todo = [(_PROJECT["name"], extra) for extra in ("", *extras)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for line in _requirements(name, extra):
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(needed.name), each) for each in ("", *needed.extras)]
    return {name for name, _ in found} - {_PROJECT["name"]}


def _requirements(name: str, extra: str) -> list[str]:
    if name == _PROJECT["name"]:
        return list(_PROJECT["optional-dependencies"][extra] if extra else _PROJECT["dependencies"])
    return distribution(name).requires or []


def link(name: str, site: Path) -> None:
    """Link every file of a distribution; commands and byte code are left out."""
    for file in distribution(name).files or []:
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(str(file.locate())).resolve())


def main(environment: str, *extras: str) -> None:
    """Do what the command line says."""
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": environment}))
    for name in sorted(dependencies(list(extras))):
        link(name, site)


if __name__ == "__main__":
    main(*sys.argv[1:])
