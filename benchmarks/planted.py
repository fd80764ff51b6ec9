"""A folder of real pictures with copies planted among them, and which of its files are the same picture.

    ROOT/originals/NNNNN.EXT        pictures of the packages of `pictures.py`, look-alikes and animation frames among
                                    them
    ROOT/copies/KIND/NNNNN.EXT      of some of these five copies, of another five kinds each: those of `edits.py`, the
                                    same bytes, the same pixels in another container, and a quarter turn

Three parts are told apart. *Photographs* fill their frame: the quarters of wallpapers and the samples of this project;
quarters of one wallpaper look alike and are not the same. *Stamps* are photographed things on nothing, *drawings*
everything else.

Files are the same picture if they come of the same original, or of natural twins, mirrored or turned by quarters or
not, by the rule of `copies.py`, which knows no descriptor. Twins of twins count as twins: that is lenient, and alike
for every program.
"""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.copies import is_photograph, small_of, twins_of
from benchmarks.edits import EDITS, opened
from benchmarks.photographs import SAMPLES
from benchmarks.pictures import PACKAGES, WALLPAPERS, files
from benchmarks.renditions import of_any_size, workers

PHOTOGRAPHS, STAMPS, DRAWINGS = "photographs", "stamps", "drawings"
SHARES = {PHOTOGRAPHS: 0.25, STAMPS: 0.1, DRAWINGS: 0.65}
"""Of what copies are planted of."""
COPIES = 5
"""Of each picture that has any."""
LEAST_SIDE = 48
_SEED = 11
_PHOTOGRAPH_EDGE = 1280
_LEAST_WALLPAPER = 1000
_STARS, _STARS_KEPT = "/shapes/stars/star_", 100
_ASKABLE_SPREAD = 12.0
_ASKABLE_SIDE = 96
_TWINS_AT_ONCE = 1000

Kind = Callable[[Path, random.Random], tuple[str, bytes]]
"""A file and the source of chance -> suffix and bytes of its copy."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A planted file: of which original, and what was done to it."""

    path: Path
    original: Path
    kind: str
    part: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A folder, its copies, and for each file the number of its picture: files of one number are one picture."""

    root: Path
    copies: tuple[Copy, ...]
    picture: dict[Path, int]


def exact(path: Path, chance: random.Random) -> tuple[str, bytes]:
    """The same bytes."""
    return path.suffix, path.read_bytes()


def pixels(path: Path, chance: random.Random) -> tuple[str, bytes]:
    """The same pixels in a lossless file of another kind."""
    with of_any_size(), Image.open(path) as image:
        layered, out = image.convert("RGBA" if image.has_transparency_data else "RGB"), io.BytesIO()
    layered.save(out, "WEBP", lossless=True, exact=True, method=0)
    return ".webp", out.getvalue()


def turned(path: Path, chance: random.Random) -> tuple[str, bytes]:
    """Turned by a quarter, and saved as a JPEG."""
    out = io.BytesIO()
    how = chance.choice([Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270])
    opened(path).transpose(how).save(out, "JPEG", quality=88)
    return ".jpg", out.getvalue()


def _edited(name: str) -> Kind:
    edit = EDITS[name]
    return lambda path, chance: (".png" if edit.quality is None else ".jpg", edit.file(opened(path), chance))


def kinds() -> dict[str, Kind]:
    """What copies are planted of, by name."""
    return {"exact": exact, "pixels": pixels, "turn": turned, **{name: _edited(name) for name in EDITS}}


def plant(root: Path, originals: int, copied: int, processes: int) -> Planted:
    """Fill an empty folder.

    Args:
        root: the folder.
        originals: so many at most, chosen at random.
        copied: of so many of them copies are planted.
        processes: that edit.
    """
    chance = random.Random(_SEED)
    (root / "originals").mkdir(parents=True)
    placed, parts = _originals(root / "originals", chance, originals, processes)
    with workers(processes) as pool:
        looks = list(pool.map(_look, placed, chunksize=64))
    small = np.stack([look[0] for look in looks]).astype(np.float32)
    askable = np.array([look[1] for look in looks]) & (small.std(1) >= _ASKABLE_SPREAD)
    chosen = _chosen(chance, askable, parts, copied)
    names = list(kinds())
    turns = ((number * COPIES + each) % len(names) for number in range(len(chosen)) for each in range(COPIES))
    jobs = [(placed[row], names[next(turns)]) for row in chosen for _ in range(COPIES)]
    for name in names:
        (root / "copies" / name).mkdir(parents=True)
    with workers(processes) as pool:
        made = list(pool.map(_make, [(*job, root / "copies" / job[1]) for job in jobs], chunksize=8))
    part = dict(zip(placed, parts, strict=True))
    copies = tuple(
        Copy(path, original, name, part[original]) for path, (original, name) in zip(made, jobs, strict=True)
    )
    number = _pictures(small)
    picture = {path: int(number[row]) for row, path in enumerate(placed)}
    picture |= {copy.path: picture[copy.original] for copy in copies}
    return Planted(root, copies, picture)


def _originals(folder: Path, chance: random.Random, count: int, processes: int) -> tuple[list[Path], list[str]]:
    """Put the originals in their folder: their paths, and for each its part."""
    photographs: list[tuple[Path, int | None]] = [(path, quarter) for path in _wallpapers() for quarter in range(4)]
    photographs += [(path, None) for path in sorted(SAMPLES.iterdir())]
    others = _sources()
    with workers(processes) as pool:
        is_stamp = dict(zip(others, pool.map(is_photograph, others, chunksize=64), strict=True))
    chance.shuffle(others)
    others.sort(key=lambda path: not is_stamp[path])
    sources: list[tuple[Path, int | None, str]] = [(*photograph, PHOTOGRAPHS) for photograph in photographs]
    sources += [(path, None, STAMPS if is_stamp[path] else DRAWINGS) for path in others[: count - len(sources)]]
    chance.shuffle(sources)
    placed = []
    for number, (source, quarter, _) in enumerate(sources):
        place = folder / f"{number:05}{source.suffix if quarter is None else '.jpg'}"
        if quarter is None:
            shutil.copyfile(source, place)
        else:
            _quarter(source, quarter).save(place, "JPEG", quality=90)
        placed.append(place)
    return placed, [part for _, _, part in sources]


def _wallpapers() -> list[Path]:
    """One file of each, as they come in several sizes and forms."""
    found: dict[str, Path] = {}
    for package in WALLPAPERS:
        for path in files(package):
            if _least_side(path) >= _LEAST_WALLPAPER:
                name = path.parts[path.parts.index("wallpapers") + 1] if "wallpapers" in path.parts else path.stem
                found.setdefault(name.split("_")[0].lower(), path)
    return sorted(found.values())


def _quarter(path: Path, number: int) -> Image.Image:
    with of_any_size(), Image.open(path) as image:
        whole = image.convert("RGB")
    width, height = whole.width // 2, whole.height // 2
    left, top = width * (number % 2), height * (number // 2)
    part = whole.crop((left, top, left + width, top + height))
    part.thumbnail((_PHOTOGRAPH_EDGE, _PHOTOGRAPH_EDGE), Image.Resampling.LANCZOS)
    return part


def _sources() -> list[Path]:
    """Files of the other packages, in order."""
    found = []
    stars = 0
    for package in PACKAGES:
        for path in files(package):
            stars += _STARS in str(path)
            if _STARS in str(path) and stars % _STARS_KEPT != 1:
                continue
            if _least_side(path) >= LEAST_SIDE:
                found.append(path)
    return found


def _chosen(chance: random.Random, askable: npt.NDArray[np.bool_], parts: list[str], count: int) -> list[int]:
    rows: list[int] = []
    for part, share in SHARES.items():
        candidates = np.flatnonzero(askable & (np.array(parts) == part)).tolist()
        chance.shuffle(candidates)
        rows += candidates[: round(count * share)]
    return sorted(rows)


def _pictures(small: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """For each original the number of its picture: that of the first of its twins, and theirs."""
    number = np.arange(len(small))

    def root(row: int) -> int:
        while number[row] != row:
            number[row] = number[number[row]]
            row = int(number[row])
        return row

    for start in range(0, len(small), _TWINS_AT_ONCE):
        asked = np.arange(start, min(start + _TWINS_AT_ONCE, len(small)))
        for row, twins in zip(asked.tolist(), twins_of(small, asked, turned=True), strict=True):
            for twin in twins.tolist():
                one, other = sorted((root(row), root(twin)))
                number[other] = one
    return np.array([root(row) for row in range(len(small))])


def _look(path: Path) -> tuple[npt.NDArray[np.uint8], bool]:
    """How an original looks, and whether it is large enough to be copied."""
    picture = opened(path)
    return small_of(np.asarray(picture)), min(picture.size) >= _ASKABLE_SIDE


def _make(job: tuple[Path, str, Path]) -> Path:
    original, name, folder = job
    suffix, data = kinds()[name](original, random.Random(f"{name} {original.name}"))
    path = folder / f"{original.stem}{suffix}"
    path.write_bytes(data)
    return path


def _least_side(path: Path) -> int:
    with of_any_size():
        try:
            with Image.open(path) as image:
                return min(image.size)
        except (OSError, ValueError):
            return 0
