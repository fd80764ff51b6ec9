"""Reading a label file of whatever kind: what it is tells its content."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from dataclasses import dataclass

from simctl.connection import absolute
from simctl.labels.files import coco, documents, folders, labelstudio, own, table, yolo
from simctl.labels.files.lines import Line, Parsed, Places, checked, problem, text_of

FORMATS = ("folders", "csv", "coco", "yolo", "label-studio", "json")
_FOLDERS = ("folders", "yolo")


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A label file that was read.

    Attributes:
        format: one of `FORMATS`.
        lines: one for each file that it labels, in its order.
        without_label: how many files it names without a label.
    """

    format: str
    lines: list[Line]
    without_label: int


def read(name: str, kind: str | None = None, base: str | None = None) -> LabelFile:
    """Read a file, a folder, or what comes from standard input if the name is `-`.

    Args:
        name: which.
        kind: one of `FORMATS`; None is told from the content.
        base: the folder that relative paths in it begin at; None is the file's own.

    Raises:
        SimctlError: it cannot be read, or is not what it is said or seems to be.
    """
    path = b"-" if name == "-" else absolute(name)
    if name != "-" and os.path.isdir(path):
        kind = kind or ("yolo" if yolo.is_yolo(path) else "folders")
        if kind not in _FOLDERS:
            raise problem(name, f"it is a folder, and {kind} is a file", f"a folder is {' or '.join(_FOLDERS)}")
        return merged(kind, yolo.parse(path) if kind == "yolo" else folders.parse(path))
    if kind in _FOLDERS:
        raise problem(name, f"it is no folder, and {kind} is one")
    folder = os.curdir if name == "-" else os.path.dirname(path)
    places = Places(absolute(folder if base is None else base), is_given=base is not None)
    return merged(*parsed(_text(name), name, kind, places))


def _text(name: str) -> str:
    try:
        if name == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as stream:
                data = stream.read()
    except OSError as error:
        raise problem(name, f"it cannot be read: {error.strerror}") from error
    return text_of(data, name)


def parsed(text: str, name: str, kind: str | None, places: Places) -> tuple[str, Parsed]:
    """What a file is, and what it says, as it is written there.

    Raises:
        SimctlError: it is not what it is said or seems to be.
    """
    if kind == "csv" or (kind is None and not text.lstrip().startswith(("{", "["))):
        return "csv", table.parse(text, name, places)
    document = documents.load(text, name)
    if kind is None:
        is_studio = labelstudio.is_label_studio(document)
        kind = "coco" if coco.is_coco(document) else "label-studio" if is_studio else "json"
    if kind == "coco":
        return kind, coco.parse(document, name, places)
    if kind == "label-studio":
        return kind, labelstudio.parse(document, name, places)
    return kind, own.parse(document, name, places)


def merged(kind: str, parsed: Parsed) -> LabelFile:
    """With one line for each file: what several lines say of one is all true.

    Raises:
        SimctlError: a label is none.
    """
    first: dict[tuple[bytes, str, str], Line] = {}
    labels: dict[tuple[bytes, str, str], dict[str, None]] = defaultdict(dict)
    for line in parsed.lines:
        key = (line.path, line.image_id, line.name if not line.path else "")
        first.setdefault(key, line)
        labels[key].update(dict.fromkeys(checked(line.labels, line.where)))
    lines = [Line(line.where, line.name, line.path, tuple(labels[key]), line.image_id) for key, line in first.items()]
    return LabelFile(kind, lines, parsed.without_label)
