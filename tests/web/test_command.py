"""`simd web` as it is installed: what it needs, and what it says where that is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
missing = sys.argv.pop(1).split(",")
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in missing:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
from simd.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run(missing: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`simd` where packages are not installed."""
    command = [sys.executable, "-c", PROGRAM, missing, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_where_the_extra_is_missing_it_is_named(package: str) -> None:
    done = run(package, "web")
    assert done.returncode == 2
    assert f"simd: {package} is not installed; `pip install 'simd-images[web]'` brings it" in done.stderr


def test_the_page_needs_nothing_that_the_daemon_needs() -> None:
    done = run("numpy,PIL,cv2,faiss,openvino,watchdog,prometheus_client,grpc_health,grpc_status", "web", "--http", "x")
    assert (done.returncode, done.stderr) == (2, "simd: cannot listen on 'x': write HOST:PORT\n")


def test_a_page_whose_daemon_cannot_be_is_not_started() -> None:
    done = run("", "web", "--address", "nowhere")
    assert done.returncode == 2
    assert "is neither unix:PATH nor HOST:PORT" in done.stderr
