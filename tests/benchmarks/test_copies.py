"""What is asked for, and which pictures are twins."""

from __future__ import annotations

import numpy as np

from benchmarks.copies import ABSENT, PRESENT, chosen, twins_of


def test_twins_are_nearly_equal_pixels_as_they_are_or_mirrored() -> None:
    chance = np.random.default_rng(0)
    picture, other = chance.integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    noisy = np.clip(picture + chance.normal(0, 6, picture.shape), 0, 255)
    brighter = picture * 0.5 + 120
    rows = np.stack([picture, noisy, picture[:, ::-1], brighter, other]).reshape(5, -1).astype(np.float32)
    [found] = twins_of(rows, np.array([0]))
    assert found.tolist() == [0, 1, 2]


def test_nobody_is_asked_for_what_cannot_be_told_and_a_quarter_are_photographs() -> None:
    askable, photograph = np.ones(2000, np.bool_), np.zeros(2000, np.bool_)
    askable[::7] = False
    photograph[::5] = True
    asked = chosen(askable, photograph)
    assert len(set(asked.tolist())) == len(asked) == PRESENT + ABSENT
    assert askable[asked].all()
    assert photograph[asked[:PRESENT]].mean() == photograph[asked[PRESENT:]].mean() == 0.25
    assert (chosen(askable, photograph) == asked).all()
