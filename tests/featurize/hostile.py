"""What a hostile image can do to a decode worker, by its first word. Run inside workers, in place of `decode`."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from simd.errors import ImageRejected, Reason
from simd.featurize.decode import DecodeLimits, Picture, decode


def _spin(_: bytes) -> NoReturn:
    while True:
        pass


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


_MISDEEDS = {
    b"segv": lambda _: ctypes.string_at(0),
    b"hang": lambda _: time.sleep(3600),
    b"spin": _spin,
    b"exit": lambda _: os._exit(3),
    b"raise": _bug,
    b"memory": lambda _: bytearray(1 << 40),
    b"write": _write,
    b"garble": _garble,
    b"pid": _tell_pid,
    b"policy": _tell_policy,
    b"hold": _hold,
}


def hostile(data: bytes, size: tuple[int, int], limits: DecodeLimits, admit: Callable[[int], None]) -> Picture:
    """Misbehave as the data say, or decode them. Before that may stand `needs BYTES`, then `mark DIRECTORY`."""
    word, _, rest = data.partition(b" ")
    if word == b"needs":
        memory, data = rest.split(b" ", 1)
        admit(int(memory))
        word, _, rest = data.partition(b" ")
    if word == b"mark":
        place, data = rest.split(b" ", 1)
        os.mkdir(place)
    if misdeed := _MISDEEDS.get(word):
        misdeed(rest)
    if word == b"lie":
        picture = decode(rest, size, limits, admit)
        return Picture(picture.pixels[:-1], picture.facts)
    return decode(data, size, limits, admit)
