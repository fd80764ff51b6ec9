"""Real pictures to measure with: Debian's picture packages, fetched once into `.cache/pictures`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".cache" / "pictures"
PACKAGES = {
    "openclipart-png": "usr/share/openclipart/png",
    "tuxpaint-stamps-default": "usr/share/tuxpaint/stamps",
    "wesnoth-1.16-data": "usr/share/games/wesnoth/1.16",
}
WALLPAPERS = {
    "gnome-backgrounds": "usr/share/backgrounds",
    "mate-backgrounds": "usr/share/backgrounds",
    "plasma-workspace-wallpapers": "usr/share/wallpapers",
    "ukui-wallpapers": "usr/share/backgrounds",
}
"""Photographs and paintings that fill their frame, a few of each, in several sizes. Nothing was trained on them."""
RESOURCES = {"gcompris-qt-data": "usr/share/gcompris-qt/rcc"}
"""Pictures inside other files (`qtresources.py`)."""
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def fetch(package: str) -> Path:
    """The directory of a package's pictures, downloaded and unpacked if it is not there yet."""
    unpacked = CACHE / package
    if not unpacked.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            print(f"fetching {package} with apt-get", file=sys.stderr)
            subprocess.run(["apt-get", "update", "-qq"], check=False)
            subprocess.run(["apt-get", "download", package], cwd=scratch, check=True)
            [archive] = Path(scratch).glob("*.deb")
            subprocess.run(["dpkg", "-x", str(archive), f"{scratch}/content"], check=True)
            Path(scratch, "content").rename(unpacked)
    return unpacked / {**PACKAGES, **WALLPAPERS, **RESOURCES}[package]


def files(package: str, limit: int | None = None) -> list[Path]:
    """The picture files of a package, no links, the same ones in the same order every time."""
    found = sorted(p for p in fetch(package).rglob("*") if p.suffix in _SUFFIXES and p.is_file() and not p.is_symlink())
    return found[:limit]
