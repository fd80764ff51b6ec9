"""A real Milvus server, apart from the network, whose connections can be cut."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from tests.milvus.forwarder import Forwarder

HERE = Path(__file__).resolve().parents[2]
START_S = 120.0


class MilvusServer:
    """Milvus listens on every interface, so it runs in a network namespace of its own, beside `tests.milvus.inside`.
    What connects to a port of loopback here is passed on to that one's socket. It never outlives this process.

    Attributes:
        address: HOST:PORT, the same after a restart.
        pid: of the server.
    """

    def __init__(self, home: Path) -> None:
        """Args:
        home: what `scripts/milvus` prints.
        """
        self._home = home
        # A path of a socket has 107 bytes at most.
        self._data = Path(tempfile.mkdtemp(prefix="simd-milvus-"))
        self._inside: subprocess.Popen[bytes] | None = None
        self.pid = 0
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"
        self._forwarder = Forwarder(listening, self._connect)

    def start(self) -> MilvusServer:
        """Start it, with all that it had before, and return once it is well."""
        with (self._data / "inside.log").open("ab") as log:
            inside = subprocess.Popen(
                [*_in_namespace(), sys.executable, "-m", "tests.milvus.inside", str(self._home), str(self._data)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=HERE,
                env={name: value for name, value in os.environ.items() if not name.startswith("SIMD_")},
            )
        self._inside = inside
        self.pid = int(self._line(inside))
        assert self._line(inside) == "ready"
        return self

    def kill(self) -> None:
        """End it as a crash would; what it has acknowledged is there when it is started again."""
        if (inside := self._inside) is None:
            return
        self._inside = None
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        assert inside.stdin is not None and inside.stdout is not None
        inside.stdin.close()
        inside.wait(30)
        inside.stdout.close()

    def cut(self) -> None:
        """Part it from everybody: connections break, and are refused."""
        self._forwarder.cut()

    def heal(self) -> None:
        """Let it be reached again."""
        self._forwarder.heal()

    def close(self) -> None:
        """End it and remove everything."""
        self.kill()
        self._forwarder.close()
        shutil.rmtree(self._data, ignore_errors=True)

    def fresh(self) -> str:
        """The URL of a collection that nobody has named before."""
        return f"http://{self.address}/c_{uuid.uuid4().hex}"

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._data / "s"))
        except OSError:
            connection.close()
            raise
        return connection

    def _line(self, inside: subprocess.Popen[bytes]) -> str:
        """The next that `inside` says."""
        assert inside.stdout is not None
        if select.select([inside.stdout], [], [], START_S)[0] and (line := inside.stdout.readline()):
            return line.decode().strip()
        self.kill()
        logs = [self._data / "inside.log", self._data / "logs" / "milvus.log"]
        told = "".join(path.read_text(errors="replace")[-4000:] for path in logs if path.exists())
        raise RuntimeError(f"Milvus does not start within {START_S:.0f} s:\n{told}")


def _in_namespace() -> list[str]:
    """What a command is prefixed with to have a network of its own: root may that, others where they may be root of a
    namespace of users."""
    for prefix in (["unshare", "-n"], ["unshare", "-rn"]):
        if subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return prefix
    raise RuntimeError("there are no network namespaces here: unshare -n takes CAP_SYS_ADMIN, -rn user namespaces")
