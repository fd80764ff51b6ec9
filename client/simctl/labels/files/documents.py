"""JSON documents, with errors that say where."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from simctl.labels.files.lines import problem


def load(text: str, name: str) -> Any:
    """A document, or the list of documents of which a JSONL file has one in each line.

    Raises:
        SimctlError: it is neither.
    """
    _demand_utf8(text, name)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        lines = _lines(text, name) if error.msg == "Extra data" else None
        if lines is None:
            raise problem(f"{name}, line {error.lineno}", f"no JSON: {error.msg}") from error
        return lines
    except RecursionError as error:
        raise problem(name, "it is nested too deeply") from error


def _lines(text: str, name: str) -> list[Any] | None:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                found.append(json.loads(line))
            except (json.JSONDecodeError, RecursionError) as error:
                raise problem(f"{name}, line {number}", f"no JSON: {error}") from error
    return found


def _demand_utf8(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise problem(f"{name}, line {line}", "a byte that is no UTF-8, which JSON has to be") from error


def entries(value: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list, each with where it is.

    Raises:
        SimctlError: it is no list of objects.
    """
    if not isinstance(value, list):
        raise problem(where, f"a list is needed, not {_kind(value)}")
    for number, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise problem(f"{where}[{number}]", f"an object is needed, not {_kind(entry)}")
        yield f"{where}[{number}]", entry


def text_in(entry: dict[str, Any], key: str, where: str) -> str:
    """A text of an object.

    Raises:
        SimctlError: there is none.
    """
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise problem(where, f"`{key}` has to be a text, not {_kind(value)}")
    try:
        os.fsencode(value)
    except UnicodeEncodeError as error:
        raise problem(where, f"`{key}` has half a character in it, which no name has") from error
    return value


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), "a number")
