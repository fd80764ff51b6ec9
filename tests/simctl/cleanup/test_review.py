"""A review, what a person chose on the page: completed to a plan, applied by one command, gone on with, taken back."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from simctl.cleanup import review
from simctl.errors import SimctlError
from simctl.output import json_path, json_paths

from tests.simctl.cleanup.test_commands import document, simctl
from tests.simctl.cleanup.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def file(world: World, path: str, **more: Any) -> dict[str, Any]:
    """A file of a group as `simctl duplicates --json` has it."""
    member = world.member(path, "exact", goes=bool(more.get("goes")))
    return {
        **json_path(path), "image_id": member.image_id, "size": member.size, "tier": "exact", "similarity": 1.0,
        "goes": False, "why": "the same bytes", "labels": [], "companions": [], "width": 0, **more,
    }  # fmt: skip


def write(
    world: World, *groups: dict[str, Any], name: str = "review.json", created: str = "2026-11-28T10:15:00"
) -> str:
    path = world.directory / name
    path.write_text(json.dumps({"simd_review": 1, "created": created, "groups": groups, "left_out": []}))
    return str(path)


def group(world: World, keeper: str, *others: str) -> dict[str, Any]:
    return {
        "group_id": world.member(keeper).image_id, "tier": "exact", "reason": "largest",
        "keeper": file(world, keeper), "members": [file(world, one, goes=True) for one in others],
        "member_count": len(others),
    }  # fmt: skip


def test_a_review_is_applied_by_one_command_and_taken_back(world: World) -> None:
    keeper, copy = world.put("keep.jpg", b"picture"), world.put("b/copy.jpg", b"picture")
    world.put("b/copy.xmp", b"about it")
    before = world.snapshot()
    path = write(world, group(world, keeper, copy))
    done = simctl(world, "apply", path, "--dry-run")
    assert (done.returncode, done.stderr) == (0, b"") and world.snapshot() == before
    assert not os.path.exists(review.plan_path(path)), "a dry run writes nothing"
    done = simctl(world, "apply", path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == [
        "2 files of 1 group moved to the trash, 15 B",
        "carried over: 1 sidecar",
        f"take it back with: simctl undo {world.directory}/review.plan.json.undo.jsonl",
    ]
    assert not Path(copy).exists() and Path(world.tree, "keep.xmp").read_bytes() == b"about it"
    done = simctl(world, "apply", path)
    assert done.returncode == 0 and done.stdout.startswith(b"2 files had been dealt with before\n")
    assert simctl(world, "undo", f"{world.directory}/review.plan.json.undo.jsonl").returncode == 0
    assert world.snapshot() == before


def test_what_was_changed_since_is_left_out_and_said(world: World) -> None:
    keeper, copy, other = (
        world.put("keep.jpg", b"picture"),
        world.put("a.jpg", b"picture"),
        world.put("b.jpg", b"picture"),
    )
    path = write(world, group(world, keeper, copy, other))
    Path(copy).write_bytes(b"another picture")
    done = simctl(world, "apply", path, "--dry-run", "--json")
    assert done.returncode == 5 and f"left out: {copy} has 15 bytes now, and had 7".encode() in done.stderr
    assert [one["path"] for one in document("apply", done)["gone"]] == [other]
    assert simctl(world, "apply", path).returncode == 5
    assert Path(copy).exists() and not Path(other).exists()


def test_the_plan_beside_a_review_may_be_edited_before_it_is_applied_again(world: World) -> None:
    keeper, copy = world.put("keep.jpg", b"picture"), world.put("copy.jpg", b"picture")
    path = write(world, group(world, keeper, copy))
    found = review.of(json.loads(Path(path).read_text()), path)
    assert review.completed(found, review.plan_path(path), []).groups[0].goes[0].path == copy
    plan = json.loads(Path(review.plan_path(path)).read_text())
    plan["groups"][0]["stays"].append(plan["groups"][0]["goes"].pop())
    Path(review.plan_path(path)).write_text(json.dumps(plan))
    done = simctl(world, "apply", path)
    assert done.returncode == 4 and Path(copy).exists(), "nothing goes by it any more"


def test_the_plan_of_another_review_is_not_taken_for_this_ones(world: World) -> None:
    keeper, copy = world.put("keep.jpg", b"picture"), world.put("copy.jpg", b"picture")
    path = write(world, group(world, keeper, copy))
    assert simctl(world, "apply", path).returncode == 0
    write(world, group(world, keeper), created="2026-11-29T10:15:00")
    done = simctl(world, "apply", path)
    assert done.returncode == 2 and b"review.plan.json is the plan of another review" in done.stderr


def test_names_that_are_not_utf8_survive(world: World) -> None:
    keeper, copy = world.put("keep.jpg", b"picture"), world.put(os.fsdecode(b"m\xfchle.jpg"), b"picture")
    raw = world.put(os.fsdecode(b"m\xfchle.cr2"), b"raw")
    given = group(world, keeper, copy)
    given["members"][0] |= json_paths([raw], "companions")
    done = simctl(world, "apply", write(world, given))
    assert (done.returncode, done.stderr) == (0, b"")
    assert not Path(copy).exists() and not Path(raw).exists() and Path(keeper).exists()


def test_a_review_on_stdin_is_only_tried(world: World) -> None:
    keeper, copy = world.put("keep.jpg", b"picture"), world.put("copy.jpg", b"picture")
    text = Path(write(world, group(world, keeper, copy))).read_bytes()
    assert simctl(world, "apply", "-", "--dry-run", stdin=text).returncode == 0
    done = simctl(world, "apply", "-", stdin=text)
    assert done.returncode == 2 and b"name its file" in done.stderr and Path(copy).exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda all: all.update(simd_review=2), "version 2"),
        (lambda all: all.update(surprise=1), "surprise"),
        (lambda all: all.update(groups={}), "groups"),
        (lambda all: all["groups"][0].pop("keeper"), 'group 1: the field "keeper" is missing'),
        (lambda all: all["groups"][0]["members"][0].update(path="copy.jpg"), "member 1"),
        (lambda all: all["groups"][0]["members"][0].update(goes="yes"), "true or false"),
        (lambda all: all["groups"][0]["members"][0].update(similarity="much"), "a number is expected"),
        (lambda all: all["groups"][0]["members"][0].update(companions_base64=["a", "b"]), "companions"),
        (lambda all: all["groups"][0]["keeper"].update(image_id="ff"), "keeper"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(world: World, change: Any, told: str) -> None:
    keeper, copy = world.put("keep.jpg", b"picture"), world.put("copy.jpg", b"picture")
    given = json.loads(Path(write(world, group(world, keeper, copy))).read_text())
    change(given)
    with pytest.raises(SimctlError, match=re.escape(told)) as caught:
        review.of(given, "review.json")
    assert str(caught.value).startswith("review.json")
