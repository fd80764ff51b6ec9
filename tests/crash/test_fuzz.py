"""Stores that nobody wrote: mutated bytes, and hostile content under checksums that are right.

Whatever is found in the directory, opening, searching and checking it ends well or in a `StoreError`; nothing else is
raised, nothing outside of a file is read, and nothing is allocated because a file says so.
"""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crc32c
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simd.errors import StoreError, StoreVersion
from simd.index.repair import repair_store
from simd.search.searcher import search
from simd.storage.check import check_directory
from simd.storage.files import seal
from simd.storage.record import HEADER_BYTES
from simd.storage.recovery import rebuild
from tests.stores import FINGERPRINT, OPTIONS, reseal_segment, unit

_GOLDEN = Path(__file__).parent.parent / "golden" / "store-v1" / "store"
_DIM = 8
_FILES = sorted(str(p.relative_to(_GOLDEN)) for p in _GOLDEN.rglob("*") if p.is_file())

_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["../../etc", "/", "", "00000001-1-6", "00000002-7-10", "x\x00y", "1-2"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
"""What stands in place of a value of the metadata."""


@st.composite
def edits(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A change of bytes: some replaced, some inserted, a piece cut out or said twice."""
    kind = draw(st.sampled_from(["replace", "insert", "cut", "repeat"]))
    where, length = draw(st.floats(0, 1)), draw(st.integers(1, 64))
    data = draw(st.binary(min_size=1, max_size=16))

    def edit(whole: bytes) -> bytes:
        at = int(where * len(whole))
        match kind:
            case "replace":
                return whole[:at] + data + whole[at + len(data) :]
            case "insert":
                return whole[:at] + data + whole[at:]
            case "cut":
                return whole[:at] + whole[at + length :]
            case _:
                return whole[: at + length] + whole[at:]

    return edit


def survive(directory: Path) -> None:
    """Open, search, check and salvage what is there."""
    try:
        check_directory(directory)
        snapshot = rebuild(directory, _DIM, FINGERPRINT, verify_bytes=1 << 30).snapshot
        for exact in (False, True):
            search(snapshot, np.stack([unit(0, 0, _DIM), unit(3, 0, _DIM)]), 5, exact=exact)
        for one in list(snapshot.ids()):
            snapshot.vector(one)
    except StoreError:
        pass
    # Whatever it was, what can be saved of it is a sound store, but for what says that another version wrote it.
    try:
        repair_store(directory, _DIM, FINGERPRINT, options=OPTIONS)
    except StoreVersion:
        return
    assert check_directory(directory) == []


def in_a_copy(act: Callable[[Path], None]) -> None:
    """Change a copy of the golden store, and see that it is survived."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "store"
        shutil.copytree(_GOLDEN, directory)
        act(directory)
        survive(directory)


def reseal_log(path: Path) -> None:
    """Make the checksums of a changed log right again, as far as its lengths lead anywhere."""
    data = bytearray(path.read_bytes())
    if len(data) >= HEADER_BYTES:
        struct.pack_into("<I", data, HEADER_BYTES - 4, crc32c.crc32c(bytes(data[: HEADER_BYTES - 4])))
    at = HEADER_BYTES
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at)
        if not 8 <= length <= len(data) - at:
            break
        covered = bytes(data[at : at + 4] + data[at + 8 : at + length])
        struct.pack_into("<I", data, at + 4, crc32c.crc32c(covered))
        at += length
    path.write_bytes(data)


def reseal(path: Path) -> None:
    """Make the checksums around a changed file right, so that its content is believed."""
    if path.suffix == ".npy":
        reseal_segment(path)
    elif path.suffix == ".log":
        reseal_log(path)


def replaced(content: Any, path: list[float], value: Any) -> Any:
    """`content` with the value that `path` leads to replaced: each step chooses one of what is there."""
    if not path or not isinstance(content, dict | list) or not content:
        return value
    keys = sorted(content) if isinstance(content, dict) else range(len(content))
    key = list(keys)[min(int(path[0] * len(content)), len(content) - 1)]
    if isinstance(content, dict):
        return {**content, key: replaced(content[key], path[1:], value)}
    return [*content[:key], replaced(content[key], path[1:], value), *content[key + 1 :]]


def mutate_bytes(name: str, edit: Callable[[bytes], bytes], sound: bool) -> None:
    """A store with one file changed, under a checksum that is wrong, or right."""

    def act(directory: Path) -> None:
        path = directory / name
        path.write_bytes(edit(path.read_bytes()))
        if sound:
            reseal(path)

    in_a_copy(act)


def mutate_meta(name: str, steps: list[float], value: Any) -> None:
    """A store whose manifest or segment description says something else, under a right checksum."""

    def act(directory: Path) -> None:
        path = directory / name
        content = replaced(json.loads(path.read_bytes())["content"], steps, value)
        path.write_bytes(seal(content))

    in_a_copy(act)


_BYTES = (st.sampled_from(_FILES), edits(), st.booleans())
_META = (
    st.sampled_from([name for name in _FILES if name.endswith(".json")]),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
    _VALUES,
)


@given(*_BYTES)
@settings(max_examples=60, deadline=None)
def test_mutated_bytes_are_refused_or_read(name: str, edit: Callable[[bytes], bytes], sound: bool) -> None:
    mutate_bytes(name, edit, sound)


@given(*_META)
@example("segments/00000001-1-6/segment.json", [0.4375], 3.41e38)
@settings(max_examples=60, deadline=None)
def test_hostile_descriptions_are_refused_or_read(name: str, steps: list[float], value: Any) -> None:
    mutate_meta(name, steps, value)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(*_BYTES)
@settings(max_examples=5_000, deadline=None)
def test_many_mutated_bytes_are_refused_or_read(name: str, edit: Callable[[bytes], bytes], sound: bool) -> None:
    mutate_bytes(name, edit, sound)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(*_META)
@settings(max_examples=5_000, deadline=None)
def test_many_hostile_descriptions_are_refused_or_read(name: str, steps: list[float], value: Any) -> None:
    mutate_meta(name, steps, value)
