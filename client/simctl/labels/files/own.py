"""What `simctl labels export` writes as JSON or JSONL, and what is written by hand like it.

A list of objects, or an object with such a list in `labels`: each has `labels`, a list of texts, or `label`, and
`path`, `image_id` or both. An object of paths with their labels is taken as well.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import Any

from simctl.labels.files.documents import entries, text_in
from simctl.labels.files.lines import IMAGE_ID, Line, Parsed, Places, problem


def parse(document: Any, name: str, places: Places) -> Parsed:
    """The lines of a document.

    Raises:
        SimctlError: it is none of these.
    """
    if isinstance(document, dict) and not isinstance(document.get("labels"), list):
        if "path" in document or "image_id" in document:
            document = [document]
        else:
            document = [{"path": path, "labels": labels} for path, labels in document.items()]
    elif isinstance(document, dict) and "path" not in document and "image_id" not in document:
        document = document["labels"]
    elif isinstance(document, dict):
        document = [document]
    lines: list[Line] = []
    without = 0
    for where, entry in entries(document, name):
        labels = _labels(entry, where)
        if labels:
            lines += _lines(entry, labels, where, places)
        else:
            without += 1
    return Parsed(lines, without)


def _lines(entry: dict[str, Any], labels: tuple[str, ...], where: str, places: Places) -> list[Line]:
    image_id = text_in(entry, "image_id", where) if entry.get("image_id") else ""
    if image_id and not IMAGE_ID.fullmatch(image_id):
        raise problem(where, f"{image_id[:80]!r} is no image_id", "it has 32 hex digits")
    lines = [
        Line(where, path, places.path(path), labels, image_id)
        for path in _texts(entry, "paths", where) or _texts(entry, "path", where)
    ]
    if not lines and not image_id:
        raise problem(where, "neither `path` nor `image_id`", "one of them tells which file is meant")
    return lines or [Line(where, image_id, b"", labels, image_id)]


def _texts(entry: dict[str, Any], key: str, where: str) -> list[str]:
    """One path or several; their exact bytes, where these are there."""
    exact = entry.get(f"{key}_base64")
    if exact is not None:
        return [os.fsdecode(_exact(one, where)) for one in (exact if isinstance(exact, list) else [exact])]
    value = entry.get(key)
    if not value:
        return []
    values = value if isinstance(value, list) else [value]
    return [text_in({key: one}, key, where) for one in values]


def _labels(entry: dict[str, Any], where: str) -> tuple[str, ...]:
    found = entry.get("labels", entry.get("label", []))
    found = [found] if isinstance(found, str) else found
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise problem(where, "`labels` has to be a list of texts")
    return tuple(label for label in found if label.strip())


def _exact(text: object, where: str) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except binascii.Error as error:
        raise problem(where, "`path_base64` is no base64") from error
