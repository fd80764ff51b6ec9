"""Which state directory root means: the one of the service that systemd runs, as the unit starts it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from simd import config
from simd.app.unit import Service, installed, settings_for
from simd.config import Settings
from simd.errors import ConfigError

TOLD = """LoadState=loaded
StateDirectory=simd
RuntimeDirectory=simd
ExecStart={ path=/opt/simd/bin/simd ; argv[]=/opt/simd/bin/simd serve --config /etc/simd/simd.toml ; \
ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
Environment=SIMD_DEVICE=cpu "SIMD_MODEL=a b"
SupplementaryGroups=photos 1000
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about root")


def loading(home: Path, **flags: object) -> Callable[[Service], Settings]:
    """As the command does it; the service's arguments are not looked at."""

    def load(service: Service) -> Settings:
        return config.load(environ={"HOME": str(home), **service.environ}, flags=flags)

    return load


def test_the_unit_tells_how_the_service_is_started() -> None:
    assert installed(lambda: TOLD) == Service(
        ("--config", "/etc/simd/simd.toml"),
        {
            "STATE_DIRECTORY": "/var/lib/simd",
            "RUNTIME_DIRECTORY": "/run/simd",
            "SIMD_DEVICE": "cpu",
            "SIMD_MODEL": "a b",
        },
        ("photos", "1000"),
    )


def test_without_a_unit_there_is_no_service(tmp_path: Path) -> None:
    assert installed(lambda: "LoadState=not-found\n") is None
    assert installed(lambda: None, tmp_path / "nothing") is None


@pytest.mark.parametrize(
    "told",
    [
        TOLD.replace("simd serve", "wrapper"),
        TOLD + "EnvironmentFiles=/etc/default/simd (ignore_errors=yes)\n",
        TOLD.replace("ExecStart={", "ExecStart={ argv[]=/bin/true ; } {"),
        None,
    ],
)
def test_in_doubt_the_state_directory_must_be_said(told: str | None, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--state-dir"):
        installed(lambda: told, tmp_path)


@as_root
def test_root_means_the_service(tmp_path: Path) -> None:
    found = settings_for(loading(tmp_path), lambda: installed(lambda: TOLD))
    assert found.settings.state_dir == Path("/var/lib/simd")
    assert (found.settings.device, found.settings.listen) == ("cpu", "unix:/run/simd/simd.sock")
    assert (found.unit, found.groups) == ("simd.service", ("photos", "1000"))


@as_root
def test_what_root_says_and_what_root_alone_has_stands(tmp_path: Path) -> None:
    said = settings_for(loading(tmp_path, state_dir=tmp_path), lambda: installed(lambda: TOLD))
    assert (said.settings.state_dir, said.unit) == (tmp_path, "")
    alone = settings_for(loading(tmp_path), lambda: None)
    assert alone.settings.state_dir == tmp_path / ".local/state/simd"


@as_root
def test_root_who_has_a_state_of_his_own_must_say_which(tmp_path: Path) -> None:
    (tmp_path / ".local/state/simd/index").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"simd\.service.*--state-dir"):
        settings_for(loading(tmp_path), lambda: installed(lambda: TOLD))


@as_root
def test_a_unit_that_does_not_say_where_the_state_is_leaves_it_to_root(tmp_path: Path) -> None:
    told = TOLD.replace("StateDirectory=simd", "StateDirectory=")
    with pytest.raises(ConfigError, match=r"--state-dir"):
        settings_for(loading(tmp_path), lambda: installed(lambda: told))
