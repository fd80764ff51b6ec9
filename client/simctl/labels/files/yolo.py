"""YOLO: a text file for each picture, with a line for each region that begins with the number of its class.

The text is beside its picture, or in `labels/` at the same place where the picture is in `images/`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from simctl.labels.files import yolonames
from simctl.labels.files.lines import PICTURES, Line, Parsed, problem, text_of


def is_yolo(top: bytes) -> bool:
    """Whether a folder looks like a data set."""
    if os.path.isdir(os.path.join(top, b"labels")) and os.path.isdir(os.path.join(top, b"images")):
        return True
    if any(os.path.isfile(os.path.join(top, name)) for name in (*yolonames.YAMLS, *yolonames.LISTS)):
        return True
    return any(_begins_like_one(text) for text, _ in _texts(top))


def parse(top: bytes) -> Parsed:
    """The lines of a data set.

    Raises:
        SimctlError: it is none, a text in it is none of YOLO's, or a class has no name.
    """
    names = yolonames.find([top, os.path.join(top, b"labels"), os.path.dirname(top)])
    lines: list[Line] = []
    without = 0
    for text, picture in _texts(top):
        classes = dict.fromkeys(_classes(text))
        unknown = [number for number in classes if names is None or number not in names]
        if unknown:
            raise problem(
                os.fsdecode(text), f"the class {unknown[0]} has no name",
                f"put a data.yaml with `names`, or a classes.txt with a name a line, into {os.fsdecode(top)}",
            )  # fmt: skip
        if classes and names is not None:
            where = os.fsdecode(text)
            lines.append(Line(where, os.fsdecode(picture), picture, tuple(names[number] for number in classes)))
        else:
            without += 1
    if not lines and not without:
        raise problem(
            os.fsdecode(top), "no text in it belongs to a picture", "a picture's has its name and ends with .txt"
        )
    return Parsed(lines, without)


def _texts(top: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The texts of a data set, each with its picture. One under `labels/` belongs to a picture that may be missing; one
    elsewhere is a text of something else then."""
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith(b"."))
        texts = sorted(name for name in names if name.endswith(b".txt") and name not in yolonames.LISTS)
        if not texts:
            continue
        beside = _by_stem(folder)
        parts = os.path.relpath(folder, top).split(b"/")
        mirrored = None
        if b"labels" in parts:
            at = parts.index(b"labels")
            mirrored = os.path.join(top, *parts[:at], b"images", *parts[at + 1 :])
        opposite = _by_stem(mirrored) if mirrored else {}
        for name in texts:
            stem = name[:-4]
            picture = beside.get(stem) or opposite.get(stem) or (os.path.join(mirrored, stem) if mirrored else None)
            if picture:
                yield os.path.join(folder, name), picture


def _by_stem(folder: bytes) -> dict[bytes, bytes]:
    """The pictures of a folder by their names without the ending."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    split = [(os.path.splitext(name), name) for name in names]
    return {stem: os.path.join(folder, name) for (stem, end), name in split if os.fsdecode(end).lower() in PICTURES}


def _classes(text: bytes) -> Iterator[int]:
    where = os.fsdecode(text)
    try:
        with open(text, "rb") as stream:
            lines = text_of(stream.read(), where).splitlines()
    except OSError as error:
        raise problem(where, f"it cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _class_of(line, f"{where}, line {number}")


def _class_of(line: str, where: str) -> int:
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    # A class alone is what classification has; a region has four numbers more, an outline or points even more.
    if not values or len(values) in (2, 3, 4) or not 0 <= values[0] < 1 << 31 or values[0] != int(values[0]):
        raise problem(
            where, f"{line[:80]!r} is no region", "it is a class and the numbers of a region: `0 0.5 0.5 1 1`"
        )
    return int(values[0])


def _begins_like_one(text: bytes) -> bool:
    try:
        with open(text, "rb") as stream:
            first = stream.readline(1000).split()
        return len(first) > 4 and first[0].isdigit() and all(0 <= float(word) <= 1 for word in first[1:5])
    except (OSError, ValueError):
        return False
