"""The fields of a JSON file that a person may have edited: what is wrong is refused with its place and what helps."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from typing import Any

from simctl.errors import EXIT_USAGE, SimctlError
from simctl.output import json_text

ANEW = "put it back as it was, or write it anew"
_HEX = re.compile(r"[0-9a-f]{32}")
_KINDS = {
    int: "a whole number",
    str: "a text",
    list: "an array in brackets",
    dict: "an object in braces",
    bool: "true or false",
}


def read(text: str | bytes, name: str) -> object:
    """The document that a file's text is.

    Args:
        text: of the file, UTF-8.
        name: of the file, for messages.

    Raises:
        SimctlError: it is none; the message has the place.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise broken(
            f"{name} is no JSON from line {error.lineno}, column {error.colno} on: {error.msg}; look at what was "
            "edited there"
        ) from None
    except (UnicodeDecodeError, RecursionError):
        raise broken(
            f"{name} is no JSON text; is it the file that `simctl duplicates --plan` wrote, or that the page gave?"
        ) from None


class Fields:
    """The fields of one object of the file.

    Args:
        value: the object.
        place: where in the file it is, for messages.
        known: the fields that it may have; None is any.

    Raises:
        SimctlError: it is no object, or has other fields.
    """

    def __init__(self, value: object, place: str, known: set[str] | None) -> None:
        if not isinstance(value, dict):
            raise broken(f"{place}: an object in braces is expected; {ANEW}")
        self._value: dict[str, Any] = value
        self._place = place
        if known is not None and (unknown := sorted(value.keys() - known)):
            raise broken(f"{place}: there is no field {json.dumps(unknown[0])}; {ANEW}")

    def take(self, name: str, kind: type, *default: object) -> Any:
        """A field; without a default it must be there."""
        if name not in self._value:
            if default:
                return default[0]
            raise broken(f'{self._place}: the field "{name}" is missing; {ANEW}')
        value = self._value[name]
        is_right = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
        if not is_right:
            raise self.wrong(name, f"{_KINDS[kind]} is expected")
        return value

    def number(self, name: str) -> int:
        """A whole number of 0 or more."""
        value = int(self.take(name, int))
        if value < 0 and name == "size":
            raise self.wrong(name, "a size is 0 or more")
        return value

    def real(self, name: str, *default: None) -> float | None:
        """A number; without a default it must be there."""
        value: Any = self.take(name, object, *default)
        if not (value is None and default) and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self.wrong(name, "a number is expected")
        return None if value is None else float(value)

    def digest(self, name: str) -> str:
        """32 hex digits."""
        value = str(self.take(name, str))
        if not _HEX.fullmatch(value):
            raise self.wrong(name, "32 hex digits are expected")
        return value

    def path(self, name: str) -> str:
        """An absolute path, of its exact bytes if they are beside it."""
        return self._path(name, str(self.take(name, str)), self.take(f"{name}_base64", str, ""))

    def paths(self, name: str) -> tuple[str, ...]:
        """An array of such paths."""
        texts = self.take(name, list)
        exact = self.take(f"{name}_base64", list, [""] * len(texts))
        if len(exact) != len(texts) or not all(isinstance(one, str) for one in (*texts, *exact)):
            raise self.wrong(name, "an array of paths is expected")
        return tuple(map(self._path, [name] * len(texts), texts, exact))

    def _path(self, name: str, text: str, exact: str) -> str:
        path = self._decoded(name, text, exact) if exact else text
        try:
            raw = os.fsencode(path)
        except UnicodeEncodeError:
            raise self.wrong(name, "this is no name that a file can have") from None
        if not path.startswith("/") or b"\0" in raw or os.path.normpath(path) != path:
            raise self.wrong(name, 'an absolute path without "." and ".." is expected')
        return path

    def texts(self, name: str, *, empty: bool = False) -> tuple[str, ...]:
        """An array of texts that are not empty; it may have none if `empty`."""
        values = self.take(name, list)
        if not (values or empty) or not all(isinstance(value, str) and value for value in values):
            raise self.wrong(name, "an array of texts is expected")
        return tuple(values)

    def wrong(self, name: str, expected: str) -> SimctlError:
        """The error for a field of the wrong kind."""
        shown = json.dumps(self._value[name])
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return broken(f'{self._place}, "{name}": {expected}, and it is {shown}; {ANEW}')

    def _decoded(self, name: str, text: str, exact: str) -> str:
        try:
            path = os.fsdecode(base64.b64decode(exact, validate=True))
        except (ValueError, binascii.Error):
            raise self.wrong(f"{name}_base64", "base64 is expected") from None
        if json_text(path) != text:
            raise self.wrong(name, f'"{name}_base64" holds another path; edit both, or neither')
        return path


def broken(message: str) -> SimctlError:
    """The error for a file that makes no sense."""
    return SimctlError(message, exit_code=EXIT_USAGE)
