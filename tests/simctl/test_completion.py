"""What shells complete, tried in the shells themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from simctl.cli import whole_parser

from tests.serving.doubles import environment

COMPLETE = """
source <("$PYTHON" -m simctl completion bash) || exit 9
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
complete=$(complete -p simctl | sed -n 's/.*-F \\([^ ]*\\) .*/\\1/p')
"$complete" simctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def simctl(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "simctl", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment({}),
        timeout=30,
    )
    return done.stdout


def completed(*words: str, cwd: Path | None = None) -> set[str]:
    """What bash offers for the last word."""
    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE, "bash", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment({"PYTHON": sys.executable}),
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def commands() -> set[str]:
    actions = whole_parser()._actions
    choices = next(action.choices for action in actions if action.dest == "command")
    assert choices is not None
    return set(choices)


def test_bash_completes_the_commands() -> None:
    assert completed("simctl", "") >= commands()
    assert completed("simctl", "st") == {"status"}
    assert completed("simctl", "com") == {command for command in commands() if command.startswith("com")}


def test_bash_completes_the_options_of_a_command() -> None:
    assert completed("simctl", "search", "--min") == {"--min-similarity"}
    assert "--min-similarity" not in completed("simctl", "status", "--")
    assert completed("simctl", "status", "--w") == {"--watch"}


def test_bash_completes_files_where_a_command_takes_files(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    (tmp_path / "folder").mkdir()
    assert completed("simctl", "search", "pho", cwd=tmp_path) == {"photo.jpg"}
    assert completed("simctl", "completion", "f", cwd=tmp_path) == {"fish"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_read_its_script(shell: str, tmp_path: Path) -> None:
    script = simctl("completion", shell)
    assert all(command in script for command in commands())
    assert json.loads(simctl("completion", shell, "--json")) == {"shell": shell, "script": script}
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(script)
    done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", ["simctl.1", "simd.8"])
def test_the_manual_is_sound(page: str) -> None:
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    path = Path(__file__).parents[2] / "man" / page
    done = subprocess.run(
        ["man", "--warnings", "--local-file", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert page.split(".")[0] in done.stdout
