"""A real daemon in a process of its own, driven as a person would drive it."""

from __future__ import annotations

import ctypes
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simctl.cli import main

HERE = Path(__file__).resolve().parents[2]
PHOTOS = HERE / "samples" / "photos"
MODELS = HERE / ".cache" / "models"

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def obey_permissions() -> None:
    """In a child, before it runs its program: file permissions hold for root as well."""
    libc = ctypes.CDLL(None)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command of `simctl` ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


class Daemon:
    """`simd serve` with a state directory, one root, and a socket in a short path.

    Attributes:
        settings: by their names in the environment; a first map of a few pictures takes as long as indexing them does.
    """

    def __init__(self) -> None:
        # Each batch and each refused file has a line at this level.
        self.settings = {"SIMD_LOG_LEVEL": "debug", "SIMD_ATLAS": "off"}
        self.work = Path(tempfile.mkdtemp(prefix="simd-e2e-"))
        self.root = self.work / "root"
        self.root.mkdir()
        self.roots = [self.root]
        self.state = self.work / "state"
        self.address = f"unix:{self.work}/s"
        self.log = self.work / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *more: str) -> list[str]:
        """What starts it."""
        roots = [part for root in self.roots for part in ("--root", str(root))]
        return [
            sys.executable, "-m", "simd", "serve", *roots, "--state-dir", str(self.state),
            "--listen", self.address, "--models-dir", str(MODELS), *more,
        ]  # fmt: skip

    def start(self, *more: str, env: dict[str, str] | None = None) -> Daemon:
        """Start it, and return once it answers."""
        self.launch(*more, env=env)
        self.until(lambda: self.ask("health").returncode == 0, "the daemon to answer")
        return self

    def launch(self, *more: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start it, and wait for nothing."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(*more),
                stdout=log,
                stderr=log,
                env=environment({**self.settings, **(env or {})}),
                preexec_fn=obey_permissions,
                cwd=self.work,
            )
        return self.process

    def wait(self) -> dict[str, Any]:
        """Until nothing is pending; the status."""
        done = self.ask("wait", "--timeout", "120")
        assert done.returncode == 0, done.stderr + self.log.read_text()
        return self.status()

    def status(self) -> dict[str, Any]:
        """`simctl status --json`."""
        found: dict[str, Any] = self.json("status")
        return found

    def search(self, *arguments: str | Path) -> dict[str, Any]:
        """`simctl search --json` of one image."""
        found: dict[str, Any] = self.json("search", *map(str, arguments))
        return found

    def names(self, *arguments: str | Path) -> list[str]:
        """The names of the files found, best first."""
        return [Path(match["path"]).name for match in self.search(*arguments)["matches"]]

    def json(self, *arguments: str) -> Any:
        """The document a command prints."""
        done = self.ask(*arguments, "--json")
        assert done.returncode in (0, 4, 5), done.stderr + self.log.read_text()
        return json.loads(done.stdout)

    def ask(self, *arguments: str) -> Answer:
        """Run the client within this process, which takes a tenth of the time; one call at a time, for text alone."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([*arguments, "--address", self.address])
        return Answer(code, out.getvalue(), err.getvalue())

    def simctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the client as people do, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "simctl", *arguments, "--address", self.address],
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            timeout=180,
        )

    def embedded(self) -> int:
        """How many pictures went through the backbone since the first start, by the log."""
        return sum(int(n) for n in re.findall(r"(\d+) embedded", self.log.read_text()))

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
        """Wait for a condition; the daemon must live meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process is not None
            assert self.process.poll() is None, f"the daemon ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{self.log.read_text()}"
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def close(self) -> None:
        """End it and remove everything."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a daemon and its client: nothing of the person who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIMD_")}
    return {**kept, **(more or {})}


def run_simd(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `simd` with arguments and without permission to do everything."""
    command: Sequence[str] = [sys.executable, "-m", "simd", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        preexec_fn=obey_permissions,
        cwd=cwd,
        timeout=60,
    )
