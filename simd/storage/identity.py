"""What a store is, by what its parts say: manifest, segments and log files each name the version and the model.

Whatever part is damaged, another one tells. A part that says it is of another version is believed, as its checksum
fits: nothing may be made of such a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from simd.errors import StoreError, StoreVersion
from simd.storage.fields import SEGMENT_NAME
from simd.storage.files import read_bytes
from simd.storage.log_reader import log_paths, read_header
from simd.storage.manifest import Manifest
from simd.storage.record import HEADER_BYTES
from simd.storage.recovery import LOG, SEGMENTS
from simd.storage.segment import SegmentMeta

_Identity = tuple[int, bytes]


def identity_of(directory: Path) -> tuple[int, bytes] | None:
    """The dimension and the fingerprint of the vectors of a store, damaged or not; None if no part of it tells.

    Raises:
        StoreVersion: a part of it is of another version.
    """
    found: list[_Identity] = []
    for tell in _tellers(directory):
        try:
            found.append(tell())
        except StoreVersion:
            raise
        except StoreError:
            continue
    return found[0] if found else None


def _tellers(directory: Path) -> Iterator[Callable[[], _Identity]]:
    yield lambda: _of(Manifest.peek(directory))
    for path in sorted((directory / SEGMENTS).glob("*")):
        if SEGMENT_NAME.fullmatch(path.name):
            yield lambda path=path: _of(SegmentMeta.read(path))  # type: ignore[misc]
    for path in log_paths(directory / LOG):
        yield lambda path=path: _of_log(path)  # type: ignore[misc]


def _of(told: Manifest | SegmentMeta) -> _Identity:
    return told.dimension, bytes.fromhex(told.fingerprint)


def _of_log(path: Path) -> _Identity:
    header = read_header(path, read_bytes(path)[:HEADER_BYTES])
    return header.dimension, header.fingerprint
