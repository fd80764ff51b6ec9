"""What the plan has of a group: what the disk says, what belongs to a picture, and what the keeper lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from simctl.cleanup.family import Folders, renamed
from simctl.cleanup.plan import CarriedLabels, PlannedGroup
from simctl.cleanup.planning import FoundGroup, FoundMember, LeftOut, planned

from tests.simctl.cleanup.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def plan(world: World, keeper: str, *members: FoundMember, labels: tuple[str, ...] = ()) -> PlannedGroup:
    group = FoundGroup("g", "near", "", world.member(keeper, labels=labels), members)
    return world.plan(group).groups[0]


def names(world: World, paths: list[str]) -> set[str]:
    return {str(Path(path).relative_to(world.tree)) for path in paths}


def companions(world: World, group: PlannedGroup) -> set[str]:
    return names(world, [one.path for entry in group.goes for one in entry.companions])


@pytest.mark.parametrize(
    "name",
    ["a.xmp", "a.XMP", "a.jpg.xmp", "a.json", "a.jpg.supplemental-metadata.json", "a.txt", "a.xml", "a.aae", "a.MOV"],
)
def test_what_belongs_to_a_picture_goes_with_it(world: World, name: str) -> None:
    copy, keeper = world.put("b/a.jpg", b"copy"), world.put("keep.jpg", b"keeper")
    world.put(f"b/{name}", b"about it")
    assert companions(world, plan(world, keeper, world.member(copy, "near", goes=True))) == {f"b/{name}"}


@pytest.mark.parametrize("name", ["ab.xmp", "a.b.xmp", "b.jpg.xmp", "a.tool", "xmp", ".a.xmp", "A.xmp"])
def test_what_belongs_to_another_file_does_not(world: World, name: str) -> None:
    copy, keeper = world.put("b/a.jpg", b"copy"), world.put("keep.jpg", b"keeper")
    world.put(f"b/{name}", b"about another")
    assert companions(world, plan(world, keeper, world.member(copy, "near", goes=True))) == set()


def test_a_film_belongs_to_a_photograph_only(world: World) -> None:
    copy, keeper = world.put("b/a.png", b"copy"), world.put("keep.jpg", b"keeper")
    world.put("b/a.mov", b"film")
    assert companions(world, plan(world, keeper, world.member(copy, "near", goes=True))) == set()


def test_a_raw_photograph_that_the_daemon_tells_goes_with_its_picture_and_is_not_carried_over(world: World) -> None:
    copy, raw = world.put("b/a.jpg", b"copy"), world.put("b/a.cr2", b"raw")
    group = plan(world, world.put("k.jpg", b"keeper"), world.member(copy, "near", goes=True, companions=[raw]))
    assert companions(world, group) == {"b/a.cr2"} and group.sidecars == ()


@pytest.mark.parametrize("other", ["b/a.png", "b/a.cr2"])
def test_what_is_shared_with_a_picture_that_stays_does_not_go(world: World, other: str) -> None:
    copy, keeper = world.put("b/a.jpg", b"copy"), world.put("keep.jpg", b"keeper")
    world.put("b/a.xmp", b"about both")
    world.put("b/a.jpg.xmp", b"about the copy")
    world.put(other, b"no member of the group")
    assert companions(world, plan(world, keeper, world.member(copy, "near", goes=True))) == {"b/a.jpg.xmp"}


def test_what_is_shared_goes_once_if_all_its_pictures_go(world: World) -> None:
    first, second = world.put("b/a.jpg", b"copy"), world.put("b/a.png", b"another")
    world.put("b/a.xmp", b"about both")
    members = [world.member(path, "near", goes=True) for path in (first, second)]
    group = plan(world, world.put("keep.jpg", b"keeper"), *members)
    assert [len(entry.companions) for entry in group.goes] == [1, 0] and len(group.sidecars) == 1


def test_a_sidecar_shared_with_the_keeper_stays(world: World) -> None:
    keeper, copy = world.put("a.jpg", b"keeper"), world.put("a.png", b"copy")
    world.put("a.xmp", b"about both")
    group = plan(world, keeper, world.member(copy, "near", goes=True))
    assert companions(world, group) == set() and group.sidecars == ()


def carried(world: World, group: PlannedGroup) -> dict[str, str]:
    return {Path(one.source).name: str(Path(one.to).relative_to(world.tree)) for one in group.sidecars}


def test_a_sidecar_that_the_keeper_lacks_is_carried_over_under_its_stem(world: World) -> None:
    copy = world.put("b/a.jpg", b"copy")
    world.put("b/a.xmp", b"1")
    world.put("b/a.jpg.json", b"2")
    world.put("b/a.mov", b"a film is no sidecar")
    group = plan(world, world.put("k/keep.heic", b"keeper"), world.member(copy, "near", goes=True))
    assert carried(world, group) == {"a.xmp": "k/keep.xmp", "a.jpg.json": "k/keep.heic.json"}


def test_a_sidecar_that_the_keeper_has_is_not_carried_over_whatever_it_is_called_there(world: World) -> None:
    copy, keeper = world.put("b/a.jpg", b"copy"), world.put("k/keep.jpg", b"keeper")
    world.put("b/a.xmp", b"same")
    world.put("k/keep.jpg.xmp", b"same")
    assert plan(world, keeper, world.member(copy, "near", goes=True)).sidecars == ()


def test_a_sidecar_that_differs_from_the_keepers_is_carried_over_under_a_name_of_its_own(world: World) -> None:
    keeper = world.put("k/keep.jpg", b"keeper")
    world.put("k/keep.xmp", b"the keeper's")
    world.put("k/keep.jpg.conflict.xmp", b"from another time")
    members = []
    for name in ("b", "c", "d"):
        members.append(world.member(world.put(f"{name}/a.jpg", b"copy " + name.encode()), "near", goes=True))
        world.put(f"{name}/a.xmp", b"of b" if name == "c" else b"of " + name.encode())
    group = plan(world, keeper, *members)
    assert [(Path(one.to).name, Path(one.against).name) for one in group.sidecars] == [
        ("keep.jpg.conflict-2.xmp", "keep.xmp"),
        ("keep.jpg.conflict-3.xmp", "keep.xmp"),
    ]


def test_a_sidecar_never_becomes_that_of_another_picture(world: World) -> None:
    copy, keeper = world.put("b/a.jpg", b"copy"), world.put("k/keep.jpg", b"keeper")
    world.put("k/keep.png", b"another picture")
    world.put("b/a.xmp", b"about the copy")
    assert carried(world, plan(world, keeper, world.member(copy, "near", goes=True))) == {"a.xmp": "k/keep.jpg.xmp"}


def test_labels_of_what_goes_are_carried_over_if_the_keeper_lacks_them(world: World) -> None:
    keeper = world.put("keep.jpg", b"keeper")
    copies = [world.put(f"{n}.jpg", b"copy %d" % n) for n in range(3)]
    members = [
        world.member(copies[0], "near", goes=True, labels=["cat", "house"]),
        world.member(copies[1], "near", goes=True, labels=["dog"]),
        world.member(copies[2], "near", goes=False, labels=["not carried: it stays"]),
    ]
    group = plan(world, keeper, *members, labels=("house",))
    assert group.labels == (CarriedLabels(("cat", "dog"), world.member(keeper).image_id),)
    assert len(group.stays) == 2 and len(group.goes) == 2


def test_what_only_looks_alike_never_goes(world: World) -> None:
    copy, keeper = world.put("copy.jpg", b"copy"), world.put("keep.jpg", b"keeper")
    group = FoundGroup("g", "similar", "", world.member(keeper), (world.member(copy, "similar", goes=True),))
    assert list(planned([group])) == []


def test_a_file_that_is_not_as_the_daemon_knows_it_is_left_out_and_told(world: World) -> None:
    keeper = world.put("keep.jpg", b"keeper")
    members = [world.member(world.put(f"{n}.jpg", b"copy"), "near", goes=True) for n in range(4)]
    (world.tree / "0.jpg").unlink()
    (world.tree / "1.jpg").write_bytes(b"longer than it was")
    (world.tree / "2.jpg").unlink()
    (world.tree / "2.jpg").symlink_to("3.jpg")
    found = list(planned([FoundGroup("g", "near", "", world.member(keeper), tuple(members))]))
    left = [one.why for one in found if isinstance(one, LeftOut)]
    (group,) = [one for one in found if isinstance(one, PlannedGroup)]
    assert len(left) == 3 and len(group.goes) == 1
    assert ["is gone" in left[0], "had 4 when indexed" in left[1], "is a link now" in left[2]] == [True] * 3


def test_a_group_whose_keeper_is_gone_is_left_out(world: World) -> None:
    keeper = world.member(world.put("keep.jpg", b"keeper"))
    copy = world.member(world.put("copy.jpg", b"copy"), "near", goes=True)
    (world.tree / "keep.jpg").unlink()
    (found,) = planned([FoundGroup("g", "near", "", keeper, (copy,))])
    assert isinstance(found, LeftOut) and "keep.jpg is gone" in found.why


def test_a_folder_that_cannot_be_read_has_no_family() -> None:
    family = Folders().family("/nowhere/a.jpg")
    assert (family.own, family.shared, family.others) == ((), (), ())


@pytest.mark.parametrize(
    ("sidecar", "to"),
    [("/b/a.xmp", "/k/keep.xmp"), ("/b/a.jpg.xmp", "/k/keep.png.xmp"), ("/b/a.jpg.b.json", "/k/keep.png.b.json")],
)
def test_a_sidecar_is_named_after_the_keeper(sidecar: str, to: str) -> None:
    assert renamed(sidecar, "/b/a.jpg", "/k/keep.png", by_name=False) == to
