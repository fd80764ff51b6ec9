"""MaxHerding: the greedy maximum of generalised coverage. Pure; whose the vectors are is not known here.

MaxHerding (Bae, Noh, Sutherland: "Generalized Coverage for More Robust Low-Budget Active Learning", arXiv 2407.12212)
takes one candidate after another, each time that which adds most to the mean over all images of the kernel between the
image and the nearest one taken. Uncertainty Herding (Bae, Oliveira, Sutherland: "Uncertainty Herding: One Active
Learning Method for All Label Budgets", arXiv 2412.20644) is the same with a weight for each image.

A gain never grows while more is covered (the sum is submodular), so what was computed before is an upper bound, and
only those whose bound is greatest are computed anew (Minoux: "Accelerated greedy algorithms", 1978).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from simd.insight.suggest.choice import Choice
from simd.insight.suggest.kernel import BANDWIDTH, Floats, kernel
from simd.types import Vector

_AT_ONCE = 256
"""Candidates whose gains are computed together at first: with 8192 probes 8 MiB."""
_ANEW = 16
"""Candidates whose gains are computed anew together."""


class Herding:
    """Candidates by how much of the probes each would cover.

    Each is compared with each probe once; that takes 4 bytes for each two of them.

    Args:
        candidates: float32 `(c, dimension)`, L2-normalised; of equals the first is chosen.
        probes: float32 `(p, dimension)`, L2-normalised: they stand for all that is to be covered.
        covered: float32 `(p,)`, how far each probe is covered, 0 to 1; it is changed by `take`.
        weights: float32 `(p,)`, how much each counts.
        bandwidth: of the kernel, a Euclidean distance.
        step: told of how many candidates were compared; what it raises ends the work.
    """

    def __init__(
        self,
        candidates: Vector,
        probes: Vector,
        covered: Floats,
        weights: Floats,
        bandwidth: float = BANDWIDTH,
        step: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._covered = covered
        self._weights = weights
        self._fresh = np.ones(len(candidates), np.bool_)
        self._bounds = np.empty(len(candidates), np.float32)
        self._kernels = np.empty((len(candidates), len(probes)), np.float32)
        for start in range(0, len(candidates), _AT_ONCE):
            rows = np.arange(start, min(start + _AT_ONCE, len(candidates)))
            self._kernels[rows] = kernel(candidates[rows] @ probes.T, bandwidth)
            self._bounds[rows] = self._gains(rows)
            step(rows.size)

    def next(self) -> Choice | None:
        """The candidate with the greatest gain, which is then out of the choice; None if none is left."""
        while self._bounds.size:
            row = int(np.argmax(self._bounds))
            gain = float(self._bounds[row])
            if gain < 0:
                return None
            if self._fresh[row]:
                self._bounds[row] = -1.0
                return Choice(row, gain)
            rows = self._stale()
            self._bounds[rows] = self._gains(rows)
            self._fresh[rows] = True
        return None

    def take(self, row: int) -> None:
        """A candidate covers what it does from now on."""
        np.maximum(self._covered, self._kernels[row], out=self._covered)
        self._fresh[:] = False

    def _stale(self) -> npt.NDArray[np.intp]:
        """Those of the greatest bounds among those whose gain may have changed."""
        bounds = np.where(self._fresh, np.float32(-1.0), self._bounds)
        count = min(_ANEW, bounds.size)
        rows = np.sort(np.argpartition(bounds, bounds.size - count)[bounds.size - count :])
        return rows[bounds[rows] >= 0]

    def _gains(self, rows: npt.NDArray[np.intp]) -> Floats:
        kernels = self._kernels[rows] - self._covered
        np.maximum(kernels, np.float32(0.0), out=kernels)
        return np.asarray(kernels @ self._weights, dtype=np.float32)


def herd(
    candidates: Vector,
    probes: Vector,
    covered: Floats,
    weights: Floats,
    bandwidth: float = BANDWIDTH,
) -> Iterator[Choice]:
    """All candidates in the order of `Herding`, each taken; arguments as there."""
    herding = Herding(candidates, probes, covered, weights, bandwidth)
    while (choice := herding.next()) is not None:
        herding.take(choice.row)
        yield choice
