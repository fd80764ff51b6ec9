"""Reading the picture that an argument names."""

from __future__ import annotations

import sys

from simctl.errors import SimctlError
from simctl.streams import reason

_MAX_BYTES = (1 << 31) - (1 << 20)
"""A protobuf message holds less than 2 GiB."""


def display_name(name: str) -> str:
    """The name for people."""
    return "stdin" if name == "-" else name


def read(name: str) -> bytes:
    """The bytes of a file, or of standard input if the name is `-`.

    Raises:
        SimctlError: it cannot be read, is empty, or is too big for any request.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with open(name, "rb") as stream:
                data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SimctlError(f"cannot read {display_name(name)}: {reason(error)}") from error
    if not data or len(data) > _MAX_BYTES:
        what = f"has more than {_MAX_BYTES:,} bytes, which no request can carry" if data else "is empty"
        raise SimctlError(f"{display_name(name)} {what}")
    return data
