"""Pictures with a class each: that of the folder that they lie in.

* `stamps`: photographs and drawings of tuxpaint-stamps-default, by subject (animals, food, vehicles and so on);
* `units`: the figures of wesnoth-1.16-data, by race; many are frames of one movement and look alike;
* `clip art`: openclipart-png, by subject;
* `games`: gcompris-qt-data, by the game that they belong to. The default model learned from some, without classes.

At most 250 pictures of a class, the same ones every time, none with a side of less than 48 pixels. Of a fifth of all
pictures three edited copies each are made.
"""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from benchmarks import edits
from benchmarks.copies import File
from benchmarks.edits import EDITS, opened
from benchmarks.embedded import embedded
from benchmarks.pictures import fetch, files
from benchmarks.qtresources import resources
from benchmarks.renditions import Source, of_any_size
from benchmarks.samepictures import same_pictures
from simd.types import Vector

MOST = 250
"""Pictures of a class."""
LEAST_SIDE = 48
COPIED, COPIES = 0.2, 3
"""The share of the pictures that have edited copies, and how many each."""

_EDITS = ("rescale", "jpeg", "crop", "watermark", "colour", "combo")
_SEED = 23

Rows = npt.NDArray[np.int64]
Found = list[tuple[str, Source]]


@dataclass(frozen=True, eq=False)
class Labelled:
    """A set of pictures.

    Attributes:
        name: in the table.
        vectors: float32 `(n, d)`, L2-normalised.
        classes: `(n,)`, from 0.
        original: `(n,)`, the row of the picture that it is an edited copy of; its own row if it is none.
        same: `(p, 2)`, rows of images that simd judges to be one picture.
        least: pictures that each of the classes of a balanced pool has, and a third of that is tested.
    """

    name: str
    vectors: Vector
    classes: Rows
    original: Rows
    same: Rows
    least: int


def stamps() -> Found:
    """The stamps of tuxpaint."""
    root = fetch("tuxpaint-stamps-default")
    return [(path.relative_to(root).parts[0], _file(path)) for path in files("tuxpaint-stamps-default")]


def units() -> Found:
    """The figures of wesnoth."""
    root = fetch("wesnoth-1.16-data") / "data/core/images/units"
    found = [path for path in files("wesnoth-1.16-data") if path.is_relative_to(root)]
    return [(path.relative_to(root).parts[0], _file(path)) for path in found if path.parent != root]


def clip_art() -> Found:
    """The pictures of openclipart that are sorted."""
    root = fetch("openclipart-png")
    found = [(path.relative_to(root).parts[0], path) for path in files("openclipart-png")]
    return [(subject, _file(path)) for subject, path in found if subject not in ("unsorted", "special")]


def games() -> Found:
    """The pictures of gcompris."""
    found = [each for file in sorted(fetch("gcompris-qt-data").glob("*.rcc")) for each in resources(file)]
    return [(each.name.rsplit("/", 1)[0], each) for each in found if each.name.endswith(".webp")]


SETS: dict[str, tuple[Callable[[], Found], int]] = {
    "stamps": (stamps, 36),
    "units": (units, 45),
    "clip art": (clip_art, 45),
    "games": (games, 27),
}


def labelled(name: str, processes: int) -> Labelled:
    """A set by its name; fetched and embedded at the first time."""
    find, least = SETS[name]
    found = _some(find())
    sources = [source for _, source in found]
    version = hashlib.blake2b(Path(edits.__file__).read_bytes() + PIL.__version__.encode()).hexdigest()[:16]
    chance = random.Random(_SEED)
    copied = sorted(chance.sample(range(len(found)), round(COPIED * len(found))))
    copies = [(row, _Copy(sources[row], edit, version)) for row in copied for edit in chance.sample(_EDITS, COPIES)]
    images = [*sources, *(copy for _, copy in copies)]
    vectors = embedded(name.replace(" ", "-"), images, processes)
    same = same_pictures(name.replace(" ", "-"), images, vectors, processes)
    names = sorted({subject for subject, _ in found})
    original = np.array([*range(len(found)), *(row for row, _ in copies)], np.int64)
    classes = np.array([names.index(subject) for subject, _ in found], np.int64)[original]
    there = vectors.any(1) & vectors[original].any(1)
    place = np.cumsum(there) - 1
    return Labelled(name, vectors[there], classes[there], place[original[there]], place[same], least)


@dataclass(frozen=True, slots=True)
class _Copy:
    """An edited copy of a picture."""

    original: Source
    edit: str
    version: str

    @property
    def identity(self) -> str:
        return f"{self.edit} {self.original.identity} {self.version}"

    def read(self) -> bytes:
        chance = random.Random(f"{self.edit} {self.original.identity}")
        return EDITS[self.edit].file(opened(io.BytesIO(self.original.read())), chance)


def _some(found: Found) -> Found:
    """Each content once, at most so many of a class."""
    chance = random.Random(_SEED)
    once = list({source.identity: (subject, source) for subject, source in found}.values())
    chance.shuffle(once)
    seen: dict[str, int] = {}
    kept = []
    for subject, source in once:
        if seen.get(subject, 0) < MOST and _large_enough(source):
            seen[subject] = seen.get(subject, 0) + 1
            kept.append((subject, source))
    return kept


def _large_enough(source: Source) -> bool:
    try:
        with of_any_size(), Image.open(io.BytesIO(source.read())) as image:
            return min(image.size) >= LEAST_SIDE
    except (OSError, ValueError):
        return False


def _file(path: Path) -> File:
    return File(path, hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest())
