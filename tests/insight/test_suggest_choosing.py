"""What chooses among candidates, against the plainest way to say it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simd.insight.suggest.choice import Chooser, InOrder
from simd.insight.suggest.coverage import Coverage, Margins
from simd.insight.suggest.herding import Herding, herd
from simd.insight.suggest.kernel import Floats, distance, kernel
from simd.insight.suggest.nearest import Neighbours
from simd.insight.suggest.sample import shuffled
from simd.insight.suggest.spreading import Spreading, apart
from simd.jobs.jobs import Cancelled
from simd.types import Vector, image_id_of
from simd.vectors.ids import pack_ids, unique_ids
from simd.vectors.metric import normalise

ROUNDING = 1e-4

SEEDS = st.integers(0, 2**32 - 1)


def clustered(seed: int, count: int, dimension: int = 8) -> Vector:
    """Unit vectors in a few clusters of different sizes."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(1 + count // 5, dimension))
    chosen = np.minimum(rng.geometric(0.3, count), len(centres)) - 1
    return normalise(centres[chosen] + rng.normal(size=(count, dimension)) * rng.uniform(0.05, 1))


def gaussian(one: Vector, other: Vector, bandwidth: float) -> Floats:
    """By differences, a pair at a time."""
    squares = ((one[:, np.newaxis].astype(np.float64) - other[np.newaxis]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-squares / bandwidth**2), dtype=np.float32)


@given(SEEDS, st.sampled_from([0.3, 0.6, 1.0, 1.5]))
def test_the_kernel_is_one_for_what_is_equal_and_falls_with_the_distance(seed: int, bandwidth: float) -> None:
    vectors = clustered(seed, 12)
    found = kernel(vectors @ vectors.T, bandwidth)
    np.testing.assert_allclose(found, gaussian(vectors, vectors, bandwidth), atol=ROUNDING)
    assert found.max() <= 1


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 60), st.integers(0, 4), st.sampled_from([0.3, 1.0]), st.booleans())
def test_each_choice_of_a_herd_gains_most(seed: int, count: int, labels: int, bandwidth: float, weighted: bool) -> None:
    """Many more than are computed anew together, so that the lazy way is taken."""
    probes, candidates = clustered(seed, 40), clustered(seed + 1, count)
    matrix = gaussian(probes, candidates, bandwidth)
    covered = gaussian(probes, clustered(seed + 2, labels + 1), bandwidth)[:, :labels].max(axis=1, initial=0.0)
    weights = np.random.default_rng(seed).uniform(0, 1, len(probes)) if weighted else np.ones(len(probes))
    left = set(range(count))
    for choice in herd(candidates, probes, covered.astype(np.float32), weights.astype(np.float32), bandwidth):
        gains = {row: float(weights @ np.maximum(0.0, matrix[:, row] - covered)) for row in left}
        assert choice.value == pytest.approx(max(gains.values()), abs=ROUNDING)
        assert gains[choice.row] == pytest.approx(choice.value, abs=ROUNDING)
        left.remove(choice.row)
        covered = np.maximum(covered, matrix[:, choice.row])
    assert not left


def test_what_is_offered_and_not_taken_covers_nothing_and_is_not_offered_again() -> None:
    vectors = clustered(1, 30)
    herding = Herding(vectors, vectors, np.zeros(30, np.float32), np.ones(30, np.float32))
    first, second = herding.next(), herding.next()
    assert first is not None and second is not None and first.row != second.row
    matrix = gaussian(vectors, vectors, 1.0)
    assert second.value == pytest.approx(np.sort(matrix.sum(axis=0))[-2], abs=ROUNDING)
    herding.take(second.row)
    assert first.row not in {choice.row for choice in iter(herding.next, None)}


def test_a_herd_tells_of_its_blocks_and_is_ended_at_one() -> None:
    vectors = clustered(1, 600)
    steps: list[int] = []
    zeros, ones = np.zeros(600, np.float32), np.ones(600, np.float32)
    Herding(vectors, vectors, zeros, ones, step=steps.append)
    assert sum(steps) == 600 and len(steps) > 1

    def cancel(count: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Herding(vectors, vectors, zeros, ones, step=cancel)


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 40))
def test_each_choice_of_those_that_spread_is_farthest_from_what_was_taken(seed: int, count: int) -> None:
    candidates = clustered(seed, count)
    bounds = np.random.default_rng(seed).uniform(0, 2, count)
    spreading = Spreading(candidates, bounds.astype(np.float32))
    apart_by = np.sqrt(((candidates[:, np.newaxis] - candidates[np.newaxis]) ** 2).sum(axis=2))
    left = set(range(count))
    while (choice := spreading.next()) is not None:
        assert choice.value == pytest.approx(max(bounds[row] for row in left), abs=2e-3)
        left.remove(choice.row)
        spreading.take(choice.row)
        bounds = np.minimum(bounds, apart_by[choice.row])
    assert not left


@given(SEEDS, st.integers(1, 30), st.integers(1, 6))
def test_how_far_apart_images_are_is_the_distance_to_the_kth_other_probe(seed: int, count: int, k: int) -> None:
    probes = clustered(seed, count)
    candidates = np.concatenate([probes[:5], clustered(seed + 1, 5)])
    own = np.concatenate([np.arange(min(5, count)), np.full(5, -1)])
    for row, found in enumerate(apart(candidates, probes, own, k)):
        others = np.delete(probes, own[row], axis=0) if own[row] >= 0 else probes
        away = np.sort(np.linalg.norm(others - candidates[row], axis=1))
        if len(probes) > k:
            assert found == pytest.approx(away[k - 1], abs=2e-3)
        else:
            assert found == 2.0


@pytest.mark.parametrize("chooser", [InOrder(0), Spreading(np.empty((0, 4), np.float32), np.empty(0, np.float32))])
def test_of_no_candidates_none_is_offered(chooser: Chooser) -> None:
    assert chooser.next() is None


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 30), st.integers(1, 4), st.integers(1, 7))
def test_margins_are_those_of_all_labelled_images_together(seed: int, count: int, kinds: int, at_once: int) -> None:
    images, labelled = clustered(seed, 10), clustered(seed + 1, count)
    labels = np.random.default_rng(seed).integers(0, kinds, count).astype(np.int32)
    margins = Margins(len(images))
    for start in range(0, count, at_once):
        some = slice(start, start + at_once)
        margins.meet(images @ labelled[some].T, labels[some])
    for row, image in enumerate(images):
        best = sorted((float((labelled[labels == kind] @ image).max()), kind) for kind in set(labels.tolist()))
        assert margins.first[row] == pytest.approx(best[-1][0], abs=ROUNDING)
        assert margins.second[row] == pytest.approx(best[-2][0] if len(best) > 1 else -1, abs=ROUNDING)
        if len(best) > 1:
            shares = [np.exp(2 * (similarity - 1)) for similarity, _ in best[-2:]]
            uncertainty = 1 - abs(shares[0] - shares[1]) / sum(shares)
            assert margins.uncertainty()[row] == pytest.approx(uncertainty, abs=1e-3)
        told = (labelled[labels == margins.label[row]] @ image).max()
        assert told == pytest.approx(margins.first[row], abs=ROUNDING)
        assert margins.other[row] == -1 if len(best) == 1 else margins.other[row] != margins.label[row]


@settings(max_examples=30)
@given(SEEDS, st.integers(1, 150), st.integers(1, 40))
def test_neighbours_of_the_first_images_are_the_same_however_many_follow(seed: int, count: int, labels: int) -> None:
    images, labelled = clustered(seed, 150), clustered(seed + 1, labels)
    found = [Neighbours(images[:some]) for some in (count, 150)]
    for neighbours in found:
        neighbours.meet(np.arange(labels), labelled, np.zeros(labels, np.int32))
    assert np.array_equal(found[0].margins.first, found[1].margins.first[:count])


def test_coverage_counts_what_nothing_stood_for() -> None:
    probes = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    coverage = Coverage(probes, 0.5)
    assert coverage.reached == 0
    coverage.meet(probes @ np.eye(4, dtype=np.float32)[[1]].T)
    assert coverage.reached == 1
    assert [coverage.take(np.eye(4, dtype=np.float32)[axis]) for axis in (0, 1, 2, 3)] == [2, 0, 1, 0]


def test_a_sample_changes_by_what_comes_and_goes() -> None:
    ids = unique_ids(pack_ids([image_id_of(b"%d" % number) for number in range(1000)]))
    order = shuffled(ids)
    assert sorted(order.tolist()) == list(range(1000)) != order.tolist()
    some = {ids[row].tobytes() for row in order[:100]}
    fewer = np.delete(ids, 7, axis=0)
    left = {fewer[row].tobytes() for row in shuffled(fewer)[:100]}
    assert len(some & left) >= 99


def test_distances_are_those_of_unit_vectors() -> None:
    assert distance(np.array([1.0000001, 1.0, 0.5, -1.0], np.float32)).tolist() == [0.0, 0.0, 1.0, 2.0]
