"""Sealed content -> dataclass. A checksum says that the bytes are those written; this says that they can be meant."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from simd.errors import CorruptStore, StoreVersion

T = TypeVar("T")

SEGMENT_NAME = re.compile(r"[0-9]{8}-[0-9]{1,20}-[0-9]{1,20}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)
_MOST = 1 << 62
_LARGEST = float(np.finfo(np.float32).max)


def check_version(content: Mapping[str, Any], expected: int, path: Path, oldest: int | None = None) -> int:
    """The format of the content of a sealed file: the expected one, or one before that is read as well.

    Raises:
        StoreVersion: it names another format.
        CorruptStore: it names none.
    """
    version = content.get("version")
    if type(version) is not int or not 0 <= version < _MOST:
        raise _wrong("version", version, path)
    oldest = expected if oldest is None else oldest
    if not oldest <= version <= expected:
        read = f"{expected}" if oldest == expected else f"{oldest} to {expected}"
        raise StoreVersion(f"{path} has format {version}; this version reads {read}")
    return version


def build(kind: type[T], content: Mapping[str, Any], path: Path) -> T:
    """A dataclass from the content of the sealed file `path`; every field is there and of its type.

    Whole numbers are not negative and below 2^62, floats are finite in 32 bits. A field `name` or in `segments` is the
    name of a segment and of no other path; `fingerprint` and `crc32c` are hex digits.

    Raises:
        CorruptStore: a field is missing, unknown, or cannot be meant.
    """
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, kind))}
    missing = [n for n, f in fields.items() if n not in content and f.default is dataclasses.MISSING]
    if missing or not content.keys() <= fields.keys():
        raise CorruptStore(path, 0, f"a field is missing or unknown ({sorted({*missing, *content} - {*fields})})")
    return kind(**{name: _value(hints[name], name, value, path) for name, value in content.items()})


def _value(hint: Any, name: str, value: Any, path: Path) -> Any:
    """One value as its field's type."""
    origin = typing.get_origin(hint)
    if hint is int and type(value) is int and 0 <= value < _MOST:
        return value
    if hint is float and type(value) in (int, float) and abs(value) <= _LARGEST:
        return float(value)
    if hint is str and isinstance(value, str) and _is_text_for(name, value):
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_value(typing.get_args(hint)[0], name, item, path) for item in value)
    if origin is Mapping and isinstance(value, dict):
        inner = typing.get_args(hint)[1]
        return {key: build(inner, _mapping(item, key, path), path) for key, item in value.items()}
    raise _wrong(name, value, path)


def _is_text_for(name: str, value: str) -> bool:
    if name in ("name", "segments"):
        return SEGMENT_NAME.fullmatch(value) is not None
    return name not in ("fingerprint", "crc32c") or _HEX.fullmatch(value) is not None


def _mapping(value: Any, name: str, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, value, path)
    return value


def _wrong(name: str, value: Any, path: Path) -> CorruptStore:
    return CorruptStore(path, 0, f"`{name}` cannot be {str(value)[:40]!r}")
