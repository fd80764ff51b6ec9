"""What pairs tie together is one component, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simd.insight.groups.components import Components, components
from simd.insight.pairs.pair import TIERS, Pairs, Tier
from simd.types import ImageId, image_id_of
from simd.vectors.ids import pack_ids, unpack_ids
from tests.insight.memorypairs import MemoryPairs


def ids(count: int) -> list[ImageId]:
    return [image_id_of(b"%d" % number) for number in range(count)]


def parts(found: Components, image_ids: Iterable[ImageId]) -> set[frozenset[ImageId]]:
    """The components of some images, as sets."""
    every = list(image_ids)
    names = unpack_ids(found.first_of(pack_ids(every)))
    return {frozenset(i for i, other in zip(every, names, strict=True) if other == name) for name in names}


def naive(image_ids: list[ImageId], ties: Iterable[tuple[ImageId, ImageId]]) -> set[frozenset[ImageId]]:
    part = {image_id: {image_id} for image_id in image_ids}
    for one, other in ties:
        whole = part[one] | part[other]
        for member in whole:
            part[member] = whole
    return {frozenset(members) for members in part.values()}


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29), st.sampled_from(TIERS[1:])), max_size=60))
def test_components_are_those_of_a_slow_search(ties: list[tuple[int, int, Tier]]) -> None:
    every, pairs, counted = ids(30), MemoryPairs(), {}
    for one, other, tier in ties:
        if one != other:
            pairs.add(every[one], every[other], tier)
            counted[min(one, other, key=every.__getitem__), max(one, other, key=every.__getitem__)] = tier
    same = [(every[one], every[other]) for (one, other), tier in counted.items() if tier.is_same]
    found = components(pairs.pairs())
    assert parts(found, every) == naive(every, same)
    assert set(unpack_ids(found.ids)) == {image_id for tie in same for image_id in tie}


def test_a_long_chain_is_one_component() -> None:
    every = sorted(ids(1000))
    order = np.random.default_rng(7).permutation(1000)
    first, second = np.minimum(order[:-1], order[1:]), np.maximum(order[:-1], order[1:])
    count = first.size
    chain = Pairs(
        pack_ids(every), first.astype(np.int32), second.astype(np.int32),
        np.full(count, TIERS.index(Tier.NEAR), np.uint8),
        np.ones(count, np.float32), np.ones(count, np.float32), np.zeros(count, np.bool_), np.zeros(count, np.int16),
    )  # fmt: skip
    assert len(parts(components(chain), every)) == 1


def test_what_people_said_to_be_different_ties_nothing() -> None:
    a, b, c, d = every = ids(4)
    pairs = MemoryPairs()
    for one, other in ((a, b), (b, c), (c, d)):
        pairs.add(one, other)
    apart = [{a, b}, {c, image_id_of(b"unknown")}, {a, c, d}]
    assert parts(components(pairs.pairs(), apart=apart), every) == {frozenset([a]), frozenset([b, c]), frozenset([d])}
    # Said of the ends of a chain alone, it does not take the chain apart: the one between is still each one's copy.
    assert parts(components(pairs.pairs(), apart=[{a, c}]), every) == {frozenset(every)}


def test_what_people_said_of_a_picture_counts_for_those_with_its_pixels() -> None:
    a, twin, b, c = every = ids(4)
    pairs = MemoryPairs()
    pairs.add(a, twin, Tier.PIXELS)
    for one, other in ((a, b), (twin, b), (b, c)):
        pairs.add(one, other)
    assert parts(components(pairs.pairs(), apart=[{a, b}]), every) == {frozenset([a, twin]), frozenset([b, c])}
    assert frozenset([twin]) in parts(components(pairs.pairs(), apart=[{a, twin}, {twin, b}]), every)


@pytest.mark.parametrize("tiers", [(Tier.PIXELS,), ()])
def test_only_the_tiers_asked_for_count(tiers: tuple[Tier, ...]) -> None:
    a, b, c = every = ids(3)
    pairs = MemoryPairs()
    pairs.add(a, b, Tier.PIXELS)
    pairs.add(b, c, Tier.NEAR)
    together = [frozenset([a, b])] if tiers else [frozenset([a]), frozenset([b])]
    assert parts(components(pairs.pairs(), tiers=tiers), every) == {*together, frozenset([c])}


def test_without_pairs_every_image_is_alone() -> None:
    every = ids(3)
    found = components(MemoryPairs().pairs())
    assert parts(found, every) == {frozenset([image_id]) for image_id in every}
    assert found.first_of(pack_ids([])).size == 0
