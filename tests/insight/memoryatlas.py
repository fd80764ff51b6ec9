"""A map that a test says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from simd.errors import SimdError
from simd.insight.atlas.atlas import Atlas
from simd.insight.atlas.places import TILE_CELLS, AtlasState, Places
from simd.types import ImageId
from simd.vectors.ids import pack_ids


class MemoryAtlas(Atlas):
    """There is no map before something is `put` on it.

    Attributes:
        told: what it says of itself; the map is added to it.
        refusal: what `lay_out` raises.
        layouts: how often a new map was asked for.
    """

    def __init__(self) -> None:
        self.told = AtlasState("none", detail="it is made as soon as there are pictures")
        self.refusal: SimdError | None = None
        self.layouts = 0
        self._places: Places | None = None

    def put(self, cells: Mapping[ImageId, tuple[int, int]], side: int = 2 * TILE_CELLS) -> None:
        """The map: by image its column and row."""
        ids = sorted(cells)
        at = np.array([cells[image_id] for image_id in ids], np.int32).reshape(-1, 2)
        revision = self.told.revision + 1
        self._places = Places(revision, side, pack_ids(ids), at[:, 0], at[:, 1])
        self.told = replace(
            self.told, state="ready", detail="", revision=revision, images=len(ids), side=side,
            levels=self._places.levels, laid_out_ms=1_700_000_000_000,
        )  # fmt: skip

    def state(self) -> AtlasState:
        return self.told

    def places(self) -> Places | None:
        return self._places

    def lay_out(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.layouts += 1
