"""What a suggestion gains, measured on a part of the images."""

from __future__ import annotations

import numpy as np

from simd.featurize.models.spec import Levels
from simd.insight.suggest.coverage import Coverage, Margins
from simd.insight.suggest.kernel import Floats, Scale, kernel
from simd.insight.suggest.pool import Pool
from simd.insight.suggest.sample import Rows
from simd.insight.suggest.vectors import Vectors
from simd.types import Vector


class Ground:
    """Probes, which stand for all images that are neither labelled nor the same picture.

    A picture counts once, however many copies of it there are: if each copy did, bursts would draw suggestions.

    Args:
        vectors: of the images.
        pool: which there are.
        rows: those of `pool.free` that are probes.
        levels: what is known of the model.
        uncertain: whether a probe counts by how uncertain its label is; otherwise all count the same.

    Attributes:
        probes: float32 `(p, dimension)`.
        times: for how many images each of them stands.
        scale: what distances mean.
        weights: float32 `(p,)`, for how many pictures each counts.
    """

    def __init__(self, vectors: Vectors, pool: Pool, rows: Rows, levels: Levels | None, *, uncertain: bool) -> None:
        self._pool = pool
        self.probes: Vector = vectors.of(pool.free[rows])
        self.times = len(pool.free) / rows.size if rows.size else 1.0
        self.scale = Scale.of(levels)
        self._coverage = Coverage(self.probes, self.scale.reach)
        margins = Margins(rows.size) if uncertain else None
        for found, labelled in vectors.blocks(pool.labelled if rows.size else pool.labelled[:0]):
            similarities = self.probes @ labelled.T
            self._coverage.meet(similarities)
            if margins is not None:
                margins.meet(similarities, pool.label[found])
        self.weights: Floats = np.float32(self.times) / pool.copies(pool.free[rows])
        if margins is not None:
            self.weights *= margins.uncertainty()

    @property
    def is_part(self) -> bool:
        """Whether there are more images than probes."""
        return self.times > 1.0

    @property
    def covered(self) -> Floats:
        """How far each probe is covered, float32 `(p,)`, 0 to 1."""
        return kernel(self._coverage.nearest)

    @property
    def share(self) -> float:
        """The share of images that labelled and taken ones stand for."""
        return self._pool.share(self._coverage.reached * self.times)

    def take(self, vector: Vector) -> int:
        """An image, `(dimension,)`, is suggested; for about how many it stands that nothing else does."""
        return round(self._coverage.take(vector) * self.times)
