"""The daemon that systemd runs on this host, for root who wants to look at its state: how it is started, by the unit.

Root's own settings are other ones: its state would be below its home, where nothing is, and a check of that would call
everything whole.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simd.config import Settings
from simd.errors import ConfigError

UNIT = "simd.service"
STATE = Path("/var/lib/simd")
"""Where the unit that comes with simd keeps its state."""

_DIRECTORIES = {
    "StateDirectory": ("STATE_DIRECTORY", "/var/lib"),
    "RuntimeDirectory": ("RUNTIME_DIRECTORY", "/run"),
}
"""Properties that name directories, the variables in which the service finds them, and where they are."""
_PROPERTIES = (*_DIRECTORIES, "LoadState", "ExecStart", "Environment", "EnvironmentFiles", "SupplementaryGroups")
_REMEDY = "say with --state-dir which state directory is meant"


@dataclass(frozen=True, slots=True)
class Service:
    """How it is started: the arguments after `simd serve`, the variables, the groups beside its own."""

    arguments: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Examined:
    """Settings of a daemon that is looked at, the unit that they are of, if they are, and the groups of its user."""

    settings: Settings
    unit: str = ""
    groups: tuple[str, ...] = ()


def ask_systemd() -> str | None:
    """What systemd says of the unit, a property a line; None if there is no systemd that answers."""
    command = ["systemctl", "show", UNIT, f"--property={','.join(_PROPERTIES)}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def installed(ask: Callable[[], str | None] = ask_systemd, state: Path = STATE) -> Service | None:
    """The service of this host; None if there is none.

    Args:
        ask: as `ask_systemd`.
        state: where its state is likely to be, for when systemd does not answer.

    Raises:
        ConfigError: there seems to be one, and how it is started is not known.
    """
    answer = ask()
    if answer is None:
        if os.path.lexists(state):
            raise ConfigError(
                f"{state} is a service's, and systemd does not say how that is started", field="state_dir",
                remedy=_REMEDY,
            )  # fmt: skip
        return None
    properties = dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)
    if properties.get("LoadState") != "loaded":
        return None
    return Service(_arguments(properties), _environ(properties), tuple(properties["SupplementaryGroups"].split()))


def _arguments(properties: Mapping[str, str]) -> tuple[str, ...]:
    found = re.findall(r"argv\[\]=(.*?) ; ", properties["ExecStart"])
    words = shlex.split(found[0]) if len(found) == 1 else []
    if len(words) < 2 or words[1] != "serve":
        raise ConfigError(f"{UNIT} does not start `simd serve` in a way that is known", field="state_dir",
                          remedy=_REMEDY)  # fmt: skip
    return tuple(words[2:])


def _environ(properties: Mapping[str, str]) -> dict[str, str]:
    if files := properties.get("EnvironmentFiles"):
        raise ConfigError(f"{UNIT} takes variables from a file ({files})", field="state_dir", remedy=_REMEDY)
    environ = dict(word.split("=", 1) for word in shlex.split(properties["Environment"]) if "=" in word)
    for name, (variable, top) in _DIRECTORIES.items():
        if first := properties[name].split():
            environ[variable] = f"{top}/{first[0].split(':')[0]}"
    credentials = f"/run/credentials/{UNIT}"
    return {"CREDENTIALS_DIRECTORY": credentials, **environ} if os.path.isdir(credentials) else environ


def settings_for(load: Callable[[Service], Settings], service: Callable[[], Service | None] = installed) -> Examined:
    """The settings for looking at a state directory: for root those of the service, unless another one is named.

    Args:
        load: reads the settings as they are if a daemon is started so; raises `ConfigError`.
        service: as `installed`.

    Raises:
        ConfigError: a setting is wrong, or it is not clear which state directory is meant.
    """
    own = load(Service())
    if os.geteuid() != 0 or own.source["state_dir"] != "default" or "STATE_DIRECTORY" in os.environ:
        return Examined(own)
    found = service()
    if found is None:
        return Examined(own)
    if holds_state(own.state_dir):
        raise ConfigError(f"{own.state_dir} holds a state, and so does {UNIT}'s", field="state_dir", remedy=_REMEDY)
    settings = load(found)
    if settings.source["state_dir"] == "default" and "STATE_DIRECTORY" not in found.environ:
        raise ConfigError(f"{UNIT} does not say where its state is", field="state_dir", remedy=_REMEDY)
    return Examined(settings, UNIT, found.groups)


def holds_state(directory: Path) -> bool:
    """Whether a daemon has kept anything in a state directory."""
    return any((directory / name).exists() for name in ("serving.json", "catalogue.sqlite", "index"))
