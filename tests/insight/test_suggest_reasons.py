"""Why an image is suggested is a sentence whose subject is the image."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from simd.insight.suggest.reasons import reason
from simd.insight.suggest.suggestion import Strategy

CAT, DOG = ("cat",), ("dog", "wet")


@pytest.mark.parametrize(
    ("strategy", "value", "covers", "estimated", "any_labelled", "between", "told"),
    [
        (Strategy.COVERAGE, 9.0, 1234, False, True, (), "stands for 1,234 pictures that nothing labelled is like"),
        (Strategy.COVERAGE, 9.0, 312, True, True, (), "stands for about 312 pictures that nothing labelled is like"),
        (Strategy.COVERAGE, 9.0, 312, True, False, (), "stands for about 312 pictures"),
        (Strategy.COVERAGE, 9.0, 1, True, True, (), "is like nothing that is labelled or suggested before"),
        (Strategy.COVERAGE, 9.0, 0, True, True, (), "is like pictures that labels stand for least"),
        (Strategy.UNCERTAIN, 9.0, 1, True, True, (CAT, DOG), "lies between `cat` and `dog` + `wet`"),
        (
            Strategy.UNCERTAIN, 9.0, 7, False, True, (CAT, DOG),
            "lies between `cat` and `dog` + `wet`, and stands for 7 pictures that nothing labelled is like",
        ),
        (Strategy.UNCERTAIN, 9.0, 7, False, True, (), "stands for 7 pictures that nothing labelled is like"),
        (Strategy.DIVERSE, 2.0, 1, False, False, (), "nothing is labelled yet, and one is the first"),
        (Strategy.DIVERSE, 1.0, 1, False, True, (), "is at most 50% like anything labelled or suggested before"),
        (Strategy.DIVERSE, 1.6, 1, False, True, (), "is at most 0% like anything labelled or suggested before"),
        (Strategy.OUTLIERS, 1.0, 1, False, False, (), "is alone: few pictures are more than 50% like it"),
        (
            Strategy.OUTLIERS, 1.0, 1, False, True, (),
            "is alone: few pictures are more than 50% like it, none of them labelled",
        ),
        (Strategy.RANDOM, 0.0, 1, False, True, (), "was drawn at random"),
    ],
)  # fmt: skip
def test_a_reason_is_told(
    strategy: Strategy,
    value: float,
    covers: int,
    estimated: bool,
    any_labelled: bool,
    between: Sequence[tuple[str, ...]],
    told: str,
) -> None:
    found = reason(strategy, value, covers, estimated=estimated, any_labelled=any_labelled, between=between)
    assert found == told
