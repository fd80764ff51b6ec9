"""Which part of a file a request asks for (RFC 9110, section 14), and the name under which it is saved (RFC 6266)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import Headers

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_UNSAFE = frozenset('/\\:*?"<>|')


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file.

    Attributes:
        first: its first byte; None for the last `length` bytes of the file.
        length: bytes at most; None is all that follow.
    """

    first: int | None
    length: int | None

    def of(self, size: int) -> tuple[int, int] | None:
        """Its first byte and how many it has in a file of `size` bytes; None if that holds none of it."""
        length = size if self.length is None else self.length
        first = max(0, size - length) if self.first is None else self.first
        length = min(length, size - first)
        return (first, length) if length > 0 else None


def part(headers: Headers, etag: str) -> Part | None:
    """The part that a request asks for; None where it asks for all, for several, or for one of another file."""
    if headers.get("if-range", etag) != etag:
        return None
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    if found is None:
        return None
    first, last = (int(number) if number else None for number in found.groups())
    if first is None:
        return None if last is None else Part(None, last)
    if last is None:
        return Part(first, None)
    return Part(first, last - first + 1) if last >= first else None


def is_known(headers: Headers, etag: str) -> bool:
    """Whether the browser has what the tag names."""
    tags = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    return etag in tags or tags == ["*"]


def disposition(name: str, *, saved: bool) -> str:
    """The header that names a file.

    Args:
        name: of the file, without folders; anybody may have chosen it.
        saved: whether it is to be saved instead of shown.
    """
    shown = "".join(letter if letter.isprintable() and letter not in _UNSAFE else "_" for letter in name).strip(" .")
    shown = shown[-200:] or "picture"
    plain = shown.encode("ascii", "replace").decode().replace("?", "_")
    how = "attachment" if saved else "inline"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"
