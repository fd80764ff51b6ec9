"""What labelled and suggested images stand for, as far as probes tell. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simd.insight.suggest.kernel import BANDWIDTH, Floats
from simd.types import Vector

Numbers = npt.NDArray[np.int32]


class Coverage:
    """Which probes something stands for.

    Args:
        probes: float32 `(p, dimension)`, L2-normalised.
        reach: the least similarity at which an image stands for another one.

    Attributes:
        nearest: float32 `(p,)`, how alike the most alike labelled or taken image is to each probe; -1 without any.
    """

    def __init__(self, probes: Vector, reach: float) -> None:
        self._probes = probes
        self._reach = np.float32(reach)
        self.nearest = np.full(len(probes), -1.0, np.float32)

    @property
    def reached(self) -> int:
        """How many probes something stands for."""
        return int(np.count_nonzero(self.nearest >= self._reach))

    def meet(self, similarities: Floats) -> None:
        """Images are labelled: their similarities to the probes, float32 `(p, m)`."""
        np.maximum(self.nearest, similarities.max(axis=1, initial=-1.0), out=self.nearest)

    def take(self, vector: Vector) -> int:
        """An image, `(dimension,)`, is suggested; for how many probes it stands that nothing else does."""
        before = self.reached
        np.maximum(self.nearest, self._probes @ vector, out=self.nearest)
        return self.reached - before


class Margins:
    """The labelled images that images are nearest to, and those of another label.

    Args:
        count: how many images there are.

    Attributes:
        first: float32 `(n,)`, how alike the most alike labelled image is; -1 without any.
        label: its label, by number, int32 `(n,)`; -1 without any.
        second: how alike the most alike image of another label is; -1 without any.
        other: its label; -1 without any.
    """

    def __init__(self, count: int) -> None:
        self.first, self.second = np.full((2, count), -1.0, np.float32)
        self.label, self.other = np.full((2, count), -1, np.int32)

    def meet(self, similarities: Floats, labels: Numbers) -> None:
        """Images are labelled.

        Args:
            similarities: to all images, float32 `(n, m)`, one labelled image at least.
            labels: by number, int32 `(m,)`.
        """
        order = np.argsort(labels, kind="stable")
        kinds, starts = np.unique(labels[order], return_index=True)
        best = np.maximum.reduceat(similarities[:, order], starts, axis=1)
        first, label = _taken_out(best, kinds)
        second, other = _taken_out(best, kinds)
        # Of two firsts of different labels one is second to the other, or what was second to that is.
        same, better = label == self.label, first > self.first
        rival = np.where(same | better, second, first)
        rival_label = np.where(same | better, other, label)
        held = np.where(better & ~same, self.first, self.second)
        held_label = np.where(better & ~same, self.label, self.other)
        self.second, self.other = np.maximum(held, rival), np.where(rival > held, rival_label, held_label)
        self.first, self.label = np.maximum(self.first, first), np.where(better, label, self.label)

    def uncertainty(self, bandwidth: float = BANDWIDTH) -> Floats:
        """How uncertain the label of each image is, float32 `(n,)`: 1 - |a - b|, where a and b are the shares that its
        two labels have in the sum of their kernels of this bandwidth.

        Uncertainty by margin, of the distribution that the kernel gives. Far from everything it is 1, whatever the
        labels are: while there are few of them images count alike, as Uncertainty Herding wants it.
        """
        return np.asarray(1.0 - np.tanh((self.first - self.second) / np.float32(bandwidth**2)), dtype=np.float32)


def _taken_out(best: Floats, kinds: Numbers) -> tuple[Floats, Numbers]:
    """The greatest of each row, which is then out of it, and its kind; -1 both where all are out."""
    rows, top = np.arange(len(best)), best.argmax(axis=1)
    found = best[rows, top]
    best[rows, top] = -np.inf
    is_one = found > -np.inf
    return np.where(is_one, found, np.float32(-1.0)), np.where(is_one, kinds[top], -1).astype(np.int32)
