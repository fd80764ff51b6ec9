"""What taking back does where the disk is no longer as the clean-up left it, and what the undo log stands."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from simctl.cleanup.disk import Disk
from simctl.cleanup.undolog import UndoLog
from simctl.errors import SimctlError

from tests.simctl.cleanup.world import FileLabels, World, digest, messy, pair


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def told(world: World, way: str = "trash") -> list[str]:
    """Why something is not as before."""
    return [one.taken.why for one in world.undo(way) if one.taken.why]


@pytest.mark.parametrize("way", ["trash", "move", "far"])
def test_what_has_the_place_by_now_is_kept_and_the_file_restored_beside_it(world: World, way: str) -> None:
    world.apply(pair(world), way)
    world.put("copy.jpg", b"something new")
    (why,) = told(world, way)
    assert "copy.jpg is something else now; restored as" in why
    assert (world.tree / "copy.jpg").read_bytes() == b"something new"
    assert (world.tree / "copy (restored).jpg").read_bytes() == b"picture"
    assert world.trashed() == set() and told(world, way) == []


def test_a_link_that_has_the_place_by_now_is_not_followed(world: World) -> None:
    world.apply(pair(world))
    (world.tree / "copy.jpg").symlink_to("keep.jpg")
    assert len(told(world)) == 1
    assert (world.tree / "copy.jpg").is_symlink() and (world.tree / "copy (restored).jpg").is_file()


def test_a_trash_that_was_emptied_is_told_again_and_again(world: World) -> None:
    world.apply(pair(world))
    for path in (world.directory / "data/Trash/files").iterdir():
        path.unlink()
    for _ in range(2):
        (why,) = told(world)
        assert "copy.jpg cannot be restored" in why and "is gone" in why
    assert world.trashed() == set()


def test_a_file_that_was_put_back_by_hand_gets_its_time_back(world: World) -> None:
    plan = pair(world)
    before = world.snapshot()
    world.apply(plan)
    (world.tree / "copy.jpg").write_bytes(b"picture")
    assert told(world) == [] and world.snapshot() == before and world.trashed() == set()


def test_a_folder_that_is_gone_is_made_again(world: World) -> None:
    plan = messy(world)
    before = world.snapshot()
    world.apply(plan)
    (world.tree / "b/deep/er").rmdir()
    (world.tree / "b/deep").rmdir()
    assert told(world) == [] and world.snapshot() == before


def test_a_sidecar_that_was_carried_over_and_changed_since_is_kept(world: World) -> None:
    world.apply(messy(world))
    (world.tree / "a/keep.jpg.xmp").write_bytes(b"edited")
    (why,) = told(world)
    assert "a/keep.jpg.xmp was carried over and changed since; it stays" in why
    assert (world.tree / "a/keep.jpg.xmp").read_bytes() == b"edited"


def test_the_copy_of_a_sidecar_that_cannot_be_restored_is_kept(world: World) -> None:
    world.apply(messy(world))
    (world.directory / "data/Trash/files/copy.jpg.xmp").unlink()
    assert any("a/keep.jpg.xmp stays" in why for why in told(world))
    assert (world.tree / "a/keep.jpg.xmp").read_bytes() == b"<xmp/>"


def test_a_hard_link_that_was_written_to_since_is_left_and_told(world: World) -> None:
    world.apply(pair(world), "hardlink")
    with open(world.tree / "copy.jpg", "r+b") as stream:
        stream.write(b"P")
    assert "copy.jpg is not made a file of its own" in told(world)[0]


def test_labels_wait_for_the_daemon_and_files_do_not(world: World) -> None:
    plan = messy(world)
    before = world.snapshot()
    world.apply(plan)
    labels = FileLabels(world.directory / "labels.json")
    labels.is_reachable = False
    (why,) = [one.taken.why for one in world.undo(labels=labels) if one.taken.why]
    assert "the labels cat" in why and world.snapshot() == before
    assert told(world) == [] and world.labels.all()[digest(b"the picture")] == ["house"]


def test_labels_that_were_there_before_are_not_taken_back(world: World) -> None:
    plan = messy(world)
    world.labels.add(digest(b"the picture"), ["cat"])
    before = world.labels.all()
    world.apply(plan)
    world.undo()
    assert world.labels.all() == before


def test_a_log_that_was_cut_anywhere_in_its_last_line_is_taken_back(tmp_path: Path) -> None:
    whole = World(tmp_path / "whole")
    whole.apply(pair(whole))
    text = whole.log_path.read_bytes()
    last = text.rindex(b"\n", 0, -1) + 1
    for at in range(last, len(text)):
        world = World(tmp_path / str(at))
        plan = pair(world)
        before = world.snapshot()
        world.apply(plan)
        world.log_path.write_bytes(world.log_path.read_bytes()[: at - len(text)])
        assert told(world) == [] and world.snapshot() == before
        assert world.undo() == []


def test_a_log_that_is_damaged_before_its_end_is_refused_with_the_line(world: World) -> None:
    world.apply(pair(world))
    lines = world.log_path.read_bytes().split(b"\n")
    world.log_path.write_bytes(b"\n".join([lines[0], b"\0\0", *lines[1:]]))
    with pytest.raises(SimctlError, match="damaged in line 2"):
        world.undo()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"simd_plan": 1}\n', "no undo log of simctl"),
        (b"#!/bin/sh\n", "no undo log of simctl"),
        (b'{"simd_undo": 2, "name": "x", "plan": "/p"}\n', "of version 2, and this simctl knows version 1"),
        (b'{"simd_undo": 1, "name": "x", "plan": "/p"}\n{"step": 1, "done": true}\n', "damaged in line 2"),
    ],
)
def test_another_file_is_no_undo_log(world: World, text: bytes, why: str) -> None:
    world.log_path.write_bytes(text)
    with pytest.raises(SimctlError, match=why):
        world.undo()


def test_two_runs_at_once_are_refused(world: World) -> None:
    plan = pair(world)
    with UndoLog(str(world.log_path), Disk(), plan="/p", name="x"), pytest.raises(SimctlError, match="at work with"):
        world.apply(plan)


def test_every_step_is_in_the_log_before_it_is_made(world: World) -> None:
    plan = messy(world)
    copy = world.tree / "b/copy.jpg"

    def check(name: str) -> None:
        if name == "rename" and not copy.exists():
            steps = [json.loads(line) for line in world.log_path.read_text().splitlines()]
            assert any(step.get("path") == os.fspath(copy) for step in steps)

    world.apply(plan, hook=check)
    assert not copy.exists()
