"""How pip builds simd: hatchling, and the default model's SavedModel made and put into the wheel.

So an installed wheel runs without TensorFlow, which only the building of it needs. An editable installation gets no
SavedModel: a checkout makes its own once, in the directory of models that it is started with.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from hatchling import build
from hatchling.build import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
)
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]

_DATA = "simd/featurize/models/data"
_MAKE = """
import sys
from pathlib import Path
from simd.config import DEFAULT_MODEL
from simd.featurize.models.model import resolve
print(DEFAULT_MODEL, resolve(DEFAULT_MODEL, Path(sys.argv[1])).directory, sep="\\n")
"""


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What hatchling needs, and what makes the SavedModel."""
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = [line for extra in ("cpu", "daemon") for line in extras[extra]]
    makers = [line for line in lines if line.startswith(("pillow>", "tensorflow>"))]
    return [*build.get_requires_for_build_wheel(config_settings), *makers]


class SavedModelHook(BuildHookInterface[Any]):
    """Makes the SavedModel in `.cache/models`, as everything else in a checkout does, and has the wheel include it."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before anything is built."""
        if version != "standard":
            return
        root = Path(self.root)
        path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            [sys.executable, "-c", _MAKE, str(root / ".cache" / "models")],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"the default model cannot be made for the wheel: {done.stderr.strip()}")
        name, directory = done.stdout.splitlines()
        build_data["force_include"][directory] = f"{_DATA}/{name}"
