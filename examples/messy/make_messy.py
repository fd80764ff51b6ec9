"""Fill a folder with pictures in the state that collections come to be in, to try the clean-up on.

    python examples/messy/make_messy.py DIR [--pictures N]

Parts of the photographs in samples/photos stand for pictures of one's own: each once in DIR/camera, with a label in
DIR/labels.csv. Most are there again: rescaled, slightly cropped, with a mark or a covered part, re-encoded, mirrored,
under other names in DIR/downloads and DIR/backup. Some of the copies have a label as well, now and then another one;
some have a sidecar. It is the same for the same N.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

PHOTOS = Path(__file__).resolve().parents[2] / "samples" / "photos"
PARTS = 12
"""Pictures that are made of one photograph: three rows of four."""
LARGE = 480
"""The longer edge of a picture as the camera took it."""

Change = Callable[[Image.Image, random.Random], Image.Image]


def rescaled(image: Image.Image, chance: random.Random) -> Image.Image:
    factor = chance.uniform(0.4, 0.8)
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def cropped(image: Image.Image, chance: random.Random) -> Image.Image:
    left, top = (round(side * chance.uniform(0.02, 0.08)) for side in image.size)
    return image.crop((left, top, image.width - top, image.height - left))


def marked(image: Image.Image, chance: random.Random) -> Image.Image:
    copy = image.copy()
    ImageDraw.Draw(copy).text((image.width * 0.6, image.height * 0.9), "(c) somebody", fill=(255, 255, 255))
    return copy


def covered(image: Image.Image, chance: random.Random) -> Image.Image:
    copy = image.copy()
    left, top = (round(side * chance.uniform(0.2, 0.6)) for side in image.size)
    ImageDraw.Draw(copy).rectangle((left, top, left + image.width // 6, top + image.height // 6), fill=(0, 0, 0))
    return copy


def as_it_is(image: Image.Image, chance: random.Random) -> Image.Image:
    return image


def mirrored(image: Image.Image, chance: random.Random) -> Image.Image:
    return ImageOps.mirror(image)


CHANGES: tuple[Change, ...] = (rescaled, cropped, marked, covered, as_it_is, mirrored)


def make(directory: Path, pictures: int) -> None:
    """Fill the directory."""
    chance = random.Random(pictures)
    for name in ("camera", "downloads", "backup"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, str]] = []
    written = 0
    for number, (label, original) in enumerate(_originals(chance)):
        if written >= pictures:
            break
        stem = f"IMG_{1000 + number}"
        rows.append((_saved(original, directory / "camera" / f"{stem}.jpg", 92), label))
        (directory / "camera" / f"{stem}.xmp").write_text(f"<note>{label}</note>\n")
        written += 1
        for again in range(min(chance.randint(2, 6), pictures - written)):
            change = chance.choice(CHANGES)
            folder = chance.choice(("downloads", "backup"))
            path = directory / folder / f"{stem}_{again}_{change.__name__}.jpg"
            _saved(change(original, chance), path, chance.randint(55, 85))
            written += 1
            if chance.random() < 0.2:
                rows.append((str(path.relative_to(directory)), label if chance.random() < 0.8 else "to be checked"))
    with (directory / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("path", "label"), *((str(path), label) for path, label in rows)])
    print(f"{written} pictures in {directory}, {len(rows)} of them labelled in labels.csv")


def _originals(chance: random.Random) -> list[tuple[str, Image.Image]]:
    """Pictures, each with its label."""
    found = []
    for photo in sorted(PHOTOS.glob("*.jpg")):
        with Image.open(photo) as image:
            whole = image.convert("RGB")
        for part in range(PARTS):
            column, row = part % 4, part // 4
            width, height = whole.width // 4, whole.height // 3
            piece = whole.crop((column * width, row * height, (column + 1) * width, (row + 1) * height))
            factor = LARGE / max(piece.size)
            size = (round(piece.width * factor), round(piece.height * factor))
            found.append((photo.stem, piece.resize(size, Image.Resampling.LANCZOS)))
    chance.shuffle(found)
    return found


def _saved(image: Image.Image, path: Path, quality: int) -> str:
    image.save(path, quality=quality)
    return f"{path.parent.name}/{path.name}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--pictures", type=int, default=2000, metavar="N")
    arguments = parser.parse_args()
    make(arguments.directory, arguments.pictures)
