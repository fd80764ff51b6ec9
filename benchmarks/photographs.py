"""Pictures as people have them, many and all different: the sample photographs cropped, scaled and encoded anew.

Made once per size into `.cache/pictures`. A little grain is added, because a photograph that was made larger is
smoother than one that a camera took, and so cheaper to decode.
"""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pictures import CACHE

SAMPLES = Path(__file__).parent.parent / "samples" / "photos"
_GRAIN = 5.0


class Maker:
    """Makes distinct pictures of one size, each from its number alone.

    Args:
        size: width and height.
        grain: standard deviation of the noise, in grey levels.
        quality: of the JPEG.
    """

    def __init__(self, size: tuple[int, int], *, grain: float = _GRAIN, quality: int = 88) -> None:
        self._size = size
        self._quality = quality
        self._sources = [_opened(path) for path in sorted(SAMPLES.iterdir())]
        width, height = size
        self._grain = np.random.default_rng(0).normal(0.0, grain, (height, width, 1)).astype(np.float32)

    def jpeg(self, number: int) -> bytes:
        """The picture of this number."""
        chance = random.Random(number)
        source = self._sources[number % len(self._sources)]
        share = chance.uniform(0.5, 1.0)
        width, height = source.width * share, source.height * share
        left, top = chance.uniform(0, source.width - width), chance.uniform(0, source.height - height)
        box = (left, top, left + width, top + height)
        small = source.resize(self._size, Image.Resampling.BICUBIC, box=box)
        tint = np.array([chance.uniform(0.7, 1.3) for _ in range(3)], np.float32)
        shifted = np.roll(self._grain, chance.randrange(1 << 16))
        pixels = np.clip(np.asarray(small, np.float32) * tint + shifted, 0, 255).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=self._quality)
        return out.getvalue()


def photographs(count: int, size: tuple[int, int] = (1400, 800)) -> list[Path]:
    """`count` JPEG files of `size`; made if they are not there yet."""
    directory = CACHE / f"photographs-{size[0]}x{size[1]}"
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{number:06d}.jpg" for number in range(count)]
    missing = [(number, path) for number, path in enumerate(paths) if not path.exists()]
    if missing:
        print(f"making {len(missing)} photographs in {directory}", file=sys.stderr)
        maker = Maker(size)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda item: _write(item[1], maker.jpeg, item[0]), missing))
    return paths


def _write(path: Path, make: Callable[[int], bytes], number: int) -> None:
    """Write a picture whole, or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(make(number))
    part.rename(path)


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")
