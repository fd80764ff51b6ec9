"""The standard streams of a command, whatever its caller made of them: closed, full, or left by their reader."""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO


class Unwritable(Exception):
    """Results cannot be written; the message says why."""


def ensure_open() -> None:
    """Put something where a standard stream was closed, so that no file or socket gets its number.

    Reading a closed stdin and writing to a closed stdout then fail as they would have; messages to a closed stderr are
    dropped.
    """
    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is taken, which is this one.
            os.open(os.devnull, mode)
    sys.stdin = sys.stdin or open(0, closefd=False)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)


def silence(stream: TextIO) -> None:
    """Drop what is still to be written: the interpreter flushes it once more at its end, and would complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def reason(error: OSError) -> str:
    """Why a standard stream cannot be used, for a person."""
    return "it is closed" if error.errno == errno.EBADF else str(error.strerror)
