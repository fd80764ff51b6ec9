"""A daemon to measure: started in a process of its own, driven through its client."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simctl import Client

MODELS = Path(__file__).parent.parent / ".cache" / "models"
BIN = Path(sys.executable).parent


@contextmanager
def running(root: Path, *more: str, timeout_s: float = 1800.0) -> Iterator[tuple[Client, int]]:
    """A daemon that has indexed `root`: its client and its process id. Its state goes at the end."""
    work = Path(tempfile.mkdtemp(prefix="simd-bench-"))
    address = f"unix:{work}/s"
    command = [
        str(BIN / "simd"), "serve", "--root", str(root), "--state-dir", str(work / "state"), "--listen", address,
        "--models-dir", str(MODELS), "--log-level", "warning", *more,
    ]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        with Client(address) as client:
            client.wait(timeout_s)
            yield client, process.pid
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(work, ignore_errors=True)


def rss_mib(pid: int) -> float:
    """Resident memory of a process, MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
