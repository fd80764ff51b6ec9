"""Whatever the files, pairs and decisions are: what must hold of groups holds, and their order does not matter."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from simd.decisions.duplicates import Kind
from simd.insight.groups.group import Group
from simd.insight.pairs.pair import Tier
from tests.insight.world import World

IMAGES = "abcdefg"
RAW, ANIMATED = "f", "g"
NAMES = st.sampled_from(IMAGES)


@dataclass(frozen=True)
class Story:
    """The image of each file, pairs by their images, and decisions."""

    files: dict[str, str]
    pairs: dict[tuple[str, str], Tier]
    decisions: list[tuple[Kind, list[str]]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    paths = st.builds("/{}/{}/{}".format, st.sampled_from("pq"), st.sampled_from("xy"), NAMES)
    files = draw(st.dictionaries(paths, NAMES, max_size=12))
    both = st.tuples(NAMES, NAMES).filter(lambda one: one[0] < one[1])
    pairs = draw(st.dictionaries(both, st.sampled_from(list(Tier)[1:]), max_size=12))
    several = st.lists(NAMES, min_size=2, max_size=4, unique=True)
    return Story(files, pairs, draw(st.lists(st.tuples(st.sampled_from(list(Kind)[:3]), several), max_size=2)))


def groups_of(story: Story, shuffled: Random | None, **options: object) -> list[Group]:
    """What is told of it, put together in any order."""
    files, pairs = list(story.files.items()), list(story.pairs.items())
    if shuffled:
        shuffled.shuffle(files)
        shuffled.shuffle(pairs)
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        for path, image in files:
            inode, width = 1 + sorted(story.files).index(path), 100 * (1 + IMAGES.index(image) % 2)
            kind = "RAW" if image == RAW else "JPEG"
            world.put(path, image, width=width, inode=inode, image_format=kind, animated=image == ANIMATED)
        ids = {image: world.image_of(image) for image in IMAGES}
        for (one, other), tier in pairs:
            world.pairs.add(ids[one], ids[other], tier)
        for kind, images in story.decisions:
            world.decide(kind, *(ids[image] for image in images))
        told = world.all(**options)
        world.close()
        return told


@settings(max_examples=50, deadline=None)
@given(stories(), st.randoms(use_true_random=False), st.booleans())
def test_what_must_hold_of_groups_holds(story: Story, random: Random, include_decided: bool) -> None:
    groups = groups_of(story, None, include_decided=include_decided)
    assert groups_of(story, random, include_decided=include_decided) == groups
    content = {path.encode(): image for path, image in story.files.items()}
    apart = [set(images) for kind, images in story.decisions if kind is Kind.NOT_DUPLICATES]
    stay = {image for kind, images in story.decisions if kind is Kind.KEEP_ALL for image in images}
    seen: set[bytes] = set()
    for group in groups:
        keeper = content[group.keeper.path]
        for member in group.members:
            image = content[member.path]
            both = min(keeper, image), max(keeper, image)
            assert member.tier is (Tier.EXACT if image == keeper else story.pairs[both]) and member.tier.is_same
            is_apart = any({keeper, image} <= one for one in apart) and image != keeper
            assert not is_apart or include_decided
            loose = image != keeper and {RAW, ANIMATED} & {image, keeper}
            assert not member.goes or not (is_apart or image in stay or loose)
        files = [group.keeper.path, *(member.path for member in group.members)]
        assert seen.isdisjoint(files) and len(files) > 1
        seen.update(files)
        assert group.goes_count == sum(member.goes for member in group.members) == group.reclaimable_bytes // 1000
    order = [(-group.reclaimable_bytes, group.group_id) for group in groups]
    assert order == sorted(order)
