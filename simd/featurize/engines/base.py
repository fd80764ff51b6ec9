"""What runs a backbone, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from simd.types import Pixels

Raw = npt.NDArray[np.float32]
"""What a backbone says: float32 `(n, dimension)`, not normalised."""

Batch = Sequence[Pixels] | Pixels
"""Pictures at the model's input size: uint8 `(height, width, 3)` RGB each, or `(n, height, width, 3)`. To make one
array of them takes memory that an engine may do without."""


class Engine(Protocol):
    """A loaded backbone. Every method may be called from any thread."""

    @property
    def name(self) -> str:
        """The library behind it."""
        ...

    @property
    def device(self) -> str:
        """ "cpu" or "gpu"."""
        ...

    def run(self, pixels: Batch) -> Raw:
        """The backbone's output for each picture, in their order.

        Raises:
            ModelError: the engine failed, or was closed.
        """
        ...

    def close(self) -> None:
        """Give back memory and processes."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """Where indexing computes: `device` "cpu" or "gpu", the `engine`'s name, and the `reason`, for `status`."""

    device: str
    engine: str
    reason: str
