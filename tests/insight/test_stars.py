"""Stars: every member is joined to its keeper, no image is in two, and the order of the edges does not matter."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simd.insight.groups.stars import Edges, apart, connected, stars


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]]]:
    """An order of some images, and which are joined."""
    n = draw(st.integers(1, 12))
    joined = draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=30))
    return draw(st.permutations(range(n))), sorted({(min(one), max(one)) for one in joined if one[0] != one[1]})


def numbers(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array(values, np.int32)


def edges_of(joined: list[tuple[int, int]]) -> Edges:
    return Edges(numbers([one for one, _ in joined]), numbers([other for _, other in joined]))


@given(graphs())
def test_every_member_is_joined_to_its_keeper_and_keepers_to_no_better_one(
    graph: tuple[list[int], list[tuple[int, int]]],
) -> None:
    order, joined = graph
    found = stars(numbers(order), edges_of(joined))
    turn = {image: at for at, image in enumerate(order)}
    for image, (keeper, edge) in enumerate(zip(found.keeper.tolist(), found.edge.tolist(), strict=True)):
        if image == keeper:
            assert edge == -1
        else:
            assert found.keeper[keeper] == keeper, "a keeper is no member"
            assert set(joined[edge]) == {image, keeper}
            assert turn[keeper] < turn[image], "the better one is kept"
    keepers = {image for image, keeper in enumerate(found.keeper.tolist()) if image == keeper}
    assert not any({one, other} <= keepers for one, other in joined), "nothing that could be in a group is left alone"


@given(graphs(), st.randoms())
def test_the_order_of_the_edges_does_not_matter(graph: tuple[list[int], list[tuple[int, int]]], random: object) -> None:
    order, joined = graph
    mixed = [(other, one) if number % 2 else (one, other) for number, (one, other) in enumerate(reversed(joined))]
    expected, found = (stars(numbers(order), edges_of(one)).keeper.tolist() for one in (joined, mixed))
    assert found == expected


@given(graphs())
def test_components_are_what_a_walk_reaches(graph: tuple[list[int], list[tuple[int, int]]]) -> None:
    order, joined = graph
    label = connected(len(order), edges_of(joined)).tolist()
    reached = {image: {image} for image in order}
    for _ in order:
        for one, other in joined:
            reached[one] |= reached[other]
            reached[other] |= reached[one]
    assert label == [min(reached[image]) for image in range(len(order))]


@given(graphs())
def test_what_is_apart_is_connected_with_its_keeper_and_not_joined_to_it(
    graph: tuple[list[int], list[tuple[int, int]]],
) -> None:
    order, joined = graph
    edges = edges_of(joined)
    found, label = stars(numbers(order), edges), connected(len(order), edges)
    told = list(apart(found, numbers(order), edges, reach=1000))
    assert len(told) == len(set(told))
    for keeper, image in told:
        assert found.keeper[keeper] == keeper and label[keeper] == label[image]
        assert (min(keeper, image), max(keeper, image)) not in joined
    first = next((image for image in order if any(image in one for one in joined)), None)
    if first is not None:
        missing = {i for i in order if label[i] == label[first] and found.keeper[i] != first}
        assert {image for keeper, image in told if keeper == first} == missing


def test_a_chain_is_no_group() -> None:
    found = stars(numbers([2, 0, 1, 3, 4]), edges_of([(0, 1), (1, 2), (2, 3), (3, 4)]))
    assert found.keeper.tolist() == [0, 2, 2, 2, 4]


def test_few_images_are_looked_at_around_each_keeper() -> None:
    n = 1000
    chain = edges_of([(number, number + 1) for number in range(n - 1)])
    order = numbers(list(range(n)))
    told = list(apart(stars(order, chain), order, chain, reach=10))
    assert 0 < len(told) < 10 * n


def test_what_is_joined_to_a_keeper_does_not_keep_it_from_reaching_others() -> None:
    # A star of 100, each of which is joined to one image more.
    joined = [(0, near) for near in range(1, 101)] + [(near, near + 100) for near in range(1, 101)]
    order = numbers(list(range(201)))
    told = list(apart(stars(order, edges_of(joined)), order, edges_of(joined), reach=10))
    assert len([image for keeper, image in told if keeper == 0]) >= 10
