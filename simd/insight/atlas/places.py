"""Where images are on the map: each in a cell of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from simd.vectors.ids import Ids

Cells = npt.NDArray[np.int32]

TILE_CELLS = 8
"""A tile has so many cells on each side."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The map as it was at some moment; never changed.

    Attributes:
        revision: another number after every change, while the daemon runs.
        side: how many cells the map has on each side: a power of two, `TILE_CELLS` at least.
        ids: the images on it, sorted, uint8 `(n, 16)`.
        columns: of each one's cell, from the left, int32 `(n,)`.
        rows: of each one's cell, from the top, int32 `(n,)`.
    """

    revision: int
    side: int
    ids: Ids
    columns: Cells
    rows: Cells

    @property
    def levels(self) -> int:
        """The level whose tiles show every picture: 2^level tiles of `TILE_CELLS` cells are a side."""
        return (self.side // TILE_CELLS).bit_length() - 1


@dataclass(frozen=True, slots=True)
class AtlasState:
    """How the map is.

    Attributes:
        state: whether there is a map; "laying_out" while the first one is made, "off" where maps are turned off or
            cannot be made here.
        detail: why there is no map, or why it is not kept up, and what helps; for a person, else "".
        revision: that of `Places`.
        images: how many are on the map.
        pending: how many are searchable and not on it yet.
        added: how many have come since it was laid out.
        side, levels: as `Places` has them; 0 without a map.
        laid_out_ms: when it was laid out, in milliseconds since the epoch; 0 without a map.
        done, total: how far a layout under way is; both 0 if there is none.
    """

    state: Literal["ready", "none", "laying_out", "off"]
    detail: str = ""
    revision: int = 0
    images: int = 0
    pending: int = 0
    added: int = 0
    side: int = 0
    levels: int = 0
    laid_out_ms: int = 0
    done: int = 0
    total: int = 0
