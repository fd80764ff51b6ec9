"""Pictures that anybody can draw again, and what each known model is known to say about them.

`scripts/golden.py` writes the golden vectors of the embedded model beside this file. They change when, and only when,
its weights, its network or its pooling change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simd.errors import ModelError
from simd.types import Pixels, Vector

_DIRECTORY = Path(__file__).parent / "golden_vectors"


def pictures(height: int, width: int) -> Pixels:
    """Four unlike pictures, uint8 `(4, height, width, 3)`, from integer arithmetic alone."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    u, v = x * 256 // width, y * 256 // height
    distance = (u - 128) ** 2 + (v - 96) ** 2
    slopes = np.stack([u, v, 255 - (u + v) // 2], axis=-1)
    squares = np.where(((u // 32 + v // 32) % 2 == 0)[..., None], [230, 40, 30], [20, 60, 200])
    discs = np.where((distance < 3600)[..., None], [250, 220, 40], np.stack([v // 3, 90 + v // 2, 200 - v // 4], -1))
    noise = ((u * 7919 + v * 104729 + u * v * 31) % 251)[..., None] * [1, 0, 1] + [0, 80, 0]
    return np.stack([slopes, squares, discs, noise]).astype(np.uint8)


def golden(name: str) -> Vector | None:
    """The stored vectors of `pictures`, float32 `(4, dimension)`, or None for a model that has none.

    Raises:
        ModelError: the file that should hold them does not.
    """
    path = path_of(name)
    if not path.is_file():
        return None
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (OSError, ValueError) as error:
        raise ModelError(f"the golden vectors {path} cannot be read: {error}", remedy="reinstall simd") from error


def path_of(name: str) -> Path:
    """Where the golden vectors of a model are, if it has any."""
    return _DIRECTORY / f"{Path(name).name}.npy"
