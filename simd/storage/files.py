"""Reading what was written: whole files, checksums, and sealed JSON.

A sealed file is canonical JSON `{"crc32c": "8 hex digits", "content": {...}}` and a newline. The checksum is
that of the canonical content, and a file that is not byte for byte what `seal` makes of its content is damaged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import crc32c

from simd.errors import CorruptStore, StoreError

_CHUNK = 4 << 20


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn a failure to read into a `StoreError` that names the file; a file that is not there is damage.

    Raises:
        CorruptStore: the file is missing.
        StoreError: the disk failed; that is never taken for the end of the file.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise CorruptStore(path, 0, "the file is missing") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error


def read_bytes(path: Path) -> bytes:
    """All of a file."""
    with reading(path):
        return path.read_bytes()


def checksum(path: Path, pause: Callable[[int], None] | None = None) -> int:
    """CRC32C of a file, read in chunks and without mapping it; `pause` is told each chunk's length and may raise."""
    with reading(path), path.open("rb", buffering=0) as stream:
        buffer = bytearray(_CHUNK)
        view = memoryview(buffer)
        crc = 0
        while count := stream.readinto(buffer):
            crc = crc32c.crc32c(view[:count], crc)
            if pause is not None:
                pause(count)
        return crc


def size(path: Path) -> int:
    """Bytes of a file."""
    with reading(path):
        return os.stat(path).st_size


def seal(content: dict[str, Any]) -> bytes:
    """The bytes of a sealed file."""
    inner = _canonical(content)
    return b'{"crc32c":"%08x","content":%s}\n' % (crc32c.crc32c(inner), inner)


def unseal(path: Path) -> dict[str, Any]:
    """The content of a sealed file.

    Raises:
        CorruptStore: missing, or not what `seal` wrote.
    """
    data = read_bytes(path)
    try:
        content = json.loads(data)["content"]
        sound = isinstance(content, dict) and seal(content) == data
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise CorruptStore(path, 0, "the checksum does not match")
    return dict(content)


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
