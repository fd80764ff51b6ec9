"""Folders of pictures for the page to show: photographs, doctored copies, and files that are no pictures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image, ImageOps

from tests.e2e.daemon import PHOTOS

Change = Callable[[Image.Image], Image.Image]

HOSTILE = "<img src=x onerror=alert(1)>.jpg"
"""A name that would be a program if it were ever markup."""


def _smaller(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def _cropped(image: Image.Image) -> Image.Image:
    left, top = image.width // 16, image.height // 16
    return image.crop((left, top, image.width - left, image.height - top))


COPIES: Mapping[str, Mapping[str, Change]] = {
    "chelsea.jpg": {"chelsea small.jpg": _smaller, "chelsea cropped.jpg": _cropped, "chelsea.png": Image.Image.copy},
    "coffee.jpg": {"Kaffee & Küchlein.jpg": _smaller, "coffee cropped.webp": _cropped},
    "macaw.jpg": {HOSTILE: _smaller, "猫ではない.jpg": _cropped},
    "owl.jpg": {"owl grey.jpg": ImageOps.grayscale, "owl mirrored.jpg": ImageOps.mirror},
    "china.jpg": {"china small.jpg": _smaller},
    "flower.jpg": {"flower cropped.jpg": _cropped},
}  # fmt: skip
"""By the name of the photograph: its copies in the folder `copies`, by theirs."""

EXACT = ("bison.jpg", "duck.jpg", "kitten.jpg")
"""Photographs that are byte for byte in the folder `backup` as well."""

BROKEN: Mapping[str, bytes] = {
    "empty.jpg": b"",
    "notes.jpg": b"this is a text, whatever its name says\n",
    "half.jpg": (PHOTOS / "owl.jpg").read_bytes()[:3000],
    "document.jpg": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n",
}
"""What the folder `broken` has."""


def write(root: Path) -> None:
    """Fill a folder with `photos` (33), `copies`, `backup` and `broken`."""
    shutil.copytree(PHOTOS, root / "photos")
    for folder in ("copies", "backup", "broken"):
        (root / folder).mkdir()
    for original, copies in COPIES.items():
        with Image.open(PHOTOS / original) as image:
            for name, change in copies.items():
                change(image).save(root / "copies" / name)
    for name in EXACT:
        shutil.copy2(PHOTOS / name, root / "backup" / name)
    for name, data in BROKEN.items():
        (root / "broken" / name).write_bytes(data)


def scatter(folder: Path, number: int, *, edge: int = 160) -> None:
    """Put that many small pictures into a folder, no two of them alike to the byte: parts of the photographs.

    Args:
        folder: made if it is not there.
        number: of pictures.
        edge: of each in pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photos = sorted(PHOTOS.iterdir())
    each = -(-number // len(photos))
    for place, photo in enumerate(photos):
        with Image.open(photo) as opened:
            image = ImageOps.fit(opened.convert("RGB"), (2 * edge, 2 * edge))
        for part in range(min(each, number - place * each)):
            left, top = (part * 7) % edge, (part * 11) % edge
            image.crop((left, top, left + edge, top + edge)).save(folder / f"{photo.stem}-{part:03}.jpg", quality=80)
