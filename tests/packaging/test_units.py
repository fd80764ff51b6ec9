"""The units: systemd reads them without complaint, and the host's service is as closed as promised."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def test_the_hosts_service_is_exposed_to_little() -> None:
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--threshold=15",
        "--no-pager",
        str(UNITS / "simd.service"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["simd.service", "simd-user.service"])
def test_systemd_reads_the_unit_without_complaint(name: str, tmp_path: Path) -> None:
    text = (UNITS / name).read_text()
    for command in ("/opt/simd/bin/simd", "%h/.local/bin/simd"):
        text = text.replace(f"ExecStart={command}", f"ExecStart={sys.executable}")
    (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
