"""Writing labels as other programs read them, line by line as they come."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import quote

from simctl.labels.labelled import LabelledImage
from simctl.output import json_path, json_paths


def csv_lines(images: Iterable[LabelledImage]) -> Iterator[str]:
    """A line for each file and label; images without a file have none."""
    yield "path,label\n"
    for image in images:
        for path in image.paths:
            for label in image.labels:
                yield csv_line((path, label))


def csv_line(cells: Sequence[object]) -> str:
    """A line of a table."""
    text = io.StringIO()
    # A return alone is not quoted by itself.
    is_odd = any(isinstance(cell, str) and "\r" in cell for cell in cells)
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if is_odd else csv.QUOTE_MINIMAL).writerow(cells)
    return text.getvalue()


def json_lines(images: Iterable[LabelledImage]) -> Iterator[str]:
    """A document a line."""
    for image in images:
        yield json.dumps(document(image)) + "\n"


def json_document(images: Iterable[LabelledImage]) -> Iterator[str]:
    """One document, written as the images come: they may be too many to be held."""
    yield '{"labels": [\n'
    for number, image in enumerate(images):
        yield ("," if number else "") + json.dumps(document(image)) + "\n"
    yield "]}\n"


def tasks(images: Iterable[LabelledImage]) -> Iterator[str]:
    """Label Studio's tasks, with the labels as choices; pictures are read from local files, with `/` as the document
    root."""
    yield "[\n"
    first = True
    for image in images:
        for path in image.paths[:1]:
            yield ("" if first else ",") + json.dumps(_task(path, image)) + "\n"
            first = False
    yield "]\n"


def document(image: LabelledImage) -> dict[str, object]:
    """A labelled image as JSON has it."""
    where = {**json_path(image.path), **json_paths(image.paths)} if image.paths else {}
    return {"image_id": image.image_id, **where, "labels": image.labels}


def _task(path: str, image: LabelledImage) -> dict[str, object]:
    result = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": image.labels}}
    data = {"image": local_url(path.lstrip("/"))}
    return {"data": data, "annotations": [{"result": [result]}], "meta": {"image_id": image.image_id}}


def local_url(path: str) -> str:
    """Where Label Studio serves a file of its machine, by its path below the document root."""
    return f"/data/local-files/?d={quote(os.fsencode(path))}"


Writer = Callable[[Iterable[LabelledImage]], Iterator[str]]

WRITERS: dict[str, Writer] = {
    "csv": csv_lines,
    "json": json_document,
    "jsonl": json_lines,
    "label-studio": tasks,
}
