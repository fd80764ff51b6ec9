"""What applying a plan does, what it leaves alone, and why."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from simctl.cleanup.plan import Plan
from simctl.cleanup.planning import FoundGroup
from simctl.errors import DaemonUnreachable, SimctlError

from tests.simctl.cleanup.world import Countdown, FileLabels, World, digest, messy, pair, whys


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_goes_is_in_the_trash_with_what_belongs_to_it_and_labels_are_carried_over(world: World) -> None:
    plan = messy(world)
    outcomes = world.apply(plan)
    assert whys(outcomes) == []
    left = {name for name, held in world.snapshot().items() if held}
    assert left == {
        "a/keep.jpg", "a/keep.txt", "a/keep.jpg.xmp", "a/keep.jpg.conflict.txt", "b/other.jpg",
    }  # fmt: skip
    assert (world.tree / "a/keep.txt").read_bytes() == b"what the keeper says"
    assert (world.tree / "a/keep.jpg.conflict.txt").read_bytes() == b"what the copy says"
    assert world.labels.all()[digest(b"the picture")] == ["cat", "house"]
    assert [one.labels for one in outcomes] == [["cat"], []]


def test_a_file_that_is_moved_keeps_its_path_below_the_folder(world: World) -> None:
    world.apply(pair(world), "move")
    assert (world.moved / str(world.tree)[1:] / "copy.jpg").read_bytes() == b"picture"


def test_what_lies_in_the_folder_already_is_not_overwritten(world: World) -> None:
    plan = pair(world)
    there = world.moved / str(world.tree)[1:] / "copy.jpg"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"mine")
    world.apply(plan, "move")
    assert there.read_bytes() == b"mine" and there.with_name("copy (2).jpg").read_bytes() == b"picture"
    world.undo("move")
    assert there.read_bytes() == b"mine" and not there.with_name("copy (2).jpg").exists()


def test_a_file_that_moves_to_another_filesystem_keeps_time_and_mode(world: World) -> None:
    plan = pair(world)
    before = (world.tree / "copy.jpg").stat()
    world.apply(plan, "far")
    after = (world.moved / str(world.tree)[1:] / "copy.jpg").stat()
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)
    assert not (world.tree / "copy.jpg").exists()


def test_a_hard_link_is_another_name_of_what_stays_and_undo_makes_it_a_file_of_its_own(world: World) -> None:
    plan = pair(world)
    before = world.snapshot()
    world.apply(plan, "hardlink")
    keeper, copy = world.tree / "keep.jpg", world.tree / "copy.jpg"
    assert keeper.samefile(copy)
    world.undo()
    assert not keeper.samefile(copy) and world.snapshot() == before


@pytest.mark.parametrize("way", ["hardlink", "reflink"])
def test_only_the_same_bytes_are_linked(world: World, way: str) -> None:
    plan = pair(world, "near")
    before = world.snapshot()
    (why,) = whys(world.apply(plan, way))
    assert "copy.jpg is left: no file that stays has the same bytes" in why and world.snapshot() == before


Damage = Callable[[Path, Path], object]


def touch(keeper: Path, copy: Path) -> None:
    os.utime(copy, ns=(0, 5))


def rewrite(keeper: Path, copy: Path) -> None:
    status = copy.stat()
    copy.write_bytes(b"PICTURE")
    os.utime(copy, ns=(0, status.st_mtime_ns))


def grow(keeper: Path, copy: Path) -> None:
    copy.write_bytes(b"another picture")


def link(keeper: Path, copy: Path) -> None:
    copy.unlink()
    copy.symlink_to(keeper)


def become_a_folder(keeper: Path, copy: Path) -> None:
    copy.unlink()
    copy.mkdir()


def lose_the_folder(keeper: Path, copy: Path) -> None:
    copy.unlink()


def change_what_stays(keeper: Path, copy: Path) -> None:
    keeper.write_bytes(b"edited since")


def lose_what_stays(keeper: Path, copy: Path) -> None:
    keeper.unlink()


def swap_for_a_hard_link(keeper: Path, copy: Path) -> None:
    copy.unlink()
    os.link(keeper, copy)
    os.utime(copy, ns=(0, 1_600_000_000_123_456_789 + 7))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (touch, "copy.jpg was changed since the plan was made"),
        (rewrite, "copy.jpg has other bytes now"),
        (grow, "copy.jpg has 15 bytes now, and had 7"),
        (link, "copy.jpg is a link now"),
        (become_a_folder, "copy.jpg is no regular file now"),
        (lose_the_folder, "copy.jpg is gone"),
        (change_what_stays, "keep.jpg has 12 bytes now, and had 7"),
        (lose_what_stays, "keep.jpg is gone"),
        (swap_for_a_hard_link, "copy.jpg is the same file as"),
    ],
)
def test_a_group_that_changed_is_left_alone_and_the_others_are_cleaned_up(
    world: World, damage: Damage, why: str
) -> None:
    first = pair(world)
    keeper, copy = world.put("x/keep.png", b"fine"), world.put("x/copy.png", b"fine")
    second = world.plan(FoundGroup("h", "exact", "", world.member(keeper), (world.member(copy, "exact", goes=True),)))
    damage(world.tree / "keep.jpg", world.tree / "copy.jpg")
    before = world.snapshot()
    outcomes = world.apply(Plan("", first.groups + second.groups))
    assert [len(one.gone) for one in outcomes] == [0, 1]
    assert why in whys(outcomes)[0]
    assert before.pop("x/copy.png") and world.snapshot() == before


def vanish(copy: Path, name: str) -> None:
    copy.unlink(missing_ok=True)


def test_a_file_that_vanishes_between_its_check_and_its_step_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for at in range(1, 100):
        world = World(tmp_path / str(at))
        plan = pair(world)
        copy = world.tree / "copy.jpg"
        outcomes = world.apply(plan, hook=Countdown(at, partial(vanish, copy)))
        if outcomes[0].gone:
            break
        assert str(copy) in whys(outcomes)[0] and world.trashed() == set()
    assert at > 5


def test_nothing_goes_when_what_stays_vanishes_after_its_check(world: World) -> None:
    plan = pair(world)
    (why,) = whys(world.apply(plan, on_file=lambda path: (world.tree / "keep.jpg").unlink()))
    assert "what stays was changed, or is gone" in why and (world.tree / "copy.jpg").exists()


def test_a_file_stays_when_its_copy_on_another_filesystem_came_out_differently(world: World) -> None:
    plan = pair(world)
    before = world.snapshot()

    def spoil(name: str) -> None:
        for path in world.moved.rglob(".simd-*"):
            path.write_bytes(b"garbage")

    (why,) = whys(world.apply(plan, "far", hook=spoil))
    assert "came out differently" in why and world.snapshot() == before
    assert not [path for path in world.moved.rglob("*") if path.is_file()]


@pytest.mark.parametrize("way", ["trash", "move", "far", "hardlink"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS], ids=errno.errorcode.get)
def test_a_disk_that_refuses_any_call_costs_nothing(tmp_path: Path, way: str, number: int) -> None:
    def refuse(name: str) -> None:
        raise OSError(number, os.strerror(number))

    counted = World(tmp_path / "counted")
    calls = Countdown()
    counted.apply(pair(counted), way, hook=calls)
    for at in range(1, len(calls.calls) + 1):
        world = World(tmp_path / str(at))
        plan = pair(world)
        before = world.snapshot()
        try:
            outcomes = world.apply(plan, way, hook=Countdown(at, refuse))
        except SimctlError as error:
            assert os.strerror(number) in str(error) and "undo log" in str(error)
        else:
            done = [gone for one in outcomes for gone in one.gone]
            assert done or os.strerror(number) in whys(outcomes)[0]
        if world.log_path.exists():
            world.undo(way)
        assert world.snapshot() == before and world.trashed() == set(), at


def test_a_filesystem_without_a_trash_is_told_with_what_else_can_be_done(world: World) -> None:
    plan = pair(world)
    (world.directory / "data").write_bytes(b"no folder")
    (why,) = whys(world.apply(plan))
    assert "there is no trash for" in why and "use --move DIR" in why
    assert (world.tree / "copy.jpg").exists()


def test_nothing_is_begun_when_labels_are_to_be_carried_over_and_no_daemon_answers(world: World) -> None:
    plan = messy(world)
    before = world.snapshot()
    labels = FileLabels(world.directory / "labels.json")
    labels.is_reachable = False
    with pytest.raises(DaemonUnreachable):
        world.apply(plan, labels=labels)
    assert world.snapshot() == before and world.trashed() == set()


def test_a_daemon_that_goes_away_ends_the_run_before_a_picture_goes_without_its_labels(world: World) -> None:
    plan = messy(world)
    before = world.snapshot()

    class Leaving(FileLabels):
        def add(self, image_id: str, labels: object) -> None:
            raise DaemonUnreachable("it left")

    with pytest.raises(DaemonUnreachable):
        world.apply(plan, labels=Leaving(world.directory / "labels.json"))
    assert world.snapshot() == before
    assert whys(world.apply(plan)) == [] and world.labels.all()[digest(b"the picture")] == ["cat", "house"]


def test_a_run_that_is_stopped_finishes_its_file_and_another_run_goes_on(world: World) -> None:
    plan = messy(world)
    before = world.snapshot()
    seen: list[str] = []
    world.apply(plan, on_file=seen.append, is_stopped=lambda: len(seen) >= 1)
    assert len(seen) == 1
    outcomes = world.apply(plan)
    assert whys(outcomes) == [] and sum(one.already for one in outcomes) == 1
    assert sum(one.already for one in world.apply(plan)) == 6
    world.undo()
    assert world.snapshot() == before


def test_a_dry_run_tells_what_would_go_and_changes_nothing(world: World) -> None:
    plan = messy(world)
    before = world.snapshot()
    outcomes = world.apply(plan, dry_run=True)
    assert sum(len(one.gone) for one in outcomes) == 6
    assert (
        world.snapshot() == before
        and world.trashed() == set()
        and world.labels.all()[digest(b"the picture")] == ["house"]
    )


def test_a_folder_that_contains_what_goes_is_refused(world: World) -> None:
    world.put("x", b"")
    keeper = world.put("keep.jpg", b"picture")
    copy = Path(world.put("copy.jpg", b"picture"))
    world.moved.mkdir()
    inside = world.moved / "copy.jpg"
    copy.rename(inside)
    plan = world.plan(
        FoundGroup("g", "exact", "", world.member(keeper), (world.member(str(inside), "exact", goes=True),))
    )
    with pytest.raises(SimctlError, match="name a folder that has none of the plan's files"):
        world.apply(plan, "move")


def test_a_file_that_the_plan_names_twice_by_a_linked_folder_goes_once(world: World) -> None:
    keeper, copy = world.put("keep.jpg", b"picture"), world.put("real/copy.jpg", b"picture")
    (world.tree / "alias").symlink_to(world.tree / "real")
    members = [world.member(path, "exact", goes=True) for path in (copy, str(world.tree / "alias/copy.jpg"))]
    (why,) = whys(world.apply(world.plan(FoundGroup("g", "exact", "", world.member(keeper), tuple(members)))))
    assert "alias/copy.jpg is the same file as" in why


def test_a_sidecar_that_is_carried_nowhere_and_that_nothing_else_has_is_left(world: World) -> None:
    plan = messy(world)
    (first, second) = plan.groups
    edited = Plan("", (type(first)(first.group_id, first.tier, "", first.stays, first.goes), second))
    left = whys(world.apply(edited))
    assert len(left) == 2 and all("the plan carries it nowhere" in why for why in left)
    assert (world.tree / "b/copy.jpg.xmp").exists() and not (world.tree / "b/copy.jpg").exists()


def test_what_came_to_be_where_a_sidecar_is_carried_to_is_not_overwritten(world: World) -> None:
    plan = messy(world)
    world.put("a/keep.jpg.xmp", b"new here")
    outcomes = world.apply(plan)
    assert "is there since the plan was made" in whys(outcomes)[0]
    assert (world.tree / "a/keep.jpg.xmp").read_bytes() == b"new here" and (world.tree / "b/copy.jpg").exists()
