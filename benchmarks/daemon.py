"""A daemon to measure: started in a process of its own, driven through its client."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from simctl import Client
from simctl.errors import DaemonUnreachable

MODELS = Path(__file__).parent.parent / ".cache" / "models"
BIN = Path(sys.executable).parent


@contextmanager
def running(root: Path | None, *more: str, timeout_s: float = 1800.0) -> Iterator[tuple[Client, int]]:
    """A daemon that has indexed `root` (None: has none): its client and its process id. Its state goes at the end."""
    work = Path(tempfile.mkdtemp(prefix="simd-bench-"))
    address = f"unix:{work}/s"
    command = [
        str(BIN / "simd"), "serve", *(("--root", str(root)) if root else ()), "--state-dir", str(work / "state"),
        "--listen", address, "--models-dir", str(MODELS), "--log-level", "warning", *more,
    ]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        with Client(address) as client:
            _until_settled(client, process, timeout_s)
            yield client, process.pid
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(work, ignore_errors=True)


def _until_settled(client: Client, process: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Wait until nothing is pending, or there is nothing to watch; a daemon that ends before is an error at once."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the daemon ended with status {process.returncode}")
        with suppress(DaemonUnreachable):
            status = client.wait(2.0)
            if status.settled or (status.idle and not status.roots):
                return
    raise SystemExit(f"the daemon had not settled after {timeout_s:g} s")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used: CPU seconds, and memory in MiB, shared pages counted once."""

    cpu_s: float
    memory_mib: float


def usage(pid: int) -> Usage:
    """What a process, the children it has and those it had have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own_s = sum(int(fields[place]) for place in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")
    children = [usage(child) for child in _children(pid)]
    memory = _kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") / 1024
    return Usage(own_s + sum(u.cpu_s for u in children), memory + sum(u.memory_mib for u in children))


def rss_mib(pid: int) -> float:
    """Resident memory of a process, MiB."""
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS:") / 1024


def reset_peak(pid: int) -> None:
    """Begin anew with the highest memory that `peak_mib` tells."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    """The highest resident memory of a process since `reset_peak`, MiB."""
    return _kib(Path(f"/proc/{pid}/status"), "VmHWM:") / 1024


def _kib(file: Path, field: str) -> int:
    """A number of kibibytes that the kernel tells."""
    return next((int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(field)), 0)


def _children(pid: int) -> list[int]:
    """The kernel lists a child under the thread that started it."""
    return [int(c) for thread in Path(f"/proc/{pid}/task").iterdir() for c in (thread / "children").read_text().split()]
