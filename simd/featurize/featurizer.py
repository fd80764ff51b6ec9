"""Pixels -> embeddings: the backbone, and what makes its output comparable.

An embedding is L2-normalised and rounded to float16 precision, so that what is stored is exactly what was computed:
the same pixels asked again are at distance 0.
"""

from __future__ import annotations

import numpy as np

from simd.errors import ModelError
from simd.featurize.engines.base import Batch, Engine
from simd.featurize.models.golden import golden, pictures
from simd.featurize.models.spec import Model
from simd.types import Vector
from simd.vectors.metric import half, normalise

_GOLDEN_COSINE = 0.999
_COLLAPSED_COSINE = 0.95


class Featurizer:
    """A model on an engine. Every method may be called from any thread.

    Args:
        engine: runs the backbone.
        model: what it runs.
        alone: runs it sooner for one picture, as long as nothing else is to be done.
    """

    def __init__(self, engine: Engine, model: Model, alone: Engine | None = None) -> None:
        self._engine = engine
        self._alone = alone or engine
        self.model = model

    @property
    def device(self) -> str:
        """ "cpu" or "gpu"."""
        return self._engine.device

    def embed(self, pixels: Batch, *, alone: bool = False) -> Vector:
        """The embeddings of pictures, float32 `(n, dimension)`.

        Args:
            pixels: uint8 `(n, height, width, 3)`, or `n` of `(height, width, 3)`.
            alone: whether nothing else is to be done.

        Raises:
            ModelError: the engine failed, or put out something that is no direction.
        """
        spec = self.model.spec
        for picture in pixels:
            if picture.shape != (*spec.size, 3) or picture.dtype != np.uint8:
                raise ModelError(f"the model {spec.name} takes uint8 pictures {(*spec.size, 3)}, not {picture.shape}")
        if len(pixels) == 0:
            return np.empty((0, spec.dimension), np.float32)
        engine = self._alone if alone else self._engine
        raw = engine.run(pixels)
        if raw.shape != (len(pixels), spec.dimension):
            raise ModelError(f"the {self._engine.name} engine put out {raw.shape} for {len(pixels)} pictures")
        if not np.isfinite(raw).all() or not raw.any(axis=1).all():
            raise ModelError(
                f"the {self._engine.name} engine put out zero or not finite numbers on the {self._engine.device}"
            )
        return half(normalise(raw))

    def self_check(self) -> None:
        """Refuse an engine that computes something else than the model: a wrong value range, precision or file.

        Raises:
            ModelError: known pictures get unknown vectors, or unlike pictures get like ones.
        """
        name = self.model.spec.name
        vectors = self.embed(pictures(*self.model.spec.size))
        alike = vectors @ vectors.T
        highest = float(alike[np.triu_indices(len(vectors), 1)].max())
        if highest > _COLLAPSED_COSINE:
            raise ModelError(
                f"the model {name} tells unlike pictures not apart: cosine {highest:.4f}, at most {_COLLAPSED_COSINE}",
                remedy="check the value range and the output in its model.json",
            )
        expected = golden(name)
        if expected is None:
            return
        if expected.shape != vectors.shape:
            raise ModelError(f"the golden vectors of {name} are {expected.shape}, the model's {vectors.shape}")
        lowest = float(np.einsum("ij,ij->i", vectors, expected).min())
        if lowest < _GOLDEN_COSINE:
            raise ModelError(
                f"the {self._engine.name} engine on the {self._engine.device} computes something else than the model "
                f"{name}: cosine {lowest:.5f} to its golden vectors, at least {_GOLDEN_COSINE}"
            )

    def close(self) -> None:
        """Close the engines."""
        self._alone.close()
        self._engine.close()
