"""Child processes of this room: a fresh interpreter that runs one module and talks over a channel.

A fresh interpreter, not a fork: the daemon has threads, gRPC and mapped files, none of which survive a fork, and the
main program is never imported a second time. A child has its own process group, so that Ctrl-C in the parent's
terminal does not reach it, but no session of its own: kernels that share the CPU among sessions (autogroups) would give
each child as much of it as the daemon has, however low its priority.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from simd.featurize.workers.channel import Channel

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True)
class Child:
    """A running child and the parent's end of its channel."""

    process: subprocess.Popen[bytes]
    channel: Channel

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def kill(self) -> int:
        """End it now, whatever it is doing, and return its exit status (negative: the signal)."""
        self.process.kill()
        status = self.process.wait()
        self.channel.close()
        return status


def command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of this distribution."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The parent's environment, and its import path, so that the child finds the same modules."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, **(extra or {})}


def spawn(
    module: str, *arguments: str, extra: Mapping[str, str] | None = None, stderr: IO[bytes] | int | None = None
) -> Child:
    """Start `module`, which finds its channel with `inherited()`.

    Args:
        module: a module with a `main`, run as `__main__`.
        arguments: what it finds from `sys.argv[3]` on.
        extra: environment variables to add.
        stderr: where its standard error goes; None leaves the parent's.

    Raises:
        OSError: the process cannot be started.
    """
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(
            command(module, str(theirs.fileno()), str(os.getpid()), *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=[theirs.fileno()],
            process_group=0,
            env=environment(extra),
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Child(process, Channel(ours))


def inherited() -> Channel:
    """In a child: its end of the channel. Stop signals are the parent's business, which closes the channel."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return Channel(socket.socket(fileno=int(sys.argv[1])), takes_files=True)


def status_text(status: int) -> str:
    """How a process ended, for a person."""
    if status >= 0:
        return f"status {status}"
    if -status == signal.SIGILL:
        return "SIGILL: this CPU lacks an instruction that the library was built with"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"


def die_with_parent() -> None:
    """In a child: be killed when the thread that started it ends, and gain no privileges ever."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != int(sys.argv[2]):
        sys.exit(0)
