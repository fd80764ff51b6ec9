"""COCO: images, annotations of them, and categories; each category of an image's annotations is a label."""

from __future__ import annotations

from typing import Any

from simctl.labels.files.documents import entries, text_in
from simctl.labels.files.lines import Line, Parsed, Places, problem


def is_coco(document: Any) -> bool:
    """Whether it looks like it."""
    return isinstance(document, dict) and "images" in document and "annotations" in document


def parse(document: Any, name: str, places: Places) -> Parsed:
    """The lines of a document.

    Raises:
        SimctlError: it is none of COCO's, or its parts do not fit together.
    """
    if not isinstance(document, dict):
        raise problem(name, "a COCO file is one JSON object")
    names: dict[Any, str] = {}
    for where, category in entries(document.get("categories"), f"{name}: categories"):
        names[_id(category, "id", where)] = text_in(category, "name", where)
    files: dict[Any, str] = {}
    for where, image in entries(document.get("images"), f"{name}: images"):
        files[_id(image, "id", where)] = text_in(image, "file_name", where)
    labels: dict[Any, dict[str, None]] = {image_id: {} for image_id in files}
    for where, annotation in entries(document.get("annotations"), f"{name}: annotations"):
        image_id, category_id = _id(annotation, "image_id", where), _id(annotation, "category_id", where)
        if image_id not in files:
            raise problem(where, f"no image has the id {image_id}")
        if category_id not in names:
            raise problem(where, f"no category has the id {category_id}")
        labels[image_id][names[category_id]] = None
    lines = [
        Line(f"{name}: image {image_id}", file, places.path(file), tuple(labels[image_id]))
        for image_id, file in files.items()
        if labels[image_id]
    ]
    return Parsed(lines, len(files) - len(lines))


def _id(entry: dict[str, Any], key: str, where: str) -> int | str:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise problem(where, f"`{key}` has to be a number")
    return value
