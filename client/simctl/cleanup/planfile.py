"""The plan as a file that a person can read and edit: JSON, each group and each file with its reasons.

What was edited into nonsense is refused with its place: the number of the group, the field, and what helps.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
import re
import time
from collections.abc import Iterable
from typing import Any

from simctl.cleanup.plan import CarriedLabels, CarriedSidecar, Companion, Entry, Plan, PlannedGroup
from simctl.errors import EXIT_USAGE, SimctlError
from simctl.output import json_path, json_text

VERSION = 1
_HEX = re.compile(r"[0-9a-f]{32}")
_ANEW = "put it back as it was, or write the plan anew"


def parsed(text: str | bytes, name: str) -> Plan:
    """The plan of a file's text, in which every entry has what it needs; whether it makes sense `soundness` tells.

    Args:
        text: of the file, UTF-8.
        name: of the file, for messages.

    Raises:
        SimctlError: it is no plan; the message has the place and the remedy.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(
            f"{name} is no JSON from line {error.lineno}, column {error.colno} on: {error.msg}; look at what was "
            "edited there"
        ) from None
    except (UnicodeDecodeError, RecursionError):
        raise _broken(f"{name} is no JSON text; is it the file that `simctl duplicates --plan` wrote?") from None
    top = _Fields(document, name, {"simd_plan", "created", "groups"})
    version = top.take("simd_plan", int)
    if version != VERSION:
        raise _broken(f"{name} is a plan of version {version}, and this simctl knows version {VERSION}; {_ANEW}")
    groups = top.take("groups", list)
    return Plan(
        created=top.take("created", str, ""),
        groups=tuple(_group(group, f"{name}, group {number}") for number, group in enumerate(groups, 1)),
    )


def document(group: PlannedGroup) -> dict[str, object]:
    """A group as the file has it."""
    return {
        "group_id": group.group_id,
        "tier": group.tier,
        "reason": group.reason,
        "stays": [_entry_document(entry) for entry in group.stays],
        "goes": [_entry_document(entry) for entry in group.goes],
        "carry": [
            *({"kind": "labels", "labels": list(one.labels), "to": one.to} for one in group.labels),
            *map(_sidecar_document, group.sidecars),
        ],
    }


def whole(groups: Iterable[PlannedGroup]) -> dict[str, object]:
    """A plan of these groups as JSON has it, made now."""
    return {"simd_plan": VERSION, "created": now(), "groups": [document(group) for group in groups]}


def now() -> str:
    """The time, as plans have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def written(groups: Iterable[PlannedGroup], stream: io.TextIOBase) -> int:
    """Write a plan group by group, as they come; returns how many there are."""
    stream.write(f'{{\n "simd_plan": {VERSION},\n "created": "{now()}",\n "groups": [')
    number = 0
    for number, group in enumerate(groups, 1):
        text = json.dumps(document(group), indent=1, ensure_ascii=False)
        stream.write(("," if number > 1 else "") + "\n  " + text.replace("\n", "\n  "))
    stream.write("\n ]\n}\n")
    return number


def _entry_document(entry: Entry) -> dict[str, object]:
    return {
        **json_path(entry.path),
        "image_id": entry.image_id,
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
        **({"tier": entry.tier} if entry.tier else {}),
        **({} if entry.similarity is None else {"similarity": round(entry.similarity, 4)}),
        **({"why": entry.why} if entry.why else {}),
        **({"companions": list(map(_companion_document, entry.companions))} if entry.companions else {}),
    }


def _companion_document(one: Companion) -> dict[str, object]:
    return {**json_path(one.path), "size": one.size, "mtime_ns": one.mtime_ns, "hash": one.digest}


def _sidecar_document(one: CarriedSidecar) -> dict[str, object]:
    ways = {**json_path(one.source, "from"), **json_path(one.to, "to")}
    if not one.against:
        return {"kind": "sidecar", **ways}
    return {"kind": "conflict", **ways, **json_path(one.against, "with"), "kept": "both"}


class _Fields:
    """The fields of one object of the file.

    Args:
        value: the object.
        place: where in the file it is, for messages.
        known: the fields that it may have.

    Raises:
        SimctlError: it is no object, or has other fields.
    """

    def __init__(self, value: object, place: str, known: set[str]) -> None:
        if not isinstance(value, dict):
            raise _broken(f"{place}: an object in braces is expected; {_ANEW}")
        self._value: dict[str, Any] = value
        self._place = place
        if unknown := sorted(value.keys() - known):
            raise _broken(f"{place}: there is no field {json.dumps(unknown[0])}; {_ANEW}")

    def take(self, name: str, kind: type, *default: object) -> Any:
        """A field; without a default it must be there."""
        if name not in self._value:
            if default:
                return default[0]
            raise _broken(f'{self._place}: the field "{name}" is missing; {_ANEW}')
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

    def digest(self, name: str) -> str:
        """32 hex digits."""
        value = str(self.take(name, str))
        if not _HEX.fullmatch(value):
            raise self.wrong(name, "32 hex digits are expected")
        return value

    def path(self, name: str) -> str:
        """An absolute path, of its exact bytes if they are beside it."""
        text = str(self.take(name, str))
        exact = self.take(f"{name}_base64", str, "")
        path = self._decoded(name, text, exact) if exact else text
        try:
            raw = os.fsencode(path)
        except UnicodeEncodeError:
            raise self.wrong(name, "this is no name that a file can have") from None
        if not path.startswith("/") or b"\0" in raw or os.path.normpath(path) != path:
            raise self.wrong(name, 'an absolute path without "." and ".." is expected')
        return path

    def texts(self, name: str) -> tuple[str, ...]:
        """An array of texts that are not empty."""
        values = self.take(name, list)
        if not values or not all(isinstance(value, str) and value for value in values):
            raise self.wrong(name, "an array of texts is expected")
        return tuple(values)

    def wrong(self, name: str, expected: str) -> SimctlError:
        """The error for a field of the wrong kind."""
        shown = json.dumps(self._value[name])
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        return _broken(f'{self._place}, "{name}": {expected}, and it is {shown}; {_ANEW}')

    def _decoded(self, name: str, text: str, exact: str) -> str:
        try:
            path = os.fsdecode(base64.b64decode(exact, validate=True))
        except (ValueError, binascii.Error):
            raise self.wrong(f"{name}_base64", "base64 is expected") from None
        if json_text(path) != text:
            raise self.wrong(name, f'"{name}_base64" holds another path; edit both, or neither')
        return path


_KINDS = {int: "a whole number", str: "a text", list: "an array in brackets", float: "a number"}


def _group(value: object, place: str) -> PlannedGroup:
    fields = _Fields(value, place, {"group_id", "tier", "reason", "stays", "goes", "carry"})
    labels: list[CarriedLabels] = []
    sidecars: list[CarriedSidecar] = []
    for number, carried in enumerate(fields.take("carry", list, []), 1):
        one = _carried(carried, f"{place}, carry {number}")
        if isinstance(one, CarriedLabels):
            labels.append(one)
        else:
            sidecars.append(one)
    return PlannedGroup(
        group_id=fields.take("group_id", str),
        tier=fields.take("tier", str, ""),
        reason=fields.take("reason", str, ""),
        stays=_entries(fields.take("stays", list), f"{place}, stays"),
        goes=_entries(fields.take("goes", list), f"{place}, goes"),
        labels=tuple(labels),
        sidecars=tuple(sidecars),
    )


def _entries(values: Iterable[object], place: str) -> tuple[Entry, ...]:
    return tuple(_entry(value, f"{place} {number}") for number, value in enumerate(values, 1))


def _entry(value: object, place: str) -> Entry:
    known = {"path", "path_base64", "image_id", "size", "mtime_ns", "tier", "similarity", "why", "companions"}
    fields = _Fields(value, place, known)
    similarity = fields.take("similarity", object, None)
    if not (similarity is None or (isinstance(similarity, int | float) and not isinstance(similarity, bool))):
        raise fields.wrong("similarity", "a number is expected")
    companions = fields.take("companions", list, [])
    return Entry(
        path=fields.path("path"),
        image_id=fields.digest("image_id"),
        size=fields.number("size"),
        mtime_ns=fields.number("mtime_ns"),
        tier=fields.take("tier", str, ""),
        similarity=similarity,
        why=fields.take("why", str, ""),
        companions=tuple(_companion(one, f"{place}, companion {n}") for n, one in enumerate(companions, 1)),
    )


def _companion(value: object, place: str) -> Companion:
    fields = _Fields(value, place, {"path", "path_base64", "size", "mtime_ns", "hash"})
    return Companion(fields.path("path"), fields.number("size"), fields.number("mtime_ns"), fields.digest("hash"))


def _carried(value: object, place: str) -> CarriedLabels | CarriedSidecar:
    ways = {"from", "from_base64", "to", "to_base64", "with", "with_base64", "kept", "kind", "labels"}
    fields = _Fields(value, place, ways)
    kind = fields.take("kind", str)
    if kind == "labels":
        return CarriedLabels(fields.texts("labels"), fields.digest("to"))
    if kind == "sidecar":
        return CarriedSidecar(fields.path("from"), fields.path("to"))
    if kind == "conflict":
        if fields.take("kept", str) != "both":
            raise fields.wrong("kept", '"both" is expected: nothing is overwritten; move one of them away yourself')
        return CarriedSidecar(fields.path("from"), fields.path("to"), fields.path("with"))
    raise fields.wrong("kind", '"labels", "sidecar" or "conflict" is expected')


def _broken(message: str) -> SimctlError:
    return SimctlError(message, exit_code=EXIT_USAGE)
