"""Suggestions as other programs read them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator

from simctl.errors import EXIT_USAGE, SimctlError
from simctl.labels.files.writing import csv_line, local_url
from simctl.output import json_path
from simctl.suggest.suggested import NearestLabelled, Suggested, Suggestion

CSV_HEADER = (
    "path", "label", "image_id", "covers", "coverage", "nearest_path", "nearest_distance", "nearest_labels", "reason",
    "width", "height",
)  # fmt: skip
"""`label` is empty: what is filled in there, `simctl labels import` reads."""


def document(found: Suggested, new: Iterable[Suggestion]) -> dict[str, object]:
    """An answer as JSON has it, with those of its suggestions that are new."""
    return {
        "suggestions": [suggestion_document(one) for one in new],
        "coverage": found.curve,
        "images": found.images,
        "labelled": found.labelled,
        "same_as_labelled": found.same_as_labelled,
        "estimated": found.estimated,
        **({"host": found.host} if found.host else {}),
    }


def suggestion_document(one: Suggestion) -> dict[str, object]:
    """A suggestion as JSON has it."""
    return {
        "rank": one.rank,
        **json_path(one.path),
        "image_id": one.image_id,
        "covers": one.covers,
        "coverage": one.coverage,
        "nearest_labelled": one.nearest_labelled and _nearest(one.nearest_labelled),
        "reason": one.reason,
        "value": one.value,
        "width": one.width,
        "height": one.height,
    }


def _nearest(one: NearestLabelled) -> dict[str, object]:
    where = json_path(one.path) if one.path else {"path": None}
    return {**where, "image_id": one.image_id, "distance": one.distance, "labels": one.labels}


def csv_lines(suggestions: Iterable[Suggestion]) -> Iterator[str]:
    """A line for each, without the header."""
    for one in suggestions:
        nearest = one.nearest_labelled
        about = (nearest.path, f"{nearest.distance:.4f}", "; ".join(nearest.labels)) if nearest else ("", "", "")
        coverage = f"{one.coverage:.4f}"
        yield csv_line(
            (one.path, "", one.image_id, one.covers, coverage, *about, one.reason, one.width or "", one.height or "")
        )


def tasks(suggestions: Iterable[Suggestion], base: str) -> Iterator[str]:
    """Label Studio's tasks. A prediction without a result carries the score by which it sorts, the lowest first; the
    rank is in the task's data as well, where it is shown.

    Args:
        suggestions: in their order.
        base: the folder that Label Studio serves.

    Raises:
        SimctlError: one is not below that.
    """
    wanted = list(suggestions)
    yield "[\n"
    for number, one in enumerate(wanted, 1):
        meta = {"image_id": one.image_id, "covers": one.covers, "coverage": one.coverage, "reason": one.reason}
        if one.nearest_labelled:
            meta["nearest_labelled"] = _nearest(one.nearest_labelled)
        task = {
            "data": {"image": local_url(inside(one.path, base)), "rank": one.rank},
            "predictions": [{"model_version": "simd", "score": number / len(wanted), "result": []}],
            "meta": meta,
        }
        yield json.dumps(task) + ("," if number < len(wanted) else "") + "\n"
    yield "]\n"


def cvat_manifest(suggestions: Iterable[Suggestion], base: str) -> Iterator[str]:
    """CVAT's manifest of a set of images, which gives a task their order (sorting method "predefined").

    Args:
        suggestions: in their order; those whose names are not UTF-8 cannot be in it.
        base: the folder that CVAT has as its share.

    Raises:
        SimctlError: one is not below that.
    """
    yield json.dumps({"version": "1.1"}) + "\n"
    yield json.dumps({"type": "images"}) + "\n"
    for one in filter(is_text, suggestions):
        name, extension = os.path.splitext(inside(one.path, base))
        size = {"width": one.width, "height": one.height}
        yield json.dumps({"name": name, "extension": extension, **size, "meta": {"related_images": []}}) + "\n"


def is_text(one: Suggestion) -> bool:
    """Whether its path is UTF-8."""
    try:
        one.path.encode()
    except UnicodeEncodeError:
        return False
    return True


def inside(path: str, base: str) -> str:
    """A path relative to a folder that it lies in.

    Raises:
        SimctlError: it lies elsewhere.
    """
    top = os.path.abspath(base).rstrip("/") + "/"
    if not path.startswith(top):
        raise SimctlError(
            f"{path} is not in {base}; name a folder with --base that holds all suggestions, or have only those in it "
            "suggested with --path-prefix",
            exit_code=EXIT_USAGE,
        )
    return path.removeprefix(top)


Writer = Callable[[Iterable[Suggestion], str], Iterator[str]]

WRITERS: dict[str, Writer] = {"label-studio": tasks, "cvat": cvat_manifest}
"""Those that make one document of all."""
