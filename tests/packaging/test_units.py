"""The units: systemd reads them without complaint, and the host's service is as closed as promised."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simd.errors import ConfigError

LONG_START_S = 30
"""A start that converts a model takes less."""
UNITS = Path(__file__).parents[2] / "systemd"

NAMES = ["simd.service", "simd-user.service", "simd-web.service", "simd-web-user.service"]

analyzed = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def option(name: str, key: str) -> str:
    """The only value of an option of a unit, "" if it has none."""
    found = [line.partition("=")[2] for line in (UNITS / name).read_text().splitlines() if line.startswith(f"{key}=")]
    assert len(found) <= 1
    return found[0] if found else ""


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_that_is_wrong_is_not_tried_again(name: str) -> None:
    assert option(name, "RestartPreventExitStatus").split() == [str(ConfigError.exit_code)]


@pytest.mark.parametrize("name", NAMES)
def test_a_daemon_that_ends_at_every_start_is_given_up(name: str) -> None:
    starts, within_s = int(option(name, "StartLimitBurst") or 5), int(option(name, "StartLimitIntervalSec") or 10)
    assert starts * (int(option(name, "RestartSec")) + LONG_START_S) < within_s


def test_the_page_sees_no_pictures_and_reaches_no_other_machine() -> None:
    assert option("simd-web.service", "IPAddressDeny") == "any"
    assert option("simd-web.service", "IPAddressAllow") == "localhost"
    assert {"-/srv", "-/mnt", "-/media", "-/var/lib"} <= set(option("simd-web.service", "InaccessiblePaths").split())
    assert option("simd-web.service", "ProtectHome") == "yes"


def test_the_page_is_the_user_whose_socket_it_asks() -> None:
    # A dynamic user's name is that of its unit, unless it is given.
    assert option("simd.service", "DynamicUser") == option("simd-web.service", "DynamicUser") == "yes"
    assert option("simd.service", "User") in ("", "simd") and option("simd-web.service", "User") == "simd"


@analyzed
@pytest.mark.parametrize("name", ["simd.service", "simd-web.service"])
def test_a_hosts_service_is_exposed_to_little(name: str) -> None:
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--threshold=15",
        "--no-pager",
        str(UNITS / name),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@analyzed
@pytest.mark.parametrize("name", NAMES)
def test_systemd_reads_the_unit_without_complaint(name: str, tmp_path: Path) -> None:
    text = (UNITS / name).read_text()
    for command in ("/opt/simd/bin/simd", "%h/.local/bin/simd"):
        text = text.replace(f"ExecStart={command}", f"ExecStart={sys.executable}")
    (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
