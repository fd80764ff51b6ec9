"""Suggestions that the page sends back, as the files that `simctl suggest` makes of them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from simctl.errors import SimctlError
from simctl.output import json_text
from simctl.suggest import formats
from simctl.suggest.suggested import NearestLabelled, Suggestion

from simd.web import parameters
from simd.web.answers import BadRequest


def written(kind: str, suggestions: object, base: str) -> bytes:
    """A file.

    Args:
        kind: one of `FORMATS`.
        suggestions: documents, as the page was told them.
        base: the folder at which names begin, for programs that serve one.

    Raises:
        BadRequest: it is no such format or list, or one is not in that folder.
    """
    write = FORMATS.get(kind)
    if write is None:
        raise BadRequest(f"format={kind:.40} is none; it is one of {', '.join(FORMATS)}", field="format")
    if not isinstance(suggestions, list) or not suggestions:
        raise BadRequest("suggestions are a list of what was suggested, at least one", field="suggestions")
    try:
        os.fsencode(base)
        found = [_suggestion(one) for one in suggestions]
        for one in found:
            _demand_inside(one.path, base)
        return b"".join(map(os.fsencode, write(found, base)))
    except (TypeError, KeyError, ValueError, AttributeError):
        raise BadRequest(
            "this is no list of suggestions; load the page anew and try again", field="suggestions"
        ) from None


def _demand_inside(path: str, base: str) -> None:
    try:
        formats.inside(path, base)
    except SimctlError:
        raise BadRequest(
            f"{json_text(path):.200} is not in {json_text(base):.200}; name a folder that holds all suggestions, "
            "or have only those in it suggested",
            field="base",
        ) from None


def _suggestion(said: Mapping[str, Any]) -> Suggestion:
    nearest = said["nearest_labelled"]
    return Suggestion(
        rank=int(said["rank"]),
        path=_path(said),
        image_id=parameters.image_id(said["image_id"]),
        covers=int(said["covers"]),
        coverage=float(said["coverage"]),
        nearest_labelled=nearest and _nearest(nearest),
        reason=str(said["reason"]),
        value=float(said["value"]),
        width=int(said["width"]),
        height=int(said["height"]),
    )


def _nearest(said: Mapping[str, Any]) -> NearestLabelled:
    labels = tuple(map(str, said["labels"]))
    return NearestLabelled(parameters.image_id(said["image_id"]), _path(said), float(said["distance"]), labels)


def _path(said: Mapping[str, Any]) -> str:
    exact = said.get("path_base64")
    return said["path"] or "" if exact is None else os.fsdecode(base64.b64decode(exact, validate=True))


def _paths(suggestions: Sequence[Suggestion], base: str) -> Iterator[str]:
    return (f"{one.path}\n" for one in suggestions)


def _csv(suggestions: Sequence[Suggestion], base: str) -> Iterator[str]:
    yield ",".join(formats.CSV_HEADER) + "\n"
    yield from formats.csv_lines(suggestions)


def _json(suggestions: Sequence[Suggestion], base: str) -> Iterator[str]:
    yield json.dumps({"suggestions": [formats.suggestion_document(one) for one in suggestions]}, indent=1) + "\n"


FORMATS: Mapping[str, Callable[[Sequence[Suggestion], str], Iterable[str]]] = {
    "paths": _paths,
    "csv": _csv,
    "json": _json,
    **formats.WRITERS,
}
"""By name."""
