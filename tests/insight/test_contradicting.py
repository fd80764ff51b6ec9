"""A messy data set: copies of every kind, of which one in twenty is labelled otherwise, or not at all."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simd.cancelled import NEVER
from simd.catalogue.catalogue import Catalogue
from simd.catalogue.rows import IndexedFile
from simd.decisions.decisions import Decisions
from simd.decisions.labels import Labelling
from simd.insight.labels.contradictions import Kind, Question
from simd.insight.labels.divisions import Divisions
from simd.insight.labels.leaks import Sides
from simd.insight.labels.pictures import Pictures
from simd.insight.labels.split import Request
from simd.insight.pairs.pair import Tier
from simd.types import FileKey, ImageFacts, Stamp, image_id_of
from tests.insight.memorypairs import MemoryPairs

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


@dataclass(frozen=True)
class Messy:
    """What there is: the picture of each file, and which pictures carry which contradiction."""

    divisions: Divisions
    picture: dict[bytes, int]
    differing: set[int]
    missing: set[int]
    labels: dict[bytes, str]


def messy(directory: Path, count: int) -> Iterator[Messy]:
    catalogue, decisions = Catalogue.open(directory / "catalogue.sqlite"), Decisions(directory / "decisions.sqlite")
    [root] = catalogue.sync_roots([b"/pictures"])
    chance, pairs = random.Random(21), MemoryPairs()
    found = Messy(Divisions(catalogue=catalogue, pictures=Pictures(pairs, decisions)), {}, set(), set(), {})
    indexed, said = [], []
    number = 0
    while len(found.picture) < count:
        number += 1
        label = f"class {min(int(chance.expovariate(0.25)), 19)}"
        copies = [label] * chance.choice([1, 1, 1, 2, 3, 5])
        if len(copies) > 1 and chance.random() < 0.05:
            copies[chance.randrange(len(copies))] = chance.choice(["", f"{label} after all"])
            (found.missing if "" in copies else found.differing).add(number)
        first = None
        for at, one in enumerate(copies):
            tier = chance.choice([Tier.EXACT, Tier.PIXELS, Tier.NEAR])
            content = image_id_of(b"%d" % number if tier is Tier.EXACT else b"%d %d" % (number, at))
            path = b"%d/%d-%d.jpg" % (at, number, at)
            indexed.append(IndexedFile(FileKey(root.root_id, path), Stamp(1, 1, 1), content, ImageFacts(9, 9, "JPEG")))
            found.picture[b"/pictures/" + path] = number
            found.labels[b"/pictures/" + path] = one
            if one:
                said.append(Labelling(content, [one], b"/pictures/" + path))
            if first is not None and first != content:
                pairs.add(first, content, tier if tier is not Tier.EXACT else Tier.NEAR)
            first = content
    catalogue.record(indexed)
    decisions.labels.put(said)
    yield found
    catalogue.close()
    decisions.close()


@pytest.fixture(params=[2000, pytest.param(20_000, marks=pytest.mark.slow)])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Messy]:
    yield from messy(tmp_path, request.param)


def test_every_contradiction_is_listed_and_no_leak_is_in_the_split(found: Messy) -> None:
    contradictions = found.divisions.contradictions
    keys = contradictions.keys(Question(), NEVER, afresh=True)
    listed: dict[Kind, set[int]] = defaultdict(set)
    for one in contradictions.told(Question(), keys, 1000):
        files = [one.keeper, *(tied.member for tied in one.members)]
        [picture] = {found.picture[member.path] for member in files}
        listed[one.key.kind].add(picture)
        assert len(files) == list(found.picture.values()).count(picture)
    assert found.differing and listed[Kind.DIFFERING] == found.differing
    # A copy of the same bytes lacks nothing: it has the labels that were said of the other one.
    assert listed[Kind.MISSING] <= found.missing

    split = found.divisions.split(Request(SHARES), NEVER)
    sides: dict[int, set[str]] = defaultdict(set)
    for file in split:
        sides[found.picture[file.path]].add(file.side)
    assert sum(map(len, sides.values())) == len(sides) == len(set(found.picture.values()))
    total: dict[str, int] = defaultdict(int)
    for count in split.counts:
        total[count.label] += count.files
    for count in split.counts:
        # Pictures have five files at most.
        assert abs(count.files - count.wanted) <= max(5, 0.01 * total[count.label]), count


def test_copies_in_another_folder_are_leaks_and_those_in_the_same_are_none(found: Messy) -> None:
    leaks = found.divisions.leaks
    sides = Sides(b"/pictures/0", b"/pictures/1")
    told = [(leak.left.path, leak.right.member.path) for leak in leaks.after(sides, None, NEVER)]
    expected = {picture for path, picture in found.picture.items() if path.startswith(b"/pictures/1/")}
    assert len(told) == leaks.total(sides) == len(expected) and told == sorted(told)
    assert {found.picture[left] for left, _ in told} == {found.picture[right] for _, right in told} == expected
