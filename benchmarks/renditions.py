"""Pictures as the daemon decodes them, made by worker processes and kept in `.cache/quality`.

What is kept is named by the content that it is made of. It is a gigabyte for 2,500 pictures; the directory may be
deleted at any time.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from simd.errors import ImageRejected
from simd.featurize.decode.decode import DECODER_VERSION, DecodeLimits, render
from simd.featurize.decode.renditions import Stretched
from simd.types import Pixels

CACHE = Path(__file__).parent.parent / ".cache" / "quality"
SIDES = (224, 288)
"""What the rows of the table take; made in one decoding."""

_LIMITS = DecodeLimits(max_bytes=1 << 29, max_pixels=250_000_000)


class Source(Protocol):
    """A picture's file, or how it is made; is sent to other processes."""

    @property
    def identity(self) -> str:
        """Names the bytes."""

    def read(self) -> bytes:
        """The bytes."""


@dataclass(frozen=True)
class Pictures:
    """Pictures in a fixed order.

    Attributes:
        name: of the set, for people.
        sources: one for each picture.
        processes: that decode.
        cache: where pixels are kept.
    """

    name: str
    sources: Sequence[Source]
    processes: int
    cache: Path = CACHE

    @property
    def key(self) -> str:
        """Names the files' content and the decoder, in hex."""
        whole = "\n".join([DECODER_VERSION, *(source.identity for source in self.sources)])
        return hashlib.blake2b(whole.encode(), digest_size=12).hexdigest()

    def stretched(self, side: int) -> Pixels:
        """uint8 `(n, side, side, 3)`, the models' input; black where a picture cannot be decoded."""
        return np.asarray(np.load(self.file(side), mmap_mode="r"))

    def file(self, side: int) -> Path:
        """The NumPy file of what `stretched` returns."""
        file = self._file(side)
        if not file.exists():
            self._make([each for each in sorted({side, *SIDES}) if not self._file(each).exists()])
        return file

    def _file(self, side: int) -> Path:
        return self.cache / f"{self.name}-{self.key}-{side}.npy"

    def _make(self, sides: Sequence[int]) -> None:
        count = len(self.sources)
        print(f"decoding {count} pictures: {self.name}", file=sys.stderr)
        self.cache.mkdir(parents=True, exist_ok=True)
        files = [self._file(side).with_suffix(f".{self.processes}.part") for side in sides]
        arrays = [
            np.lib.format.open_memmap(file, "w+", np.uint8, (count, side, side, 3))
            for file, side in zip(files, sides, strict=True)
        ]
        with workers(self.processes) as pool:
            made = pool.map(partial(decoded, sides=sides), self.sources, chunksize=16)
            for row, pixels in enumerate(made):
                for array, each in zip(arrays, pixels or (), strict=pixels is not None):
                    array[row] = each
        for file, side in zip(files, sides, strict=True):
            file.rename(self._file(side))


@contextmanager
def workers(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that start from nothing: a copy of one that runs a model hangs."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield pool


@contextmanager
def of_any_size() -> Iterator[None]:
    """Pillow refuses the largest of the pictures, and warns of others."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def fitted(source: Source, edge: int) -> Pixels:
    """uint8 `(height, width, 3)` of a picture, its shape kept, the longer side `edge` or less; decoded every time.

    Raises:
        ImageRejected: it cannot be decoded.
    """
    data = source.read()
    with of_any_size(), Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    scale = min(1.0, edge / max(width, height))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    [made] = render(data, [Stretched(size)], _LIMITS).made
    assert not isinstance(made, bytes)
    return made


def kept(name: str, make: Callable[[], dict[str, npt.NDArray[np.generic]]]) -> dict[str, npt.NDArray[np.generic]]:
    """Arrays that are made once; the name tells what they are made of."""
    file = CACHE / f"{name}.npz"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        with part.open("wb") as stream:
            np.savez(stream, **make())  # type: ignore[arg-type]
        part.rename(file)
    with np.load(file) as found:
        return dict(found)


def decoded(source: Source, sides: Sequence[int]) -> tuple[Pixels | bytes, ...] | None:
    """The models' input, uint8 `(side, side, 3)` of each side; None where the picture cannot be decoded."""
    try:
        return render(source.read(), [Stretched((side, side)) for side in sides], _LIMITS).made
    except ImageRejected:
        return None
