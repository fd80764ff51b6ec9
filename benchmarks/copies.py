"""What is asked, of what, and which answers are right.

The collection is every picture of three Debian packages (`PACKAGES`) whose short side is 96 pixels or more, exact
copies once. Families of pictures that look alike stay in it, but nobody is asked to tell apart what people cannot:

* the 1,400 star polygons that a program drew for openclipart (`star_89pt26step.png`): one in a hundred stays, none is
  asked for;
* terrain, halos and projectiles of wesnoth, pieces and glows on nothing: stay, are not asked for;
* nearly flat pictures are not asked for, flat ones are left out.

Two parts are told apart. *Photographs*: the pictures of tuxpaint-stamps-default that are in no folder of drawings
(`cartoon`, `alphabets`, `roadsigns`, `flags`) and have many colours: at 128 pixels and 6 bits a channel at least
15 for every 100 pixels that are not transparent. *Clip art*: everything else, painted portraits and scenes among it.

400 pictures are asked for by edited copies of them and are in the collection, 200 more were taken out of it; a quarter
of each are photographs. Right is the picture itself, and every natural twin, by a rule that knows no descriptor: at
32 x 32 pixels, as it is or mirrored, RMS of the difference <= 12 of 255 and correlation >= 0.95. An edited copy with
nothing on it is not asked with.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from benchmarks import edits
from benchmarks.edits import EDITS, opened
from benchmarks.pictures import PACKAGES, fetch, files
from benchmarks.renditions import Pictures, kept, of_any_size
from simd.types import Pixels

PRESENT, ABSENT, PHOTOGRAPHS = 400, 200, 0.25
LEAST_SIDE = 96

_SEED = 7
_PHOTOGRAPHIC = "tuxpaint-stamps-default"
_DRAWN = {"cartoon", "alphabets", "roadsigns", "flags"}
_COLOURS = 0.15
_STARS, _STARS_KEPT = "/shapes/stars/star_", 100
_FRAGMENTS = ("/terrain/", "/halo/", "/projectiles/")
_FLAT, _NEARLY_FLAT, _NOTHING = 5.0, 12.0, 6.0
_SAME_RMS, _SAME_CORRELATION = 12.0, 0.95
_SMALL = 32

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class File:
    """A picture file; its identity is a hash of its content."""

    path: Path
    identity: str

    def read(self) -> bytes:
        """Its bytes."""
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class Edited:
    """An edited copy of a file."""

    original: File
    edit: str
    version: str

    @property
    def identity(self) -> str:
        """The original's, what is done to it, and the version of who does it."""
        return f"{self.edit} {self.original.identity} {self.version}"

    def read(self) -> bytes:
        """The copy's bytes; the same ones every time."""
        chance = random.Random(f"{self.edit} {self.original.identity}")
        return EDITS[self.edit].file(opened(self.original.path), chance)


@dataclass(frozen=True)
class Bench:
    """The collection and what is asked of it. Rows count the pictures that were decoded; `kept` are in the collection.

    Attributes:
        pictures: all that were decoded.
        kept: `(m,)`, the rows of the collection.
        asked: `(600,)`, the rows of the originals: first those that are in the collection.
        queries: for each kind of edit the 600 copies.
        right: for each query the rows of the answers that are right; of an absent original those that its twins are.
        photograph: `(600,)`, whether each is one.
        valid: for each kind of edit `(600,)`, whether there is something on the copy.
    """

    pictures: Pictures
    kept: Rows
    asked: Rows
    queries: dict[str, Pictures]
    right: list[Rows]
    photograph: Bools
    valid: dict[str, Bools]


def bench(processes: int) -> Bench:
    """Fetch the packages, choose and edit."""
    found = _files()
    pictures = Pictures("collection", found, processes)
    small = kept(f"small-{pictures.key}", lambda: {"small": _small(pictures.stretched(224))})["small"].astype(
        np.float32
    )
    spread = small.std(1)
    # By pixels: the same picture may have been saved twice.
    _, first = np.unique(small, axis=0, return_index=True)
    once = np.zeros(len(found), np.bool_)
    once[first] = True
    member = once & (spread >= _FLAT)
    names = [str(file.path) for file in found]
    fragments = np.array([_STARS in name or any(part in name for part in _FRAGMENTS) for name in names])
    photograph = np.array([is_photograph(file.path) for file in found])
    asked = chosen(member & ~fragments & (spread >= _NEARLY_FLAT), photograph)
    member[asked[PRESENT:]] = False
    rows = np.flatnonzero(member)
    version = hashlib.blake2b(Path(edits.__file__).read_bytes() + PIL.__version__.encode()).hexdigest()[:16]
    queries = {
        edit: Pictures(f"query-{edit}", [Edited(found[row], edit, version) for row in asked], processes)
        for edit in EDITS
    }
    right = [twins[member[twins]] for twins in twins_of(small, asked)]
    valid = {edit: _shows_something(each) for edit, each in queries.items()}
    return Bench(pictures, rows, asked, queries, right, photograph[asked], valid)


def chosen(askable: Bools, photograph: Bools) -> Rows:
    """The rows of the pictures to be asked for: those that stay, then those that are taken out."""
    chance = random.Random(_SEED)
    parts = []
    for part in (photograph, ~photograph):
        rows = np.flatnonzero(askable & part).tolist()
        chance.shuffle(rows)
        parts.append(rows)
    present, absent = round(PRESENT * PHOTOGRAPHS), round(ABSENT * PHOTOGRAPHS)
    photographs, others = parts
    staying = [*photographs[:present], *others[: PRESENT - present]]
    gone = [*photographs[present : present + absent], *others[PRESENT - present :][: ABSENT - absent]]
    return np.array([*staying, *gone], np.int64)


def twins_of(small: Floats, asked: Rows, *, turned: bool = False) -> list[Rows]:
    """The natural twins of the pictures in these rows, themselves among them.

    Args:
        small: `(n, 3072)`: 32 x 32 RGB, 0 to 255.
        asked: rows of it.
        turned: whether a picture that is turned by quarters is a twin as well.
    """
    size = small.shape[1]
    mirrored = small.reshape(-1, _SMALL, _SMALL, 3)[:, :, ::-1].reshape(-1, size)
    same = np.zeros((len(asked), len(small)), np.bool_)
    squared = small[asked].reshape(-1, _SMALL, _SMALL, 3)
    ways = [np.rot90(squared, quarters, (1, 2)).reshape(-1, size) for quarters in range(4 if turned else 1)]
    for wanted, others in itertools.product(ways, (small, mirrored)):
        squares = (wanted**2).sum(1)[:, None] + (others**2).sum(1)[None] - 2 * wanted @ others.T
        alike = _centred(wanted) @ _centred(others).T
        same |= (squares / size <= _SAME_RMS**2) & (alike >= _SAME_CORRELATION)
    same[np.arange(len(asked)), asked] = True
    return [np.flatnonzero(row) for row in same]


def _files() -> list[File]:
    """Candidates in a fixed order, those with the same bytes once."""
    found: dict[str, File] = {}
    stars = 0
    for package in PACKAGES:
        for path in files(package):
            if _STARS in str(path):
                stars += 1
                if stars % _STARS_KEPT != 1:
                    continue
            if _large_enough(path):
                digest = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
                found.setdefault(digest, File(path, digest))
    return list(found.values())


def _large_enough(path: Path) -> bool:
    with of_any_size():
        try:
            with Image.open(path) as image:
                return min(image.size) >= LEAST_SIDE
        except (OSError, ValueError):
            return False


def is_photograph(path: Path) -> bool:
    """Whether it counts as one: see above."""
    if _PHOTOGRAPHIC not in path.parts or _DRAWN & set(path.relative_to(fetch(_PHOTOGRAPHIC)).parts):
        return False
    with Image.open(path) as image:
        layered = image.convert("RGBA")
    layered.thumbnail((128, 128), Image.Resampling.BOX)
    pixels = np.asarray(layered).reshape(-1, 4)
    opaque = pixels[pixels[:, 3] > 250][:, :3] >> 2
    return len(opaque) > 0 and len(np.unique(opaque, axis=0)) >= _COLOURS * len(opaque)


def _small(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """uint8 `(n, 3072)`: 32 x 32 RGB."""
    return np.stack([small_of(each) for each in pixels])


def small_of(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """uint8 `(3072,)`: 32 x 32 RGB, of a picture `(height, width, 3)`."""
    return np.asarray(Image.fromarray(pixels).resize((_SMALL, _SMALL), Image.Resampling.BOX)).ravel()


def _centred(rows: Floats) -> Floats:
    centred = rows - rows.mean(1, keepdims=True)
    lengths: Floats = np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    return np.asarray(centred / lengths)


def _shows_something(queries: Pictures) -> Bools:
    def spreads() -> dict[str, npt.NDArray[np.generic]]:
        pixels = queries.stretched(224)
        return {"spread": np.array([each[::4, ::4].mean(-1).std() for each in pixels])}

    spread = kept(f"spread-{queries.name}-{queries.key}", spreads)["spread"].astype(np.float64)
    return np.asarray(spread >= _NOTHING)
