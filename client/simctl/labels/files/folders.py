"""Folders as classes: `DIR/class/file`, at any depth below the class."""

from __future__ import annotations

import os

from simctl.labels.files.lines import PICTURES, Line, Parsed, problem


def parse(top: bytes) -> Parsed:
    """Every picture of a folder, labelled by the folder that it is in there.

    Raises:
        SimctlError: a folder cannot be read, or there is no picture in any.
    """
    lines: list[Line] = []
    unlabelled = 0
    for folder, folders, names in os.walk(top, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith(b"."))
        inside = os.path.relpath(folder, top)
        for name in sorted(names):
            if name.startswith(b".") or os.fsdecode(os.path.splitext(name)[1]).lower() not in PICTURES:
                continue
            if inside == b".":
                unlabelled += 1
                continue
            path = os.path.join(folder, name)
            shown = os.fsdecode(path)
            lines.append(Line(shown, shown, path, (os.fsdecode(inside.split(b"/")[0]),)))
    if not lines:
        raise problem(os.fsdecode(top), "no folder in it holds a picture", "folders are classes: DIR/class/file")
    return Parsed(lines, unlabelled)


def _raise(error: OSError) -> None:
    raise problem(os.fsdecode(error.filename), f"it cannot be read: {error.strerror}") from error
