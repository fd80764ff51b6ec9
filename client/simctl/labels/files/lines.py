"""What every kind of label file comes down to: lines that say of one file what it is."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

from simctl.errors import SimctlError

MAX_LABEL_BYTES = 1000
"""The daemon takes no longer one."""

PICTURES = frozenset({
    ".arw", ".avif", ".bmp", ".cr2", ".cr3", ".dib", ".dng", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe",
    ".jpeg", ".jpg", ".jxl", ".nef", ".orf", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".raf", ".rw2", ".tga",
    ".tif", ".tiff", ".webp"
})  # fmt: skip
"""What names of pictures end with, where a folder is read that holds other files too."""

IMAGE_ID = re.compile("[0-9a-f]{32}")
_SERVED = "/data/local-files/"
"""Where Label Studio serves files of its machine, relative to its LOCAL_FILES_DOCUMENT_ROOT."""
_URL = re.compile(rf"[a-z][a-z0-9+.-]*://|{_SERVED}\?d=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of a file.

    Attributes:
        where: where it is said, for a person: "labels.csv, line 3".
        name: what the file is called there.
        path: its absolute path, or b"" if that is not known.
        labels: one or more; they are checked later.
        image_id: which image it is, 32 hex digits, or "".
    """

    where: str
    name: str
    path: bytes
    labels: tuple[str, ...]
    image_id: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A label file: its lines, and how many files it names without a label."""

    lines: list[Line]
    without_label: int = 0


def problem(where: str, what: str, remedy: str = "") -> SimctlError:
    """An error that says where a label file is wrong; nothing of it is imported."""
    return SimctlError(f"{where}: {what}" + (f"; {remedy}" if remedy else ""))


def checked(labels: Iterable[str], where: str) -> tuple[str, ...]:
    """Labels without the blanks around them, each once.

    Raises:
        SimctlError: one of them is empty, too long, or has control characters.
    """
    found: dict[str, None] = {}
    for text in labels:
        label = text.strip()
        try:
            label.encode()
        except UnicodeEncodeError:
            label = _latin(label, where)
        if not label:
            raise problem(where, "an empty label", "leave the line out, or name the label")
        if len(label.encode()) > MAX_LABEL_BYTES:
            raise problem(where, f"a label of {len(label.encode())} bytes; at most {MAX_LABEL_BYTES} are taken")
        if any(unicodedata.category(char) == "Cc" for char in label):
            raise problem(where, f"the label {label[:80]!r} has control characters in it")
        found[label] = None
    return tuple(found)


def _latin(label: str, where: str) -> str:
    """A label whose bytes are no UTF-8: they came this far as they were."""
    try:
        return label.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError as error:
        raise problem(where, f"the label {label[:80]!r} has half a character in it") from error


class Places:
    """Finds the files that label files name.

    Args:
        base: absolute path of the folder that relative names begin at.
        is_given: whether a person named it; else what Label Studio serves may begin at the root of all.
    """

    def __init__(self, base: bytes, *, is_given: bool = False) -> None:
        self._base = base
        self._is_given = is_given

    def path(self, name: str) -> bytes:
        """The absolute path of a file by its name, or by a URL that leads to a file of this machine; b"" for others."""
        if not _URL.match(name):
            return self._existing(os.fsencode(name))
        url = urlsplit(name)
        if url.path.endswith(_SERVED) and (files := parse_qs(url.query, errors="surrogateescape").get("d")):
            inside = self._absolute(os.fsencode(files[0]))
            if self._is_given or os.path.lexists(inside):
                return inside
            return os.path.normpath(b"/" + os.fsencode(files[0]).lstrip(b"/"))
        if url.scheme == "file" and url.netloc in ("", "localhost"):
            return self._absolute(unquote_to_bytes(url.path))
        return b""

    def _existing(self, raw: bytes) -> bytes:
        """As it is written, or, where there is no such file, as another system would have written it."""
        path = self._absolute(raw)
        others = [raw.replace(b"\\", b"/")] if b"\\" in raw else []
        try:
            raw.decode()
        except UnicodeDecodeError:
            others.append(raw.decode("latin-1").encode())
        if others and not os.path.lexists(path):
            return next((other for other in map(self._absolute, others) if os.path.lexists(other)), path)
        return path

    def _absolute(self, raw: bytes) -> bytes:
        return os.path.normpath(os.path.join(self._base, raw)) if raw and b"\0" not in raw else b""


def text_of(data: bytes, name: str) -> str:
    """The text of a file: UTF-8, UTF-16 with a mark at its beginning, or else bytes that are kept as they are.

    Raises:
        SimctlError: it is no text.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise problem(name, f"it is no UTF-16, as its first bytes say it is: {error.reason}") from error
    if b"\0" in data:
        raise problem(name, "it is no text", "name a CSV, JSON or JSONL file, or a folder")
    return data.decode("utf-8-sig", "surrogateescape")
