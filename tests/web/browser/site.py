"""The page as people run it: a daemon and `simd web` before it, each in a process of its own."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.daemon import Daemon, environment

_AT_ONCE = {"SIMD_INDEXING_PRIORITY": "normal", "SIMD_SETTLE_S": "0.2"}
"""What lets a daemon of the tests take a picture up as soon as it is there."""
_WITHIN_S = 30.0


class Site:
    """A daemon over one folder, `daemon.root`, and the page at `url`. Nothing runs before it is started."""

    def __init__(self) -> None:
        self.daemon = Daemon()
        self._port = _free_port()
        self._web: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the page is, without a slash at its end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def root(self) -> Path:
        """The folder that is watched."""
        return self.daemon.root

    def start(self) -> Site:
        """Start both, and return once all that is in the folder is indexed."""
        self.start_web()
        self.start_daemon()
        self.daemon.wait()
        return self

    def start_daemon(self, *more: str) -> None:
        """Start the daemon alone, and return once it answers."""
        self.daemon.start(*more, env=_AT_ONCE)

    def stop_daemon(self, number: int = signal.SIGKILL) -> None:
        """End the daemon alone."""
        self.daemon.stop(number)

    def start_web(self, *more: str) -> None:
        """Start the page alone, and return once it answers; no daemon need be there."""
        command = [sys.executable, "-m", "simd", "web", "--address", self.daemon.address]
        with self._log.open("ab") as log:
            self._web = subprocess.Popen(
                [*command, "--http", f"127.0.0.1:{self._port}", *more],
                stdout=log,
                stderr=log,
                env=environment(),
                cwd=self.daemon.work,
            )
        deadline = time.monotonic() + _WITHIN_S
        while not self._answers():
            assert self._web.poll() is None and time.monotonic() < deadline, f"no page:\n{self._log.read_text()}"
            time.sleep(0.02)

    def stop_web(self) -> None:
        """End the page alone."""
        assert self._web is not None
        self._web.kill()
        self._web.wait()
        self._web = None

    def close(self) -> None:
        """End both and remove everything."""
        if self._web is not None:
            self.stop_web()
        self.daemon.close()

    @property
    def _log(self) -> Path:
        return self.daemon.work / "web.log"

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/static/icon.svg")
            return connection.getresponse().status < 500
        except OSError:
            return False
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
