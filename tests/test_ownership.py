"""Root that looks at or repairs somebody else's state: everything in it stays that user's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simd import config
from simd.app import doctor, machine
from simd.app.checkup import check
from simd.app.ownership import foreign_files, restore_owner
from simd.config import Settings
from simd.errors import ConfigError
from simd.featurize.models.model import Model
from tests.test_checkup import damaged_index

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="is about root")

OWNER = 61234


def settings(state: Path, models_dir: Path) -> Settings:
    environ = {"HOME": str(state.parent), "XDG_RUNTIME_DIR": str(state.parent)}
    return config.load(environ=environ, flags={"state_dir": state, "models_dir": models_dir})


@pytest.fixture
def state(tmp_path: Path, models_dir: Path, model: Model) -> Path:
    """A damaged index of another user, below a directory that only root may enter, as systemd keeps it."""
    (tmp_path / "private").mkdir(mode=0o700)
    state = tmp_path / "private" / "simd"
    state.mkdir()
    damaged_index(settings(state, models_dir), model)
    give_to_owner(state)
    return state


def give_to_owner(state: Path) -> None:
    for path in (state, *state.rglob("*")):
        os.chown(path, OWNER, OWNER, follow_symlinks=False)


def simd(*arguments: str, state: Path, models_dir: Path, user: int | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simd", *arguments, "--state-dir", str(state), "--models-dir", str(models_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.model
@pytest.mark.parametrize("command", [("check",), ("check", "--repair"), ("doctor",)])
def test_nothing_becomes_roots(state: Path, models_dir: Path, command: tuple[str, ...]) -> None:
    done = simd(*command, state=state, models_dir=models_dir)
    assert done.returncode == (0 if command == ("doctor",) else 1), done.stdout + done.stderr
    assert foreign_files(state) == []
    assert "cannot be written" not in done.stdout and "Traceback" not in done.stderr
    if "--repair" in command:
        assert "1 images saved" in done.stdout
        again = simd("check", state=state, models_dir=models_dir)
        assert (again.returncode, again.stdout) == (0, f"index and catalogue in {state} are whole\n")


@pytest.mark.model
def test_what_is_roots_already_is_named_and_given_back(state: Path, models_dir: Path) -> None:
    simd("check", "--repair", state=state, models_dir=models_dir)
    for name in ("lock", "index"):
        os.chown(state / name, 0, 0)
    for command in ("check", "doctor"):
        done = simd(command, state=state, models_dir=models_dir)
        assert done.returncode == 1 and "2 files" in done.stdout and str(state / "index") in done.stdout
        assert "check --repair" in done.stdout
    assert "given back" in simd("check", "--repair", state=state, models_dir=models_dir).stdout
    assert foreign_files(state) == []
    assert simd("check", state=state, models_dir=models_dir).returncode == 0


def test_a_state_directory_that_is_a_link_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "roots").touch()
    os.chown(tmp_path / "private", OWNER, OWNER)
    (tmp_path / "state").symlink_to("private")
    assert foreign_files(tmp_path / "state") == [tmp_path / "private" / "roots"]
    restore_owner(tmp_path / "state")
    assert foreign_files(tmp_path / "state") == []


def test_a_link_and_a_second_name_lead_root_nowhere(tmp_path: Path) -> None:
    state, secret = tmp_path / "state", tmp_path / "secret"
    state.mkdir()
    secret.write_text("root's")
    (state / "link").symlink_to(secret)
    os.link(secret, state / "second")
    os.chown(state, OWNER, OWNER)
    restore_owner(state)
    assert os.stat(secret).st_uid == 0
    assert os.stat(state / "link", follow_symlinks=False).st_uid == OWNER


@pytest.mark.model
def test_a_link_in_place_of_the_lock_is_not_written_through(state: Path, models_dir: Path) -> None:
    victim = state.parent.parent / "victim"
    victim.write_text("root's")
    victim.chmod(0o600)
    (state / "lock").unlink(missing_ok=True)
    (state / "lock").symlink_to(victim)
    os.chown(state / "lock", OWNER, OWNER, follow_symlinks=False)
    done = simd("check", state=state, models_dir=models_dir)
    assert done.returncode == 1 and "lock" in done.stderr and "Traceback" not in done.stderr
    assert victim.read_text() == "root's"


@pytest.mark.model
@pytest.mark.parametrize("enter", [False, True])
def test_who_may_not_read_it_is_told_so(state: Path, models_dir: Path, enter: bool) -> None:
    for directory in (*state.parents[:4], *([state] if enter else [])):
        directory.chmod(0o711)
    state.parent.chmod(0o711 if enter else 0o700)
    state.chmod(0o700)
    mine = settings(state, models_dir)
    os.seteuid(OWNER + 1)
    try:
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            check(mine)
        wrong = [finding.text for finding in [*machine.state_directory(state), *doctor.state(mine)] if finding.wrong]
    finally:
        os.seteuid(0)
    assert [text for text in wrong if "cannot be written" in text] and [
        text for text in wrong if "cannot be read" in text
    ]
