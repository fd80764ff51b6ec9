"""Pictures to learn from: those of Debian packages, chosen, made small and kept as JPEG files.

A package is downloaded, unpacked, looked through and thrown away before the next one, so that what has to be on disk at
once is one package and the small pictures. Which pictures are chosen depends on the packages' versions and the seed
alone; `list.tsv` records every choice.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from training.packages import PACKAGES

EDGE = 384
"""The longer side of what is kept, in pixels: enough to crop and turn, and to be stretched to 224."""

_SEED = 5
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_ARCHIVES = (".zip", ".pk3", ".pk4", ".wz")
_LEAST_BYTES = 6000
_LEAST_SIDE = 80
_LEAST_SPREAD = 8.0
_SURFACES = re.compile(r"norm|_spec|_gl[oe]|_nm\b|/lm_|_bump|_height|glow|lightmap|/icons?/", re.IGNORECASE)
"""Names of pictures for graphics cards, which are not of anything."""
_WEBP = re.compile(rb"RIFF(....)WEBP", re.DOTALL)
_GROUND = (240, 240, 240)


@dataclass(frozen=True, slots=True)
class Source:
    """A picture in an unpacked package: a file, or a member of one (a name in a zip, a number in a Qt resource)."""

    file: Path
    member: str | int | None = None

    def read(self) -> bytes:
        """The picture's file."""
        match self.member:
            case None:
                return self.file.read_bytes()
            case int(number):
                return _carved(self.file)[number]
            case str(name):
                with zipfile.ZipFile(self.file) as archive:
                    return archive.read(name)


def fetch(cache: Path) -> Path:
    """Make the small pictures of every package that has none yet; the directory that has them.

    Raises:
        CalledProcessError: apt-get does not have a package.
    """
    made = cache / "pictures"
    for package, limit in PACKAGES.items():
        if not (made / package / "list.tsv").exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _collect(_unpacked(package, Path(scratch)), made / package, limit)
    return made


def listed(made: Path) -> list[Path]:
    """All the small pictures, in an order that depends on nothing but their names; each content once."""
    seen: set[str] = set()
    found = []
    for package in sorted(PACKAGES):
        for line in (made / package / "list.tsv").read_text().splitlines():
            name, digest, _ = line.split("\t")
            if digest not in seen:
                seen.add(digest)
                found.append(made / package / name)
    return found


def _unpacked(package: str, scratch: Path) -> Path:
    print("fetching", package, flush=True)
    subprocess.run(["apt-get", "download", "-q", package], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
    [archive] = scratch.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(archive), str(scratch / "content")], check=True)
    archive.unlink()
    return scratch / "content"


def _collect(content: Path, to: Path, limit: int) -> None:
    sources = list(_sources(content))
    random.Random(_SEED).shuffle(sources)
    to.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with ProcessPoolExecutor(2) as workers:
        # Some are too flat or too small.
        chosen = sources[: limit + limit // 4]
        for source, small in zip(chosen, workers.map(_small, chosen, chunksize=8), strict=True):
            if small is not None and len(lines) < limit:
                name = f"{len(lines):05}.jpg"
                (to / name).write_bytes(small)
                where = f"{source.file.relative_to(content)}{'' if source.member is None else f'!{source.member}'}"
                lines.append(f"{name}\t{hashlib.sha256(small).hexdigest()}\t{where}")
    (to / "list.tsv").write_text("".join(f"{line}\n" for line in lines))
    print(f"{to.name}: {len(lines)} of {len(sources)}", flush=True)


def _sources(content: Path) -> Iterator[Source]:
    for file in sorted(content.rglob("*")):
        if file.is_symlink() or not file.is_file() or file.stat().st_size < _LEAST_BYTES:
            continue
        suffix = file.suffix.lower()
        if suffix in _SUFFIXES and not _SURFACES.search(str(file.relative_to(content))):
            yield Source(file)
        elif suffix in _ARCHIVES and zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    name = info.filename
                    if (
                        name.lower().endswith(_SUFFIXES)
                        and info.file_size > _LEAST_BYTES
                        and not _SURFACES.search(name)
                    ):
                        yield Source(file, name)
        elif suffix == ".rcc":
            yield from (Source(file, number) for number in range(len(_carved(file))))


def _carved(file: Path) -> list[bytes]:
    """The WebP pictures inside a file that holds them uncompressed."""
    data = file.read_bytes()
    return [
        data[found.start() : found.start() + int.from_bytes(found.group(1), "little") + 8]
        for found in _WEBP.finditer(data)
    ]


def _small(source: Source) -> bytes | None:
    """A JPEG file of the picture made small; None if it is unreadable, too small, or shows nothing."""
    try:
        with Image.open(io.BytesIO(source.read())) as opened:
            opened.draft("RGB", (EDGE, EDGE))
            picture = flattened(opened)
    except Exception:  # noqa: BLE001 - packages hold broken pictures, which raise anything
        return None
    if min(picture.size) < _LEAST_SIDE:
        return None
    picture.thumbnail((EDGE, EDGE), Image.Resampling.BICUBIC)
    if np.asarray(picture.resize((16, 16))).std() < _LEAST_SPREAD:
        return None
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue()


def flattened(image: Image.Image) -> Image.Image:
    """RGB, with what is transparent laid on the ground that models see."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        ground = Image.new("RGBA", layered.size, (*_GROUND, 255))
        return Image.alpha_composite(ground, layered).convert("RGB")
    return image.convert("RGB")
