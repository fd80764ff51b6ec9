"""Notifies systemd (sd_notify(3)): one datagram to `$NOTIFY_SOCKET`; silent outside systemd.

Where the unit sets `WatchdogSec=`, systemd restarts a service that it has not heard of in that time. `Watchdog` says
"alive" only while what it was given to ask says so, therefore a daemon that has a thread left to send datagrams, but
neither indexes nor answers any more, is restarted as well.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from simd.supervision import Threads

log = logging.getLogger(__name__)

_PINGS_PER_PERIOD = 4


def notify(*lines: str) -> None:
    """Send state lines such as `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto("\n".join(lines).encode(), address)


def reloading() -> None:
    """Say that the configuration is being read again; `READY=1` says that it is done."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def watchdog_period_s(environ: Mapping[str, str]) -> float | None:
    """How long the service manager waits for a sign of life of this process; None: it does not wait for any."""
    owner, period = environ.get("WATCHDOG_PID"), environ.get("WATCHDOG_USEC", "")
    if not period.isdecimal() or int(period) == 0 or owner not in (None, "", str(os.getpid())):
        return None
    return int(period) / 1e6


class Watchdog:
    """Asks from time to time whether the daemon is alive, and notifies systemd, from `__enter__` to `__exit__`.

    Args:
        alive: whether everything moved since it was last asked; it must answer well within a period.
        period_s: seconds without a sign of life after which systemd acts; None: it does not.
        send: notifies systemd.
        threads: runs its thread.
    """

    def __init__(
        self,
        alive: Callable[[], bool],
        period_s: float | None,
        send: Callable[[str], None] = notify,
        threads: Threads | None = None,
    ) -> None:
        self._alive = alive
        self._period_s = period_s
        self._send = send
        self._stop = threading.Event()
        self._threads = threads or Threads()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Watchdog:
        if self._period_s is not None:
            self._thread = self._threads.start("watchdog", self._run, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        assert self._period_s is not None
        while not self._stop.wait(self._period_s / _PINGS_PER_PERIOD):
            if self._alive():
                self._send("WATCHDOG=1")
            else:
                log.error("the daemon does not move; systemd restarts it if that lasts %g s", self._period_s)
