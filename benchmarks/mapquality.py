"""How far a map keeps what is near: on a sample, as exact answers over 100,000 vectors take long."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simd.types import Vector

NEAREST = 10
_SAMPLE = 2000
_AT_ONCE = 50

Positions = npt.NDArray[np.float32]
Ranks = npt.NDArray[np.int64]


class Truth:
    """Which vectors are nearest to some, and how far down the list each other one is.

    Args:
        vectors: all of them, `(n, dimension)`, L2-normalised.
        asked: the rows that are looked at; a sample of all, if None.
        among: the rows that count as neighbours; all, if None.
    """

    def __init__(self, vectors: Vector, asked: Ranks | None = None, among: Ranks | None = None) -> None:
        every = np.arange(len(vectors))
        sample = np.random.default_rng(0).permutation(len(vectors))[:_SAMPLE]
        self.asked = sample if asked is None else asked[:_SAMPLE]
        self.among = every if among is None else among
        self._vectors = vectors

    def judge(self, positions: Positions) -> dict[str, float]:
        """What a map has kept.

        Args:
            positions: of all vectors.

        Returns:
            `knn`: the share of the ten nearest that are among the ten nearest on the map. `trustworthiness` (Venna &
            Kaski 2001): 1 where no stranger is among the ten nearest on the map; the further down the list, the worse.
        """
        shared, strange = 0, 0.0
        count = len(self.among)
        for start in range(0, len(self.asked), _AT_ONCE):
            some = self.asked[start : start + _AT_ONCE]
            order = _nearest(1 - self._vectors[some] @ self._vectors[self.among].T, some, self.among)
            ranks = np.empty_like(order)
            np.put_along_axis(ranks, order, np.arange(count)[None], axis=1)
            apart = ((positions[some][:, None] - positions[self.among][None]) ** 2).sum(axis=2)
            near = np.take_along_axis(ranks, _nearest(apart, some, self.among)[:, :NEAREST], axis=1)
            shared += int(np.count_nonzero(near < NEAREST))
            strange += float(np.maximum(0, near - NEAREST + 1).sum())
        asked = len(self.asked)
        worst = asked * NEAREST * (2 * count - 3 * NEAREST - 1) / 2
        return {"knn": shared / (asked * NEAREST), "trustworthiness": 1 - strange / worst}


def _nearest(apart: npt.NDArray[np.float32], asked: Ranks, among: Ranks) -> Ranks:
    """The order of the neighbours of each; the row itself is the last one."""
    apart = np.where(asked[:, None] == among[None], np.float32(np.inf), apart)
    found: Ranks = np.argsort(apart, axis=1, kind="stable")
    return found
