"""`simd serve --http`: the page, in a process of its own that is started again whenever it ends.

It is `simd web` and knows the daemon as any client does: a fault of it hurts nothing here. It ends with its standard
input, whose other end is held here, so it outlives this process by nothing, whatever that ended by.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from simd.config import Settings
from simd.errors import ConfigError
from simd.featurize.workers.process import command, environment, status_text
from simd.serving.transport.address import TcpAddress, UnixAddress, parse_all, parse_local
from simd.supervision import Backoff, Threads

log = logging.getLogger(__name__)

_FIRST_S, _LONGEST_S = 1.0, 30.0
_SOUND_S = 60.0
"""A page that was served for so long before it ended failed for the first time."""
_END_WITHIN_S = 3.0


def page_command(settings: Settings, listening: str) -> list[str]:
    """What serves the page of a daemon. Where that asks for tokens, the page asks for the same ones.

    Args:
        settings: the daemon's.
        listening: its addresses in force.

    Raises:
        ConfigError: the page cannot be where it is to be, or not reach the daemon.
    """
    http = parse_local(settings.http, field="http")
    found = parse_all(listening)
    unix = [address for address in found if isinstance(address, UnixAddress)]
    plain = [address for address in found if isinstance(address, TcpAddress) and not settings.tls_cert]
    if not unix + plain:
        raise ConfigError(
            "the page reaches the daemon by a unix socket, and it listens on none",
            field="http",
            remedy="add unix:PATH to `listen`, or run `simd web` with --address and --tls-ca",
        )
    tokens = settings.token_file or settings.read_token_file
    login = ("--token-file", str(tokens), "--login-token-file", str(tokens)) if tokens else ()
    return command(
        "simd", "web", "--http", str(http), "--address", str([*unix, *plain][0]), *login, "--until-stdin-ends",
        "--log-level", settings.log_level, "--log-format", settings.log_format,
    )  # fmt: skip


class Page:
    """Keeps the page served from `start` to `close`.

    Args:
        command: serves it, and prints a line once it answers.
        show: is given that line.
        threads: runs what looks after it.
        backoff: the waits after it has ended.
    """

    def __init__(
        self, command: Sequence[str], show: Callable[[str], None], threads: Threads, backoff: Backoff | None = None
    ) -> None:
        self._command = command
        self._show = show
        self._threads = threads
        self._backoff = backoff or Backoff(_FIRST_S, _LONGEST_S)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._problem = ""

    @property
    def problem(self) -> str:
        """Why it is not served, a sentence for callers; empty while it is."""
        return self._problem

    def start(self) -> None:
        """Begin to serve it."""
        self._thread = self._threads.start("page", self._keep, self._stopping)

    def close(self) -> None:
        """End it. Safe to call again."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is not None:
            process.terminate()
        if self._thread is not None:
            self._thread.join(_END_WITHIN_S)
        if process is not None:
            process.kill()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            how = self._serve()
            if self._stopping.is_set():
                return
            if time.monotonic() - began >= _SOUND_S:
                self._backoff.succeeded()
            self._problem = f"the page is not served, which is tried again: {how}; the daemon's log has more"
            wait_s = self._backoff.failed()
            log.warning("the page is not served: %s; it is started again in %g s", how, wait_s)
            self._stopping.wait(wait_s)

    def _serve(self) -> str:
        """Serve it until it ends; how it ended."""
        try:
            process = self._begin()
        except OSError as error:
            return f"it cannot be started: {error.strerror}"
        if process is None:
            return ""
        try:
            assert process.stdout is not None
            for line in process.stdout:
                self._problem = ""
                with suppress(OSError, ValueError):
                    self._show(line.decode("utf-8", "replace").rstrip())
            return f"it ended with {status_text(process.wait())}"
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def _begin(self) -> subprocess.Popen[bytes] | None:
        """A process; none once it is closed."""
        with self._lock:
            if self._stopping.is_set():
                return None
            # A group of its own: what is typed in the daemon's terminal is the daemon's to answer.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment(),
                process_group=0,
            )
            return self._process
