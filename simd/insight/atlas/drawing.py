"""Cells -> a picture of them."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from simd.derived.icon import ICON_SIDE
from simd.types import Pixels

CELL_SIDE = 32
"""Pixels."""
Format = Literal["webp", "png"]

_EDGE = CELL_SIDE - 2
"""The longer edge of a picture, or of its frame."""
_FRAME = 2
_LEAST = 4
"""The shorter edge of the longest picture."""
_MISSING = (128, 128, 128, 96)
_OPAQUE = 255
_AT_ONCE = 512
"""Pictures that are brought into shape together, so that they take a few megabytes."""
_QUALITY = 80


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A cell that is drawn.

    Attributes:
        column, row: where it is.
        icon: uint8 `(32, 32, 3)` RGB, the whole picture stretched; None draws a square that stands for it.
        width, height: of the picture, in whatever unit; 0 if they are not known.
        frame: such as "#0072b2"; "" is none.
    """

    column: int
    row: int
    icon: Pixels | None
    width: int = 0
    height: int = 0
    frame: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, without the frame."""
        edge = _EDGE - 2 * _FRAME if self.frame else _EDGE
        longer = max(self.width, self.height)
        if not min(self.width, self.height):
            return edge, edge
        return max(_LEAST, round(edge * self.height / longer)), max(_LEAST, round(edge * self.width / longer))


def draw(cells: Sequence[Drawn], across: int) -> Pixels:
    """Draw cells on nothing.

    Args:
        cells: no two at one place.
        across: how many cells the picture has on each side.

    Returns:
        uint8 `(32 across, 32 across, 4)` RGBA.
    """
    canvas = np.zeros((across * CELL_SIDE, across * CELL_SIDE, 4), np.uint8)
    by_size: dict[tuple[int, int], list[Drawn]] = defaultdict(list)
    for cell in cells:
        if cell.frame:
            _fill(canvas, cell, (*bytes.fromhex(cell.frame[1:]), _OPAQUE), _FRAME)
        if cell.icon is None:
            _fill(canvas, cell, _MISSING)
        else:
            by_size[cell.size].append(cell)
    for size, alike in by_size.items():
        for start in range(0, len(alike), _AT_ONCE):
            _draw_alike(canvas, alike[start : start + _AT_ONCE], size)
    return canvas


def encode(pixels: Pixels, file_format: Format) -> bytes:
    """The file of a picture that was drawn."""
    from PIL import Image

    stream = io.BytesIO()
    picture = Image.fromarray(pixels)
    if file_format == "webp":
        picture.save(stream, "webp", quality=_QUALITY, method=0)
    else:
        picture.save(stream, "png", compress_level=1)
    return stream.getvalue()


def _draw_alike(canvas: Pixels, cells: Sequence[Drawn], size: tuple[int, int]) -> None:
    """Draw pictures of one size: each pixel is the mean of what it covers of the icon."""
    height, width = size
    icons = np.stack([cell.icon for cell in cells if cell.icon is not None]).astype(np.float32)
    low = _means(height) @ icons.reshape(len(cells), ICON_SIDE, -1)
    shaped = (_means(width) @ low.reshape(len(cells), height, ICON_SIDE, 3) + np.float32(0.5)).astype(np.uint8)
    for cell, pixels in zip(cells, shaped, strict=True):
        top, left = _corner(cell)
        canvas[top : top + height, left : left + width, :3] = pixels
        canvas[top : top + height, left : left + width, 3] = _OPAQUE


def _fill(canvas: Pixels, cell: Drawn, colour: tuple[int, ...], beyond: int = 0) -> None:
    """Fill the place of a picture, and so many pixels beyond it."""
    top, left = _corner(cell)
    height, width = cell.size
    canvas[top - beyond : top + height + beyond, left - beyond : left + width + beyond] = colour


def _corner(cell: Drawn) -> tuple[int, int]:
    """The first row and column of a picture: it is in the middle of its cell."""
    height, width = cell.size
    return cell.row * CELL_SIDE + (CELL_SIDE - height) // 2, cell.column * CELL_SIDE + (CELL_SIDE - width) // 2


def _means(count: int) -> npt.NDArray[np.float32]:
    """What makes `count` numbers of those along a side of an icon, float32 `(count, 32)`: each the mean of its part."""
    ends = np.arange(count + 1) * (ICON_SIDE / count)
    pixels = np.arange(ICON_SIDE)
    overlaps = np.minimum(ends[1:, None], pixels + 1) - np.maximum(ends[:-1, None], pixels)
    means: npt.NDArray[np.float32] = (np.maximum(overlaps, 0) * (count / ICON_SIDE)).astype(np.float32)
    return means
