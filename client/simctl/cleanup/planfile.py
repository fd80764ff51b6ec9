"""The plan as a file that a person can read and edit: JSON, each group and each file with its reasons.

What was edited into nonsense is refused with its place: the number of the group, the field, and what helps.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable

from simctl.cleanup.fields import ANEW, Fields, broken, read
from simctl.cleanup.plan import CarriedLabels, CarriedSidecar, Companion, Entry, Plan, PlannedGroup
from simctl.output import json_path

VERSION = 1


def parsed(text: str | bytes, name: str) -> Plan:
    """The plan of a file's text, in which every entry has what it needs; whether it makes sense `soundness` tells.

    Args:
        text: of the file, UTF-8.
        name: of the file, for messages.

    Raises:
        SimctlError: it is no plan; the message has the place and the remedy.
    """
    return of(read(text, name), name)


def of(document: object, name: str) -> Plan:
    """The plan that a JSON document is, see `parsed`."""
    top = Fields(document, name, {"simd_plan", "created", "groups"})
    version = top.take("simd_plan", int)
    if version != VERSION:
        raise broken(f"{name} is a plan of version {version}, and this simctl knows version {VERSION}; {ANEW}")
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


def written(groups: Iterable[PlannedGroup], stream: io.TextIOBase, created: str = "") -> int:
    """Write a plan group by group, as they come; returns how many there are. Without `created` it is made now."""
    stream.write(f'{{\n "simd_plan": {VERSION},\n "created": {json.dumps(created or now())},\n "groups": [')
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


def _group(value: object, place: str) -> PlannedGroup:
    fields = Fields(value, place, {"group_id", "tier", "reason", "stays", "goes", "carry"})
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
    fields = Fields(value, place, known)
    companions = fields.take("companions", list, [])
    return Entry(
        path=fields.path("path"),
        image_id=fields.digest("image_id"),
        size=fields.number("size"),
        mtime_ns=fields.number("mtime_ns"),
        tier=fields.take("tier", str, ""),
        similarity=fields.real("similarity", None),
        why=fields.take("why", str, ""),
        companions=tuple(_companion(one, f"{place}, companion {n}") for n, one in enumerate(companions, 1)),
    )


def _companion(value: object, place: str) -> Companion:
    fields = Fields(value, place, {"path", "path_base64", "size", "mtime_ns", "hash"})
    return Companion(fields.path("path"), fields.number("size"), fields.number("mtime_ns"), fields.digest("hash"))


def _carried(value: object, place: str) -> CarriedLabels | CarriedSidecar:
    ways = {"from", "from_base64", "to", "to_base64", "with", "with_base64", "kept", "kind", "labels"}
    fields = Fields(value, place, ways)
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
