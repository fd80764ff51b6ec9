"""Groups: who is in them, who stays and who goes, and what people said counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.decisions.duplicates import Kind
from simd.decisions.labels import Labelling
from simd.errors import ConfigError, InvalidRequest
from simd.insight.groups.groups import EVERYTHING
from simd.insight.groups.overlaps import FolderOverlap
from simd.insight.pairs.pair import Tier
from simd.types import image_id_of
from tests.insight.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def test_where_nothing_is_there_are_no_groups(world: World) -> None:
    assert world.told() == [] and world.groups.lacking() == []
    assert world.groups.overlaps(EVERYTHING, min_share=0.5, limit=10) == []


def test_files_of_one_content_are_a_group_and_one_alone_is_none(world: World) -> None:
    for path in ("/p/b", "/p/a", "/q/c"):
        world.put(path, "red")
    world.put("/p/alone")
    [group] = world.all()
    assert (group.tier, group.keeper.path, group.goes_count) == (Tier.EXACT, b"/p/a", 2)
    assert (group.reclaimable_bytes, group.worst_similarity, group.member_count) == (2000, 1.0, 2)
    assert [(m.path, m.tier, m.goes, m.similarity) for m in group.members] == [
        (b"/p/b", Tier.EXACT, True, 1.0),
        (b"/q/c", Tier.EXACT, True, 1.0),
    ]
    assert group.keeper.why == "first by its path, as the rules tell no difference"
    assert not group.keeper.goes


def test_members_are_exact_ones_first_and_then_by_similarity(world: World) -> None:
    keeper = world.put("/p/keeper", width=400)
    world.put("/p/z", "/p/keeper", width=400)
    for path, alike in (("/p/near", 0.8), ("/p/nearer", 0.95)):
        world.pairs.add(keeper, world.put(path), Tier.NEAR, alike, share=0.5)
    world.pairs.add(keeper, world.put("/p/pixels"), Tier.PIXELS, 0.99)
    [group] = world.all()
    assert [m.path for m in group.members] == [b"/p/z", b"/p/pixels", b"/p/nearer", b"/p/near"]
    assert group.tier is Tier.NEAR and group.worst_similarity == pytest.approx(0.8)
    assert group.members[2].share == 0.5 and group.goes_count == 4
    assert group.keeper.why == "highest resolution: 400 x 100, the next has 100 x 100"


def test_a_chain_is_no_group(world: World) -> None:
    a, b, c = (world.put(f"/p/{name}") for name in "abc")
    world.pairs.add(a, b)
    world.pairs.add(b, c)
    assert world.told() == [["/p/a", "/p/b"]]


def test_an_image_without_a_file_is_in_no_group(world: World) -> None:
    world.copies("/p/a", "/p/b", "/p/c")
    world.lose("/p/a")
    assert world.told() == [["/p/b", "/p/c"]]
    world.lose("/p/b")
    assert world.told() == []


def test_pictures_that_look_alike_are_told_on_request_and_never_go(world: World) -> None:
    a, b, c, d, e = (world.put(f"/p/{name}") for name in "abcde")
    world.pairs.add(a, b)
    world.pairs.add(a, c, Tier.SIMILAR)
    world.pairs.add(b, d, Tier.SIMILAR)
    world.pairs.add(d, e, Tier.SIMILAR)
    world.pairs.add(c, e, Tier.DIFFERENT)
    assert world.told() == [["/p/a", "/p/b"]]
    everything = tuple(Tier)[:4]
    assert world.told(tiers=everything) == [["/p/a", "/p/b", "/p/c"], ["/p/d", "/p/e"]]
    assert world.going(tiers=everything) == ["/p/b"]
    assert world.told(tiers=(Tier.SIMILAR,)) == [["/p/a", "/p/c"], ["/p/b", "/p/d"]]


def test_tiers_are_told_that_are_asked_for(world: World) -> None:
    a, b, c = (world.put(f"/p/{name}") for name in "abc")
    world.put("/p/a2", "/p/a")
    world.put("/p/b2", "/p/b")
    world.pairs.add(a, b, Tier.PIXELS)
    world.pairs.add(a, c, Tier.NEAR)
    assert world.told(tiers=(Tier.EXACT,)) == [["/p/a", "/p/a2"], ["/p/b", "/p/b2"]]
    assert world.told(tiers=(Tier.PIXELS,)) == [["/p/a", "/p/b", "/p/b2"]]
    assert world.told(tiers=(Tier.EXACT, Tier.NEAR)) == [["/p/a", "/p/a2", "/p/c"], ["/p/b", "/p/b2"]]


def test_members_may_be_cut_by_similarity(world: World) -> None:
    a, b, c = (world.put(f"/p/{name}") for name in "abc")
    world.put("/p/a2", "/p/a")
    world.pairs.add(a, b, similarity=0.9)
    world.pairs.add(a, c, similarity=0.7)
    assert world.told(min_similarity=0.9) == [["/p/a", "/p/a2", "/p/b"]]
    assert world.told(max_similarity=0.8) == [["/p/a", "/p/c"]]


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({"width": 4000, "height": 3000}, {"width": 1600, "height": 1200}, "highest resolution: 4000 x 3000, the next"),
        ({"image_format": "PNG"}, {"image_format": "JPEG", "size": 5000}, "better format: PNG, the next is JPEG"),
        ({"size": 3000}, {"size": 2000}, "largest file: 3,000 bytes, the next has 2,000"),
        ({"mtime_s": -86400}, {}, "oldest: 2023-11-13 22:13:20, the next is of 2023-11-14 22:13:20"),
        ({"width": 100}, {"width": 99, "mtime_s": 1}, "oldest"),
    ],
)
def test_the_keeper_is_the_best_by_the_rules(
    world: World, first: dict[str, int], second: dict[str, int], reason: str
) -> None:
    world.pairs.add(world.put("/p/z", **first), world.put("/p/a", **second))  # type: ignore[arg-type]
    [group] = world.all()
    assert group.keeper.path == b"/p/z" and group.keeper.why.startswith(reason)


def test_a_lossless_picture_with_the_pixels_of_a_lossy_one_was_made_from_it(world: World) -> None:
    jpeg = world.put("/p/b.jpg")
    png = world.put("/p/a.png", image_format="PNG", size=9000)
    world.pairs.add(jpeg, png, Tier.PIXELS, 1.0)
    [group] = world.all()
    assert group.keeper.path == b"/p/b.jpg" and "made from a lossy picture" in group.keeper.why


def test_rules_may_be_others(world: World) -> None:
    world.copies("/p/a", "/p/originals/b", "/q/c")
    assert world.told(keep=("path:/p/originals",)) == [["/p/originals/b", "/p/a", "/q/c"]]
    assert world.told(keep=("path:/q/*", "size")) == [["/q/c", "/p/a", "/p/originals/b"]]
    assert world.all(keep=("path:*/c",))[0].keeper.why == "its path matches */c"
    world.groups.configure(["path:*/c"], [])
    assert world.told() == [["/q/c", "/p/a", "/p/originals/b"]]


@pytest.mark.parametrize("rule", ["largest", "path:", "path", ""])
def test_an_unknown_rule_is_refused_with_those_that_there_are(world: World, rule: str) -> None:
    with pytest.raises(InvalidRequest, match=r"path:GLOB .*, labelled, companions, resolution, format, size, oldest"):
        world.all(keep=("size", rule))
    with pytest.raises(ConfigError, match="resolution"):
        world.groups.configure([rule], [])


def test_a_labelled_picture_stays(world: World) -> None:
    _, b = world.copies("/p/a", "/p/b")
    world.decisions.labels.put([Labelling(b, ("cat",))])
    [group] = world.all()
    assert (group.keeper.image_id, group.keeper.why, group.labels) == (b, "it is labelled cat", ("cat",))
    assert group.keeper.labels == ("cat",) and group.members[0].labels == ()


def test_reference_files_stay_even_both_of_one_group(world: World) -> None:
    world.copies("/p/a", "/q/ref/b", "/q/ref/c")
    assert world.told(reference=(b"/q/ref",)) == [["/q/ref/b", "/p/a", "/q/ref/c"]]
    assert world.going(reference=(b"/q/ref",)) == ["/p/a"]
    world.groups.configure(["size"], [b"/q/ref/c"])
    [group] = world.all()
    assert group.keeper.path == b"/q/ref/c" and group.keeper.why == "it is in a reference folder"
    assert world.going() == ["/p/a", "/q/ref/b"]


def test_animated_pictures_go_only_as_exact_copies(world: World) -> None:
    a = world.put("/p/a", animated=True)
    world.put("/p/a2", "/p/a", animated=True)
    world.pairs.add(a, world.put("/p/b", animated=False), Tier.PIXELS)
    assert world.going() == ["/p/a2"]
    assert "animated" in world.all()[0].members[1].why


def test_a_raw_photograph_goes_and_stays_with_its_picture(world: World) -> None:
    jpeg, raw = world.put("/p/1.jpg"), world.put("/p/1.nef", image_format="RAW", size=50_000)
    world.put("/q/1.jpg", "/p/1.jpg")
    world.put("/q/1.nef", "/p/1.nef", image_format="RAW", size=50_000)
    world.pairs.add(jpeg, raw)
    [group] = world.all()
    assert (group.keeper.path, group.keeper.companions) == (b"/p/1.jpg", (b"/p/1.nef",))
    assert [(m.path, m.companions, m.goes) for m in group.members] == [(b"/q/1.jpg", (b"/q/1.nef",), True)]
    assert group.reclaimable_bytes == 51_000


def test_the_only_raw_photograph_stays_and_its_picture_with_it(world: World) -> None:
    world.put("/p/a.jpg", "red")
    world.put("/p/b.jpg", "red")
    world.put("/p/b.nef", image_format="RAW")
    assert world.told() == [["/p/b.jpg", "/p/a.jpg"]]
    assert world.all()[0].keeper.why == "its raw photograph is beside it"
    [group] = world.all(keep=("oldest",))
    assert group.keeper.path == b"/p/a.jpg" and not group.members[0].goes
    assert "raw photograph" in group.members[0].why


def test_a_raw_photograph_goes_for_another_raw_one_only_and_a_picture_for_no_raw_one(world: World) -> None:
    raw, jpeg = world.put("/p/a.nef", image_format="RAW"), world.put("/p/b.jpg", width=500)
    world.pairs.add(raw, jpeg)
    assert world.told() == [["/p/b.jpg", "/p/a.nef"]] and world.going() == []
    assert world.all()[0].members[0].why == "either it or the keeper is a raw photograph"
    world.put("/q/a.nef", "/p/a.nef", image_format="RAW")
    assert world.going(tiers=(Tier.EXACT,)) == ["/q/a.nef"]


def test_a_raw_photograph_beside_a_picture_that_is_in_no_group_is_no_member(world: World) -> None:
    for folder in "/p/x", "/p/y":
        world.put(f"{folder}/1.nef", "raw", image_format="RAW")
    assert world.told() == [["/p/x/1.nef", "/p/y/1.nef"]]
    world.put("/p/x/1.jpg", "one")
    assert world.told() == []


def test_what_never_goes_for_its_keeper_does_not_take_the_place_of_one_for_which_it_would(world: World) -> None:
    raw = world.put("/p/r.nef", width=5000, image_format="RAW")
    moving = world.put("/p/a.gif", width=4000, image_format="GIF", animated=True)
    for image in world.copies("/p/b.jpg", "/p/c.jpg"):
        for large in (raw, moving):
            world.pairs.add(image, large)
    assert world.told() == [["/p/b.jpg", "/p/a.gif", "/p/c.jpg", "/p/r.nef"]]
    assert world.going() == ["/p/c.jpg"]


def test_hard_links_free_nothing(world: World) -> None:
    world.put("/p/a", "red", inode=77)
    world.put("/p/b", "red", inode=77)
    [group] = world.all()
    assert (group.goes_count, group.reclaimable_bytes) == (0, 0) and "hard link" in group.members[0].why
    for path in ("/p/c", "/p/d"):
        world.put(path, "red", inode=78)
    [group] = world.all()
    assert (group.goes_count, group.reclaimable_bytes) == (2, 1000)
    [group] = world.all(reference=(b"/p/c",))
    assert (group.keeper.path, group.goes_count, group.reclaimable_bytes) == (b"/p/c", 2, 1000)


def test_scopes(world: World) -> None:
    world.copies("/p/in/a", "/p/in/b", "/p/out/c")
    world.copies("/p/in/d", "/q/e")
    assert world.told(within=(b"/p/in",)) == [["/p/in/a", "/p/in/b"]]
    assert world.told(within=(b"/p/in", b"/p/out"), between=True) == [["/p/in/a", "/p/in/b", "/p/out/c"]]
    assert world.told(between=True) == [["/p/in/d", "/q/e"]], "between roots"
    assert world.told(across_folders=True) == [["/p/in/a", "/p/out/c"], ["/p/in/d", "/q/e"]]
    assert world.told(within=(b"/p/in/a", b"/p/out/c")) == [["/p/in/a", "/p/out/c"]]


def test_one_folder_against_the_rest(world: World) -> None:
    a, b, c, new = (world.put(path) for path in ("/p/old/a", "/p/old/b", "/p/old/c", "/q/new"))
    world.pairs.add(a, b)
    world.pairs.add(b, new)
    world.put("/q/c", "/p/old/c")
    world.copies("/q/x", "/q/y")
    against = {"against": (b"/p/old",)}
    # What is old is not held against what is old: the first would have taken the second, and hidden the new one.
    assert world.told(**against) == [["/p/old/b", "/q/new"], ["/p/old/c", "/q/c"]]
    assert world.going(**against) == ["/q/c", "/q/new"]
    assert world.told(**against, within=(b"/q/c",)) == [["/p/old/c", "/q/c"]]
    assert c in {group.group_id for group in world.all(**against)}


def test_no_duplicates_are_not_told_again_nor_copies_of_their_pixels(world: World) -> None:
    a, b = world.copies("/p/a", "/p/b")
    world.decide(Kind.NOT_DUPLICATES, a, b)
    assert world.told() == []
    twin = world.put("/p/twin")
    world.pairs.add(b, twin, Tier.PIXELS)
    world.pairs.add(a, twin)
    assert world.told() == [["/p/b", "/p/twin"]]
    assert world.told(include_decided=True) == [["/p/a", "/p/b", "/p/twin"]]
    assert world.going(include_decided=True) == []
    world.decide(Kind.FORGET, a)
    assert world.told() == [["/p/a", "/p/b", "/p/twin"]]


def test_what_a_person_keeps_is_the_keeper_and_what_was_said_last_counts(world: World) -> None:
    _, b, c = world.copies("/p/a", "/p/b", "/p/c")
    world.decide(Kind.KEEP, c)
    assert world.told() == [["/p/c", "/p/a", "/p/b"]]
    assert world.all()[0].keeper.why == "you said that it stays"
    world.decide(Kind.KEEP, b)
    assert world.told() == [["/p/b", "/p/a", "/p/c"]]
    world.decide(Kind.KEEP, b, c)
    assert world.told() == [["/p/b", "/p/a"]], "both are kept, and neither is the other's copy"


def test_a_group_that_is_kept_comes_back_with_what_is_new_alone(world: World) -> None:
    a, b = world.copies("/p/a", "/p/b")
    world.put("/p/a2", "/p/a")
    world.decide(Kind.KEEP_ALL, a, b)
    assert world.told() == []
    new = world.put("/p/new")
    world.pairs.add(a, new)
    [group] = world.all()
    assert (group.keeper.path, group.keeper.is_new) == (b"/p/a", False)
    assert [(m.path, m.is_new, m.goes) for m in group.members] == [(b"/p/new", True, True)]
    assert world.told(include_decided=True) == [["/p/a", "/p/a2", "/p/b", "/p/new"]]
    assert world.going(include_decided=True) == ["/p/new"]


def test_a_better_picture_that_is_new_does_not_take_the_place_of_what_is_kept(world: World) -> None:
    a, b = world.copies("/p/a", "/p/b")
    world.decide(Kind.KEEP_ALL, a, b)
    new = world.put("/p/new", width=1000)
    world.pairs.add(a, new)
    world.pairs.add(b, new)
    [group] = world.all()
    assert (group.keeper.path, group.keeper.is_new, group.goes_count) == (b"/p/new", True, 0)
    assert {m.why for m in group.members} == {"you said that all of these stay"}
    world.pairs.add(new, world.put("/p/newer"))
    [group] = world.all()
    assert {m.path for m in group.members if m.is_new and m.goes} == {b"/p/newer"}


def test_decisions_survive_moves_and_another_catalogue(world: World, tmp_path: Path) -> None:
    a, b = world.copies("/p/a", "/p/b")
    world.decide(Kind.NOT_DUPLICATES, a, b)
    world.decide(Kind.KEEP, image_id_of(b"never seen"))
    world.lose("/p/a")
    world.put("/q/moved", "/p/a")
    assert world.told() == []
    world.close()
    (tmp_path / "catalogue.sqlite").unlink()
    again = World(tmp_path)
    again.copies("/p/a", "/p/b")
    assert again.told() == []
    assert again.told(include_decided=True) == [["/p/a", "/p/b"]]
    again.close()


def test_mirrored_and_turned_members_are_told_from_the_keepers_side(world: World) -> None:
    a, b = sorted((world.put("/p/a"), world.put("/p/b")))
    world.pairs.add(a, b, turned=90)
    for keeper, expected in ((a, 270), (b, 90)):
        world.decide(Kind.KEEP, keeper)
        [member] = world.all()[0].members
        assert (member.turned, member.mirrored) == (expected, False)
        pair = world.pairs.of(keeper)[0]
        assert member.turned == pair.turned_in(member.image_id)


def test_groups_are_found_again_when_something_changed(world: World) -> None:
    world.copies("/p/a", "/p/b")
    first = world.groups.find()
    assert world.groups.find() is first
    world.put("/p/unrelated")
    assert world.groups.find() is not first


def test_groups_that_take_long_rest_while_files_come_and_go_but_not_while_people_decide(world: World) -> None:
    world.look_takes = 1.0
    a, b = world.copies("/p/a", "/p/b")
    first = world.groups.find()
    world.put("/p/c", "/p/a")
    assert world.groups.find() is first
    world.now += 10.0
    second = world.groups.find()
    assert second is not first
    world.put("/p/d", "/p/a")
    world.decide(Kind.NOT_DUPLICATES, a, b)
    assert world.groups.find() is not second


def test_images_that_should_be_compared_are_told(world: World) -> None:
    a, b, c, d = (world.put(f"/p/{name}") for name in "abcd")
    world.pairs.add(a, b)
    world.pairs.add(b, c)
    world.pairs.add(c, d)
    assert world.groups.lacking() == [tuple(sorted((a, c))), tuple(sorted((a, d)))]
    world.pairs.add(a, c, Tier.DIFFERENT)
    world.pairs.add(a, d, Tier.SIMILAR)
    assert world.groups.lacking() == []


def test_folders_that_are_in_others(world: World) -> None:
    for name in "abc":
        world.put(f"/p/all/{name}", name)
        world.put(f"/q/some/deeper/{name}", name)
    world.put("/p/all/d")
    world.put("/p/all/deeper/e")
    assert world.groups.overlaps(EVERYTHING, min_share=0.5, limit=10) == [
        FolderOverlap(b"/q/some/deeper", b"/p/all", 3, 3),
        FolderOverlap(b"/p/all", b"/q/some/deeper", 4, 3),
    ]
    assert len(world.groups.overlaps(EVERYTHING, min_share=0.8, limit=10)) == 1
