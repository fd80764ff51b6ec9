"""Label Studio's exports: JSON, with everything, and JSON_MIN.

Labels are what people chose for the picture or drew in it; cancelled annotations do not count, predictions neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simctl.labels.files.documents import entries, text_in
from simctl.labels.files.lines import IMAGE_ID, PICTURES, Line, Parsed, Places, problem

_PICTURES = ("image", "img", "picture", "photo", "url", "path")
"""What the field with the picture is usually called."""

_ABOUT = {
    "id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "file_upload", "inner_id", "project",
    "total_annotations", "agreement", "ground_truth",
}  # fmt: skip
"""Fields of JSON_MIN that say something of the annotation."""


def is_label_studio(document: Any) -> bool:
    """Whether it looks like it."""
    return (
        isinstance(document, list)
        and bool(document)
        and isinstance(document[0], dict)
        and (isinstance(document[0].get("data"), dict) or "annotation_id" in document[0])
    )


def parse(document: list[Any], name: str, places: Places) -> Parsed:
    """The lines of an export.

    Raises:
        SimctlError: it is none.
    """
    lines: list[Line] = []
    without = 0
    for where, task in entries(document, name):
        data = task.get("data")
        fields = data if isinstance(data, dict) else task
        key = _picture(fields, where)
        picture = text_in(fields, key, where)
        labels = dict.fromkeys(_chosen(task, where) if isinstance(data, dict) else _minimal(task, key))
        if labels:
            lines.append(Line(where, picture, places.path(picture), tuple(labels), _image_id(task)))
        else:
            without += 1
    return Parsed(lines, without)


def _picture(fields: dict[str, Any], where: str) -> str:
    for key in _PICTURES:
        if isinstance(fields.get(key), str):
            return key
    for key, value in fields.items():
        if isinstance(value, str) and any(value.lower().partition("?")[0].endswith(ending) for ending in PICTURES):
            return key
    raise problem(where, "no field names a picture", f"one is called {', '.join(_PICTURES)}")


def _image_id(task: dict[str, Any]) -> str:
    """Which image it is, where the task was made by our own export."""
    meta = task.get("meta")
    image_id = meta.get("image_id") if isinstance(meta, dict) else None
    return image_id if isinstance(image_id, str) and IMAGE_ID.fullmatch(image_id) else ""


def _chosen(task: dict[str, Any], where: str) -> Iterator[str]:
    annotations = task.get("annotations", task.get("completions", []))
    for at, annotation in entries(annotations, f"{where}.annotations"):
        if not annotation.get("was_cancelled"):
            for _, result in entries(annotation.get("result", []), f"{at}.result"):
                value = result.get("value")
                # Of a region the labels are under the name of its type: `choices`, `rectanglelabels`, `taxonomy`.
                yield from _texts(value.get(result.get("type")) if isinstance(value, dict) else None)


def _minimal(task: dict[str, Any], picture: str) -> Iterator[str]:
    for key, value in task.items():
        if key not in _ABOUT and key != picture:
            yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    """The labels in what JSON_MIN makes of a choice, several choices, or regions; and of a taxonomy its paths."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        kinds = [key for key in value if key.endswith(("labels", "choices"))]
        for key in kinds:
            yield from _texts(value[key])
    elif isinstance(value, list):
        if value and all(isinstance(one, list) for one in value):
            yield from (" / ".join(map(str, path)) for path in value)
        else:
            for one in value:
                yield from _texts(one)
