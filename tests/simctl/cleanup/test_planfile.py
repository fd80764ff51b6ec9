"""The plan as a file: what is written is read back, and what was edited into nonsense is refused with its place."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from simctl.cleanup import planfile, soundness
from simctl.errors import SimctlError

from tests.simctl.cleanup.world import World, messy


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def text_of(world: World) -> str:
    stream = io.StringIO()
    planfile.written(messy(world).groups, stream)
    return stream.getvalue()


def read(document: object) -> None:
    plan = planfile.parsed(json.dumps(document), "plan.json")
    soundness.check(plan, "plan.json")


def test_a_plan_is_read_back_as_it_was_with_names_that_are_not_utf8(world: World) -> None:
    plan = messy(world)
    stream = io.StringIO()
    assert planfile.written(plan.groups, stream) == 2
    again = planfile.parsed(stream.getvalue().encode(), "plan.json")
    soundness.check(again, "plan.json")
    assert again.groups == plan.groups and any("\udcff" in entry.path for entry in again.groups[0].goes)


def test_a_plan_has_a_line_for_each_fact(world: World) -> None:
    lines = text_of(world).splitlines()
    assert '     "why": "exact copy",' in lines and '     "kind": "conflict",' in lines


def test_a_plan_of_nothing_is_a_plan() -> None:
    stream = io.StringIO()
    assert planfile.written([], stream) == 0
    assert planfile.parsed(stream.getvalue(), "plan.json").groups == ()


def test_groups_and_entries_can_be_deleted_and_moved_to_what_stays(world: World) -> None:
    document = json.loads(text_of(world))
    document["groups"][0]["stays"].append(document["groups"][0]["goes"].pop(0))
    del document["groups"][1]
    read(document)


Edit = Callable[[dict[str, Any]], object]


def swap(document: dict[str, Any]) -> None:
    first = document["groups"][0]
    first["goes"], first["stays"] = first["stays"], first["goes"]


EDITS: list[tuple[Edit, str]] = [
    (lambda d: d.pop("simd_plan"), 'plan.json: the field "simd_plan" is missing'),
    (lambda d: d.update(simd_plan=2), "a plan of version 2, and this simctl knows version 1"),
    (lambda d: d.update(group=[]), 'there is no field "group"'),
    (lambda d: d.update(groups={}), '"groups": an array in brackets is expected'),
    (lambda d: d["groups"].append(7), "group 3: an object in braces is expected"),
    (lambda d: d["groups"][1].pop("goes"), 'group 2: the field "goes" is missing'),
    (lambda d: d["groups"][1]["stays"].clear(), "group 2: nothing stays; move an entry from goes to stays"),
    (lambda d: d["groups"][1]["goes"][0].update(size="big"), 'group 2, goes 1, "size": a whole number is expected'),
    (lambda d: d["groups"][1]["goes"][0].update(size=True), '"size": a whole number is expected, and it is true'),
    (lambda d: d["groups"][1]["goes"][0].update(size=-1), '"size": a size is 0 or more'),
    (lambda d: d["groups"][1]["goes"][0].update(image_id="abc"), '"image_id": 32 hex digits are expected'),
    (lambda d: d["groups"][1]["goes"][0].update(path="a.jpg"), '"path": an absolute path'),
    (lambda d: d["groups"][1]["goes"][0].update(path="/a/../b"), '"path": an absolute path'),
    (lambda d: d["groups"][1]["goes"][0].update(path="/a\0b"), '"path": an absolute path'),
    (lambda d: d["groups"][1]["goes"][0].update(path="/a\ud800"), "no name that a file can have"),
    (lambda d: d["groups"][1]["goes"][0].update(similarity="1"), '"similarity": a number is expected'),
    (lambda d: d["groups"][0]["goes"][1].update(path="/else"), "holds another path; edit both, or neither"),
    (lambda d: d["groups"][0]["goes"][1].update(path_base64="?"), '"path_base64": base64 is expected'),
    (lambda d: d["groups"][0]["goes"][0]["companions"][0].pop("hash"), 'goes 1, companion 1: the field "hash"'),
    (lambda d: d["groups"][0]["carry"][0].update(labels=[]), 'group 1, carry 1, "labels": an array of texts'),
    (lambda d: d["groups"][0]["carry"][0].update(kind="tags"), '"labels", "sidecar" or "conflict" is expected'),
    (lambda d: d["groups"][0]["carry"][0].update(to="f" * 32), "no picture that stays has the image_id ffff"),
    (lambda d: d["groups"][0]["carry"][1].update(to="/elsewhere.xmp"), "/elsewhere.xmp is beside no picture that"),
    (lambda d: d["groups"][0]["carry"][2].update(kept="mine"), '"kept": "both" is expected'),
    (lambda d: d["groups"].append(d["groups"][1]), "group 3, goes 1: "),
    (lambda d: d["groups"][1]["goes"].extend(d["groups"][0]["stays"]), "keep.jpg stays in group 1; delete one"),
    (swap, "keep.jpg.xmp is beside no picture that stays"),
]


@pytest.mark.parametrize(("edit", "why"), EDITS, ids=[why for _, why in EDITS])
def test_nonsense_is_refused_with_its_place(world: World, edit: Edit, why: str) -> None:
    document = json.loads(text_of(world))
    edit(document)
    with pytest.raises(SimctlError) as caught:
        read(document)
    assert why in str(caught.value) and caught.value.exit_code == 2


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"7", b"#!/bin/sh\n"])
def test_what_is_no_plan_is_refused(text: bytes) -> None:
    with pytest.raises(SimctlError, match=r"p\.json"):
        planfile.parsed(text, "p.json")


def test_a_plan_that_was_cut_off_is_refused_with_the_line(world: World) -> None:
    text = text_of(world)
    with pytest.raises(SimctlError, match="no JSON from line 12, column"):
        planfile.parsed("\n".join(text.split("\n")[:11]) + "\n", "plan.json")


def test_the_plan_in_the_documentation_is_a_plan() -> None:
    text = (Path(__file__).parents[3] / "docs" / "cleaning-up.md").read_text()
    plan = text.split("```json\n")[1].split("```")[0]
    read(json.loads(plan))
