"""Run in a network namespace of its own: a Milvus server, which others reach through a UNIX socket.

`python -m tests.milvus.inside SERVER DATA`: SERVER is what `scripts/milvus` prints, DATA a folder for all it keeps; the
socket is `s` in it. Prints the server's process id, and "ready" once it is well. The server is killed when there is no
more to be read from the standard input, so whoever started this need not end it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from threading import Thread

from tests.milvus.forwarder import Forwarder

_SIOCSIFFLAGS, _IFF_UP_RUNNING = 0x8914, 0x41
_PR_SET_PDEATHSIG = 1
_PORT = 19530
_LEASE_S = 10
_TICK_MS = 200
"""As the server is delivered."""
_TESTS_TICK_MS = 40


def main() -> int:
    """Returns the exit code."""
    server, data = map(Path, sys.argv[1:])
    loopback_up()
    started = start(server, data, tick_ms=_TESTS_TICK_MS)
    Thread(target=end_with_parent, args=(started,), daemon=True).start()
    say(str(started.pid))
    while not is_well():
        if started.poll() is not None:
            return 1
        time.sleep(0.05)
    address = data / "s"
    address.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(address))
    Forwarder(listening, lambda: socket.create_connection(("127.0.0.1", _PORT)))
    say("ready")
    started.wait()
    return 0


def loopback_up() -> None:
    """A new namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP_RUNNING))


def start(server: Path, data: Path, tick_ms: int = _TICK_MS) -> subprocess.Popen[bytes]:
    """The server, which dies with this process.

    Args:
        server: what `scripts/milvus` prints.
        data: a folder for all that it keeps.
        tick_ms: milliseconds between two ticks, for one of which waits whatever is to see all that was acknowledged.
    """
    for folder in ("configs", "logs", "data"):
        (data / folder).mkdir(parents=True, exist_ok=True)
    values = {
        "etcd_log_path": f"{data}/logs/etcd.log",
        "etcd_log_level": "warn",
        "etcd_data_dir": f"{data}/data/etcd",
        "local_storage_dir": f"{data}/data",
        "rocksmq_data_dir": f"{data}/data/rocksmq",
        "system_log_path": f"{data}/logs",
    }
    template = (server / "milvus" / "data" / "config.yaml.template").read_text()
    # {{ name(type): default }}
    settings = re.sub(r"{{\s*(\w+)(?:\(\w+\))?(?::\s*(.*?))?\s*}}", lambda m: values.get(m[1]) or m[2], template)
    # A server that starts after a crash waits until the lease of the one that it was is over.
    settings = settings.replace("ttl: 30 ", f"ttl: {_LEASE_S} ")
    settings = settings.replace(f"timeTickInterval: {_TICK_MS} ", f"timeTickInterval: {tick_ms} ")
    (data / "configs" / "milvus.yaml").write_text(settings)
    (data / "configs" / "glog.conf").write_bytes((server / "milvus" / "data" / "glog.conf").read_bytes())
    environment = {
        **os.environ,
        "DEPLOY_MODE": "STANDALONE",
        "METRICS_PORT": "9091",
        "MILVUS_RUN_DIR": f"{data}/run",
        "LD_LIBRARY_PATH": f"{server}/bin",
    }
    libc = ctypes.CDLL(None)
    with (data / "logs" / "milvus.log").open("ab") as log:
        return subprocess.Popen(
            [server / "bin" / "milvus", "run", "standalone"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=data,
            env=environment,
            preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
        )


def end_with_parent(started: subprocess.Popen[bytes]) -> None:
    """The standard input ends with whoever holds its other end."""
    sys.stdin.buffer.read()
    started.kill()


def is_well() -> bool:
    """Whether the server says so itself."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:9091/healthz", timeout=5) as answer:
            return b"OK" in answer.read()
    except OSError:
        return False


def say(line: str) -> None:
    """To whoever started this."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
