"""Pictures to choose from, and others to be tested on, drawn from a set by a seed.

* `balanced`: as many of each class;
* `long tail`: class sizes fall from three times that to a twentieth of it, which classes are rare is drawn;
* `copies`: balanced, and for each 70 pictures 30 edited copies of some of them, three of each that has any.

Tests are other pictures, up to 60 of each class; a class counts as much as another.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from benchmarks.labelled import Labelled, Rows
from simd.types import Vector

KINDS = ("balanced", "long tail", "copies")
TESTED = 60
"""Test pictures of a class."""

_TAIL = 60.0
_PLANTED = 0.3 / 0.7


@dataclass(frozen=True, eq=False)
class Pool:
    """What is chosen from, and what choices are tested on.

    Attributes:
        vectors: float32 `(n, d)`, of the pictures.
        classes: `(n,)`.
        original: `(n,)`; equal numbers are one picture and its edited copies.
        same: `(p, 2)`, rows that simd judges to be one picture.
        tests: float32 `(m, d)`.
        answers: `(m,)`, the classes of the tests.
        number: of classes.
    """

    vectors: Vector
    classes: Rows
    original: Rows
    same: Rows
    tests: Vector
    answers: Rows
    number: int


def pool(of: Labelled, kind: str, seed: int) -> Pool:
    """The pool of a seed; equal arguments give equal pools."""
    chance = np.random.default_rng([seed, zlib.crc32(f"{of.name} {kind}".encode())])
    own = of.original == np.arange(len(of.original))
    counts = np.bincount(of.classes[own])
    classes = chance.permutation(np.flatnonzero(counts >= of.least))
    each = of.least - of.least // 3
    chosen, tests = [], []
    for rank, number in enumerate(classes):
        rows = chance.permutation(np.flatnonzero(own & (of.classes == number)))
        tested = min(TESTED, max(of.least // 3, len(rows) - 3 * each))
        rest = rows[tested:]
        size = each
        if kind == "long tail":
            size = max(2, round(min(len(rest), 3 * each) * _TAIL ** (-rank / (len(classes) - 1))))
        tests.append(rows[:tested])
        chosen.append(rest[:size])
    rows = np.concatenate(chosen)
    if kind == "copies":
        copies = np.flatnonzero(~own & np.isin(of.original, rows))
        order = chance.permutation(len(of.original))[of.original[copies]]
        rows = np.concatenate([rows, copies[np.argsort(order, kind="stable")][: round(_PLANTED * len(rows))]])
    rows, asked = chance.permutation(rows), np.concatenate(tests)
    place = np.full(len(of.original), -1)
    place[rows] = np.arange(len(rows))
    same = place[of.same]
    return Pool(
        vectors=of.vectors[rows],
        classes=of.classes[rows],
        original=of.original[rows],
        same=same[(same >= 0).all(1)],
        tests=of.vectors[asked],
        answers=of.classes[asked],
        number=len(classes),
    )
