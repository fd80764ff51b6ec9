"""What the benchmark of the map says of maps whose quality is known."""

from __future__ import annotations

import numpy as np

from benchmarks.mapquality import Truth
from simd.vectors.metric import normalise


def test_a_map_that_keeps_everything_is_perfect_and_a_shuffled_one_is_not() -> None:
    angles = np.sort(np.random.default_rng(0).uniform(0, np.pi, 300))
    circle = np.column_stack((np.cos(angles), np.sin(angles))).astype(np.float32)
    truth = Truth(normalise(circle))
    assert truth.judge(circle) == {"knn": 1.0, "trustworthiness": 1.0}
    shuffled = truth.judge(np.random.default_rng(1).permutation(circle))
    assert shuffled["knn"] < 0.1 and 0.4 < shuffled["trustworthiness"] < 0.6


def test_new_ones_are_judged_among_the_old_ones_alone() -> None:
    angles = np.linspace(0, 3, 200)
    circle = np.column_stack((np.cos(angles), np.sin(angles))).astype(np.float32)
    new = np.arange(0, 200, 4)
    old = np.setdiff1d(np.arange(200), new)
    assert Truth(normalise(circle), new, old).judge(circle)["trustworthiness"] > 0.999
