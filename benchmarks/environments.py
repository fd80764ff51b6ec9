"""Virtual environments for what the project's own cannot have, made once, under `.cache/venvs`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

VENVS = Path(__file__).parent.parent / ".cache" / "venvs"
_INSTALL_TIMEOUT_S = 1200.0


def environment(name: str, version: str, requirements: Sequence[str]) -> Path:
    """The directory of an environment with a Python of this version ("3.12") and what is required.

    Raises:
        OSError: there is no such Python here.
        SubprocessError: the installation failed, or took too long.
    """
    venv = VENVS / name
    ready = venv / "ready"
    if not ready.exists():
        print(f"installing {name} into {venv}", file=sys.stderr)
        subprocess.run([_interpreter(version), "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run(
            [str(venv / "bin/pip"), "install", "--quiet", *requirements],
            check=True, timeout=_INSTALL_TIMEOUT_S, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        ready.touch()
    return venv


def _interpreter(version: str) -> str:
    for python in _candidates(version):
        if subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0:
            return python
    raise FileNotFoundError(f"there is no python{version} here; install one, or put it on the PATH")


def _candidates(version: str) -> Iterator[str]:
    """What may be that Python: a shim on the PATH may refuse where pyenv has the version and does not use it."""
    found = shutil.which(f"python{version}")
    if found is not None:
        yield found
    for python in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}*/bin/python")):
        yield str(python)
