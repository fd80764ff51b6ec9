"""What libraries do behind our back, they do not do here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

IMPORT = "from simd.featurize.engines.openvino import import_openvino; print(import_openvino().__name__)"
NO_HOME = "import pwd; pwd.getpwuid = lambda uid: {}[uid]; "


def run(program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    # Where CI is set, OpenVINO's telemetry stays off by itself.
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "TF_BUILD", "JENKINS_URL", "HOME")}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**kept, **environ})


def test_openvino_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    done = run(IMPORT, HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "openvino\n"), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("environ", [{}, {"HOME": "/nonexistent"}], ids=["none", "missing"])
def test_openvino_needs_no_home(environ: dict[str, str]) -> None:
    done = run(NO_HOME + IMPORT, **environ)
    assert (done.returncode, done.stdout) == (0, "openvino\n"), done.stderr
