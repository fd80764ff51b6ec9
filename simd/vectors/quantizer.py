"""Vectors -> short codes whose distance never exceeds the true one by more than their rounding.

A row is rotated onto the first principal components of a sample. Where those are not all, one more coordinate is the
norm of what they leave out (centred by `residual`). That map shortens distances or keeps them: inside the components it
is a projection, outside it is the reverse triangle inequality. Then comes a uniform `scale` to code units, a clip to
[-127, 127] on both sides of a comparison (a projection onto a box: it shortens too), and rounding, which is the only
step that can lengthen. With `e` = the largest rounding error norm of a set of rows:

    true distance >= (code distance - e) / scale

Codes are uint8 `(n, d)`: the rounded int8 coordinate in excess-128 form (`code = coordinate + 128`, so 1..255), the
form that the SIMD kernel scans in place, without a copy, from a memory map.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from simd.types import Vector

Codes = npt.NDArray[np.uint8]
"""Codes `(n, d)`, excess-128."""

LIMIT = 127.0
OFFSET = 128
SLACK = 0.05
"""Code units granted to float32 arithmetic when a bound is applied: a hundred times what was ever seen."""

_FITS = 0.9995
"""The share of a sample's coordinates that the scale must fit into int8 unclipped."""

_PYTHAGORAS_HOLDS = 0.1
"""Above this norm the residual from squares is right to 1e-5."""


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """The principal components of a sample, those of the largest variance first.

    Args:
        mean: float32 `(dimension,)`.
        components: float32 `(dimension, dimension)`, orthonormal rows.
        variances: float64 `(dimension,)`, along each.
    """

    mean: Vector
    components: Vector
    variances: npt.NDArray[np.float64]

    @classmethod
    def of(cls, sample: Vector) -> Self:
        """Those of rows float32 `(n, dimension)`; equal samples have equal ones."""
        mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = sample - mean
        eigenvalues, eigenvectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
        components = eigenvectors[:, ::-1].T
        largest = np.abs(components).argmax(axis=1)
        # An eigenvector's sign is arbitrary; this makes it a function of the sample alone.
        components = components * np.sign(components[np.arange(len(components)), largest])[:, None]
        variances = np.maximum(eigenvalues[::-1], 0.0) / len(sample)
        return cls(mean, np.ascontiguousarray(components, dtype=np.float32), variances)


@dataclass(frozen=True, slots=True, eq=False)
class Quantizer:
    """A trained map from vectors to codes.

    Args:
        mean: float32 `(dimension,)`.
        components: float32 `(c, dimension)`, orthonormal rows.
        residual: the typical norm of what the components leave out, subtracted from the last coordinate; not used
            where there is no such coordinate, because the components leave nothing out.
        scale: code units per unit of distance.
    """

    mean: Vector
    components: Vector
    residual: float
    scale: float

    @classmethod
    def fit(cls, sample: Vector, dims: int, axes: Axes | None = None) -> Self:
        """Train on rows float32 `(n, dimension)`; equal samples give equal quantizers.

        Args:
            sample: the rows.
            dims: length of a code. With the dimension or more, it is the dimension, and nothing is left out.
            axes: of the sample, if they are known.
        """
        axes = axes or Axes.of(sample)
        dimension = sample.shape[1]
        components = axes.components[: dimension if dims >= dimension else dims - 1]
        coordinates = cls(axes.mean, components, 0.0, 1.0)._coordinates(sample)
        residual = 0.0
        if len(components) < dimension:
            residual = float(np.float32(np.median(coordinates[:, -1])))
            coordinates[:, -1] -= residual
        reach = float(np.quantile(np.abs(coordinates), _FITS))
        return cls(axes.mean, components, residual, float(np.float32(LIMIT / max(reach, 1e-3))))

    @property
    def is_whole(self) -> bool:
        """Whether the components leave nothing out."""
        count, dimension = self.components.shape
        return bool(count == dimension)

    @property
    def dims(self) -> int:
        """Length of a code."""
        return len(self.components) + (0 if self.is_whole else 1)

    @property
    def quantizer_id(self) -> str:
        """Hash of everything that decides a code."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(np.ascontiguousarray(self.mean, dtype="<f4").tobytes())
        digest.update(np.ascontiguousarray(self.components, dtype="<f4").tobytes())
        digest.update(np.array([self.residual, self.scale], dtype="<f8").tobytes())
        return digest.hexdigest()

    def project(self, queries: Vector) -> Vector:
        """Queries float32 `(q, dimension)` in code units, float32 `(q, d)`: clipped, not rounded."""
        coordinates = self._coordinates(queries)
        if not self.is_whole:
            coordinates[:, -1] -= np.float32(self.residual)
        coordinates *= np.float32(self.scale)
        return np.clip(coordinates, -LIMIT, LIMIT, out=coordinates)

    def encode(self, rows: Vector) -> tuple[Codes, float]:
        """Codes of rows float32 `(n, dimension)`, and the largest norm, in code units, by which rounding moved one."""
        coordinates = self.project(rows)
        codes = (np.rint(coordinates).astype(np.int16) + OFFSET).astype(np.uint8)
        return codes, float(moved(coordinates, codes).max(initial=0.0))

    def _coordinates(self, rows: Vector) -> Vector:
        centred = rows - self.mean
        inside = centred @ self.components.T
        if self.is_whole:
            return np.asarray(inside, dtype=np.float32)
        whole = np.einsum("ij,ij->i", centred, centred, dtype=np.float64)
        kept = np.einsum("ij,ij->i", inside, inside, dtype=np.float64)
        outside = np.sqrt(np.maximum(whole - kept, 0.0))
        # Pythagoras costs no second matrix product, but near zero the difference of two squares is all rounding.
        small = np.flatnonzero(outside < _PYTHAGORAS_HOLDS)
        if small.size:
            outside[small] = np.linalg.norm(centred[small] - inside[small] @ self.components, axis=1)
        return np.concatenate([inside, outside[:, None].astype(np.float32)], axis=1)


def moved(coordinates: Vector, codes: Codes) -> Vector:
    """By how much, in code units, float32 `(n,)`, codes `(n, d)` are off the coordinates `(n, d)` they stand for."""
    apart = coordinates - (codes.astype(np.float32) - np.float32(OFFSET))
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", apart, apart)), dtype=np.float32)
