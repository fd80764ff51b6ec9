"""What a hostile image can do to a decode worker, by its first word. Run inside workers, in place of `decode`."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np

from simd.errors import ImageRejected, Reason
from simd.featurize.decode.decode import DecodeLimits, Rendered, render
from simd.featurize.decode.renditions import Rendition
from simd.types import Pixels


def _spin(_: bytes) -> NoReturn:
    while True:
        pass


def _work(seconds: bytes) -> NoReturn:
    until = time.process_time() + float(seconds)
    while time.process_time() < until:
        pass
    raise ImageRejected(Reason.CORRUPT, "done")


def _bug(_: bytes) -> NoReturn:
    raise AssertionError("a bug in the decoder")


def _write(path: bytes) -> None:
    try:
        with open(path, "wb") as stream:
            stream.write(b"x" * 100)
    except OSError as error:
        raise ImageRejected(Reason.UNREADABLE, f"kept from writing: {error.strerror}") from error


def _garble(_: bytes) -> None:
    # The worker's end of the channel is the descriptor named on its command line.
    os.write(int(sys.argv[1]), b"\xff" * 4096)
    time.sleep(3600)


def _shut(_: bytes) -> None:
    os.close(int(sys.argv[1]))
    time.sleep(3600)


def _tell_pid(_: bytes) -> NoReturn:
    raise ImageRejected(Reason.CORRUPT, str(os.getpid()))


def _tell_policy(_: bytes) -> NoReturn:
    raise ImageRejected(Reason.CORRUPT, str(os.sched_getscheduler(0)))


def _hold(path: bytes) -> NoReturn:
    """Show by a directory that it is at work, until there is another beside it."""
    os.mkdir(path + b".held")
    while not os.path.exists(path + b".free"):
        time.sleep(0.005)
    raise ImageRejected(Reason.CORRUPT, "let go")


def _killed(words: bytes) -> NoReturn:
    """Be killed as if by somebody else, so many times; each is shown by a directory."""
    times, path = words.split(b" ", 1)
    for number in range(int(times)):
        try:
            os.mkdir(path + b".%d" % number)
        except FileExistsError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)
    raise ImageRejected(Reason.CORRUPT, "it lived")


def _try(words: bytes) -> NoReturn:
    """Do what a worker that was taken over might; tell what came of it."""
    what, _, argument = words.partition(b" ")
    try:
        _ATTEMPTS[what](argument)
    except OSError as error:
        raise ImageRejected(Reason.CORRUPT, f"refused: {error.strerror}") from error
    raise ImageRejected(Reason.CORRUPT, "it could")


def _speak_unix(path: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(path)


def _speak_tcp(port: bytes) -> None:
    with socket.socket() as wire:
        wire.connect(("127.0.0.1", int(port)))


def _look_into(pid: bytes) -> None:
    with open(b"/proc/%s/mem" % pid, "rb"):
        pass


def _call(number: int, *arguments: int) -> None:
    """A system call that Python does not know, or by another number than its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


_ATTEMPTS: dict[bytes, Callable[[bytes], object]] = {
    b"read": lambda path: os.open(path, os.O_RDONLY),
    b"list": lambda path: os.listdir(path),
    b"make": lambda path: os.open(path, os.O_RDWR | os.O_CREAT),
    b"alter": lambda path: os.open(path, os.O_WRONLY),
    b"shorten": lambda path: os.truncate(path, 0),
    b"remove": lambda path: os.unlink(path),
    b"rename": lambda path: os.rename(path, path + b"2"),
    b"folder": lambda path: os.mkdir(path + b"2"),
    b"permit": lambda path: os.chmod(path, 0o777),
    b"date": lambda path: os.utime(path, (0, 0)),
    b"unix": _speak_unix,
    b"tcp": _speak_tcp,
    b"fork": lambda _: os.fork() or os._exit(0),
    b"run": lambda _: os.execv("/bin/true", ["true"]),
    b"kill": lambda pid: os.kill(int(pid), signal.SIGCONT),
    b"memory": _look_into,
    b"ring": lambda _: _call(425, 1, 0),
    b"thread": lambda _: threading.Thread(target=int).start(),
}


_MISDEEDS = {
    b"segv": lambda _: ctypes.string_at(0),
    b"hang": lambda _: time.sleep(3600),
    b"spin": _spin,
    b"work": _work,
    b"exit": lambda _: os._exit(3),
    b"raise": _bug,
    b"memory": lambda _: bytearray(1 << 40),
    b"write": _write,
    b"garble": _garble,
    b"shut": _shut,
    b"pid": _tell_pid,
    b"policy": _tell_policy,
    b"hold": _hold,
    b"killed": _killed,
    b"try": _try,
}


def hostile(data: bytes, wanted: Sequence[Rendition], limits: DecodeLimits, admit: Callable[[int], None]) -> Rendered:
    """Misbehave as the data say, or decode them. Before that may stand `needs BYTES`."""
    word, _, rest = data.partition(b" ")
    if word == b"needs":
        memory, data = rest.split(b" ", 1)
        admit(int(memory))
        word, _, rest = data.partition(b" ")
    if misdeed := _MISDEEDS.get(word):
        misdeed(rest)
    if lie := _LIES.get(word):
        done = render(rest, wanted, limits, admit)
        return Rendered(lie(done.made), done.facts)
    return render(data, wanted, limits, admit)


Made = tuple[Pixels | bytes, ...]
_LIES: dict[bytes, Callable[[Made], Made]] = {
    b"less": lambda made: tuple(one[:-1] for one in made),
    b"more": lambda made: tuple(one + one if isinstance(one, bytes) else np.vstack([one, one]) for one in made),
    b"flood": lambda made: tuple(bytes(8 << 20) for _ in made),
    b"other": lambda made: tuple(b"<script>" if isinstance(one, bytes) else one.T.copy() for one in made),
    b"fewer": lambda made: made[:-1],
    b"several": lambda made: (*made, made[0]),
    b"nothing": lambda made: tuple(b"" for _ in made),
}
"""What may be answered in place of what was made."""
