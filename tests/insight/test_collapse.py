"""Answers in which a picture is told once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simd.decisions.decisions import Decisions
from simd.decisions.duplicates import Decision, Kind
from simd.errors import StoreError
from simd.insight.groups.collapse import Copies
from simd.insight.pairs.pair import Pair, Tier
from simd.types import ImageId, image_id_of
from tests.insight.memorypairs import MemoryPairs

A, B, C, D, E = (image_id_of(name) for name in (b"a", b"b", b"c", b"d", b"e"))
EVERY = (A, B, C, D, E)


class CountingPairs(MemoryPairs):
    """Counts the images that are looked up, and cannot be read while a test says so."""

    asked = 0
    failing = False

    def of(self, image_id: ImageId) -> list[Pair]:
        """See `PairReader`."""
        self.asked += 1
        if self.failing:
            raise StoreError("the disk does not answer")
        return super().of(image_id)


@pytest.fixture
def pairs() -> CountingPairs:
    return CountingPairs()


@pytest.fixture
def decisions(tmp_path: Path) -> Iterator[Decisions]:
    decisions = Decisions(tmp_path / "decisions.sqlite")
    yield decisions
    decisions.close()


@pytest.fixture
def copies(pairs: CountingPairs, decisions: Decisions) -> Copies:
    return Copies(pairs, decisions.duplicates)


def test_a_copy_is_one_of_the_best_that_it_is_the_same_picture_as(pairs: CountingPairs, copies: Copies) -> None:
    pairs.add(B, D, Tier.NEAR)
    pairs.add(B, C, Tier.PIXELS)
    assert copies.among(EVERY, 10) == {D: B, C: B}
    assert copies.among((D, C, B), 10) == {B: D}, "C is not known to be the same as D"


@pytest.mark.parametrize("tier", [Tier.SIMILAR, Tier.DIFFERENT])
def test_what_only_looks_alike_is_no_copy(pairs: CountingPairs, copies: Copies, tier: Tier) -> None:
    pairs.add(A, B, tier)
    assert copies.among(EVERY, 10) == {}


def test_no_chain_makes_a_copy(pairs: CountingPairs, copies: Copies) -> None:
    for one, other in ((A, B), (B, C), (C, D)):
        pairs.add(one, other)
    assert copies.among(EVERY, 10) == {B: A, D: C}


def test_images_that_were_not_asked_for_are_of_no_consequence(pairs: CountingPairs, copies: Copies) -> None:
    pairs.add(A, E)
    pairs.add(B, E)
    assert copies.among((A, B), 10) == {}


def test_no_more_is_looked_up_than_is_told(pairs: CountingPairs, copies: Copies) -> None:
    pairs.add(A, E)
    pairs.add(C, D)
    assert copies.among(EVERY, 2) == {E: A}
    assert pairs.asked == 2


def test_what_people_said_counts_more(pairs: CountingPairs, copies: Copies, decisions: Decisions) -> None:
    for other in (B, C, D):
        pairs.add(A, other)
    assert copies.among(EVERY, 10) == {B: A, C: A, D: A}
    decisions.duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [A, B]), Decision.of(Kind.KEEP_ALL, [A, C])])
    assert copies.among(EVERY, 10) == {C: A, D: A}
    decisions.duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [B, C, D])])
    assert copies.among(EVERY, 10) == {C: A, D: A}, "of A nothing was said"
    decisions.duplicates.decide([Decision.of(Kind.FORGET, [B])])
    assert copies.among(EVERY, 10) == {B: A, C: A, D: A}


def test_what_is_said_of_an_image_is_said_of_those_with_its_pixels(
    pairs: CountingPairs, copies: Copies, decisions: Decisions
) -> None:
    pairs.add(A, B, Tier.PIXELS)
    for one in (A, B):
        pairs.add(one, C, Tier.NEAR)
    decisions.duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [A, C])])
    assert copies.among((B, C, A), 10) == {A: B}
    assert copies.among((C, B, A), 10) == {A: B}
    decisions.duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [A, B])])
    assert copies.among((B, C, A), 10) == {}


def test_what_images_are_to_one_is_told_as_far_as_it_is_known(pairs: CountingPairs, copies: Copies) -> None:
    pairs.add(A, B, Tier.PIXELS)
    pairs.add(D, A, Tier.NEAR)
    pairs.add(A, C, Tier.SIMILAR)
    pairs.add(B, E, Tier.NEAR)
    assert copies.tiers_to(A, EVERY) == {A: Tier.EXACT, B: Tier.PIXELS, C: Tier.SIMILAR, D: Tier.NEAR}
    assert copies.tiers_to(A, (E, D)) == {D: Tier.NEAR}
    assert pairs.asked == 2
    pairs.add(A, C, Tier.DIFFERENT)
    assert copies.tiers_to(A, (C,)) == {}


def test_what_was_said_to_be_no_duplicate_is_not_told_to_be_the_same_picture(
    pairs: CountingPairs, copies: Copies, decisions: Decisions
) -> None:
    pairs.add(A, B, Tier.PIXELS)
    pairs.add(A, C, Tier.NEAR)
    pairs.add(B, C, Tier.NEAR)
    pairs.add(A, D, Tier.SIMILAR)
    decisions.duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [B, C]), Decision.of(Kind.NOT_DUPLICATES, [A, D])])
    assert copies.tiers_to(A, EVERY) == {A: Tier.EXACT, B: Tier.PIXELS, D: Tier.SIMILAR}
    decisions.duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [A, B])])
    assert copies.tiers_to(A, EVERY) == {A: Tier.EXACT, D: Tier.SIMILAR}


def test_where_pairs_cannot_be_read_an_image_is_still_itself(pairs: CountingPairs, copies: Copies) -> None:
    pairs.add(A, B)
    pairs.failing = True
    assert copies.tiers_to(A, EVERY) == {A: Tier.EXACT}


def test_where_pairs_cannot_be_read_every_image_is_told(
    pairs: CountingPairs, copies: Copies, decisions: Decisions
) -> None:
    pairs.add(A, B)
    pairs.failing = True
    assert copies.among(EVERY, 10) == {}
    pairs.failing = False
    assert copies.among(EVERY, 10) == {B: A}
    decisions.duplicates.decide([Decision.of(Kind.NOT_DUPLICATES, [A, B])])
    decisions.close()
    assert copies.among(EVERY, 10) == {}
