"""What the similarities of a model mean, where that was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simd.featurize.models import copy1
from simd.featurize.models.registry import CALIBRATED, COPY1, LITE0, levels_of
from simd.featurize.models.spec import Level, Levels, Model, ModelSpec, fingerprint

LEVELS = Levels(same=0.8, near=0.6, similar=0.4)


def model(spec: ModelSpec) -> Model:
    return Model(spec, Path("nowhere"), fingerprint(spec, {}))


@pytest.mark.parametrize(
    ("similarity", "level"),
    [(1.0, "same"), (0.8, "same"), (0.7999, "near"), (0.6, "near"), (0.4, "similar"), (0.3999, None), (-1.0, None)],
)
def test_a_similarity_has_the_strictest_level_that_it_reaches(similarity: float, level: str | None) -> None:
    assert LEVELS.of(similarity) == level


def test_a_level_begins_where_it_says() -> None:
    assert [LEVELS.least(level) for level in Level] == [0.8, 0.6, 0.4]


def test_the_default_model_is_calibrated_with_the_weights_that_it_has() -> None:
    """Newly trained weights are measured by `python -m benchmarks.levels`, and then listed."""
    levels = levels_of(model(COPY1))
    assert levels is not None and levels == CALIBRATED[copy1.SHA256]
    assert 1 > levels.same > levels.near > levels.similar > 0


def test_other_models_and_other_weights_are_not() -> None:
    assert levels_of(model(LITE0)) is None
    assert levels_of(model(replace(COPY1, identity="other weights"))) is None
