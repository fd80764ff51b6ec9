"""Reading files that hold secrets: tokens and private keys. What everybody may read is no secret, and is refused.

The group may read: that is how systemd hands a credential to a service, and an orchestrator a secret to a container.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from simd.errors import ConfigError

MIN_TOKEN_BYTES = 32
MAX_TOKEN_BYTES = 4096

_MAX_BYTES = 1 << 20
_FORBIDDEN = stat.S_IWGRP | stat.S_IRWXO


def read_private(path: Path, setting: str) -> bytes:
    """The content of a file that holds a secret.

    Raises:
        ConfigError: it cannot be read, is not a regular file, is too big, or others may read or change it.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", field=setting) from error
    try:
        _check(os.fstat(fd).st_mode, path, setting)
        with os.fdopen(fd, "rb", closefd=False) as stream:
            data = stream.read(_MAX_BYTES + 1)
    finally:
        os.close(fd)
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path} ({setting}) has more than {_MAX_BYTES} bytes", field=setting)
    return data


def read_tokens(path: Path, setting: str) -> list[str]:
    """The tokens of a file.

    Raises:
        ConfigError: it cannot be read, others may read it, or it holds no token or one that cannot be.
    """
    lines = (line.strip() for line in read_private(path, setting).decode("ascii", "replace").splitlines())
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not tokens:
        raise ConfigError(
            f"{path} ({setting}) holds no token", field=setting, remedy=f"umask 077; openssl rand -hex 32 > {path}"
        )
    for number, token in enumerate(tokens, 1):
        if not MIN_TOKEN_BYTES <= len(token) <= MAX_TOKEN_BYTES or not all("!" <= letter <= "~" for letter in token):
            raise ConfigError(
                f"token {number} of {path} ({setting}) cannot be one: {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} "
                "printable ASCII letters without spaces are needed",
                field=setting,
                remedy="openssl rand -hex 32 makes one",
            )
    return tokens


def _check(mode: int, path: Path, setting: str) -> None:
    if not stat.S_ISREG(mode):
        raise ConfigError(f"cannot read {path}: it is not a regular file", field=setting)
    if mode & _FORBIDDEN:
        raise ConfigError(
            f"{path} ({setting}) has mode {stat.S_IMODE(mode):04o}: others may read or change it",
            field=setting,
            remedy=f"chmod 600 {path}",
        )
