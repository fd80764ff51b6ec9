"""What labels are worth: classifiers that learn from the pictures that were chosen, and how well they do on others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.labelled import Rows
from benchmarks.pools import Pool
from simd.types import Vector

_PENALTY = 0.1


@dataclass(frozen=True, slots=True)
class Score:
    """What chosen pictures are worth.

    Attributes:
        nearest: accuracy of the class of the nearest labelled picture, the mean of all classes.
        head: accuracy of a linear head: ridge regression on the classes; likewise.
        classes: the share of the classes that a chosen picture has.
        radius: how far the picture that is worst off is from its nearest chosen one.
        wasted: how many of the chosen are an edited copy, or the original, of one that was chosen before.
    """

    nearest: float
    head: float
    classes: float
    radius: float
    wasted: int


def score(pool: Pool, chosen: Rows) -> Score:
    """Of the chosen rows of a pool."""
    labelled, classes = pool.vectors[chosen], pool.classes[chosen]
    nearest = classes[(pool.tests @ labelled.T).argmax(1)]
    alike = float((pool.vectors @ labelled.T).max(1).min())
    return Score(
        nearest=_accuracy(nearest, pool.answers),
        head=_accuracy(_linear(labelled, classes, pool.tests), pool.answers),
        classes=len(np.unique(classes)) / pool.number,
        radius=float(np.sqrt(max(0.0, 2 - 2 * alike))),
        wasted=len(chosen) - len(np.unique(pool.original[chosen])),
    )


def interval(values: npt.NDArray[np.float64]) -> float:
    """Half of the 95 % interval of a mean."""
    return float(1.96 * values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def _accuracy(found: Rows, right: Rows) -> float:
    return float(np.mean([(found == right)[right == number].mean() for number in np.unique(right)]))


def _linear(labelled: Vector, classes: Rows, tests: Vector) -> Rows:
    """Ridge regression on one column a class, solved in the space of the few labelled pictures."""
    numbers = np.unique(classes)
    wanted = (classes[:, np.newaxis] == numbers).astype(np.float64)
    mean, offset = labelled.mean(0), wanted.mean(0)
    centred = (labelled - mean).astype(np.float64)
    weights = np.linalg.solve(centred @ centred.T + _PENALTY * np.eye(len(centred)), wanted - offset)
    return np.asarray(numbers[((tests - mean) @ centred.T @ weights + offset).argmax(1)])
