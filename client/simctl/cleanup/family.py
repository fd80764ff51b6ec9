"""Which files of a folder belong to a picture: its sidecars, and the film of a Live Photo."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

SIDECARS = frozenset({".xmp", ".json", ".txt", ".xml", ".aae"})
_FILMS = frozenset({".mov"})
_FILMED = frozenset({".heic", ".heif", ".jpg", ".jpeg"})
_FOLDERS = 64
"""How many folders are kept in memory: the members of a group lie in few."""


@dataclass(frozen=True, slots=True)
class Family:
    """What lies beside a picture and begins with its stem; paths, each list sorted.

    Args:
        own: sidecars that are named after the whole name, such as `a.jpg.xmp`, so they are of this picture alone.
        shared: sidecars and films that are named after the stem, such as `a.xmp`, so they are of every picture of it.
        others: the other files of that stem, such as `a.png`.
    """

    own: tuple[str, ...]
    shared: tuple[str, ...]
    others: tuple[str, ...]


class Folders:
    """The folders of the disk, as they were when they were first looked at."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Mapping[str, list[str]]] = OrderedDict()

    def family(self, path: str) -> Family:
        """The family of the picture at `path`; empty where its folder cannot be read."""
        folder, name = os.path.split(path)
        stem, ending = os.path.splitext(name)
        own: list[str] = []
        shared: list[str] = []
        others: list[str] = []
        for found in self._names(folder).get(stem, ()):
            tail = os.path.splitext(found)[1].lower()
            if found == name:
                continue
            if found.startswith(f"{name}."):
                if tail in SIDECARS:
                    own.append(os.path.join(folder, found))
            elif os.path.splitext(found)[0] == stem:
                is_film = tail in _FILMS and ending.lower() in _FILMED
                (shared if tail in SIDECARS or is_film else others).append(os.path.join(folder, found))
        return Family(tuple(own), tuple(shared), tuple(others))

    def _names(self, folder: str) -> Mapping[str, list[str]]:
        """The regular files of a folder by all that stands before a dot of their names."""
        if folder in self._kept:
            self._kept.move_to_end(folder)
            return self._kept[folder]
        names: dict[str, list[str]] = {}
        for name in _files(folder):
            for at, letter in enumerate(name):
                if letter == "." and at:
                    names.setdefault(name[:at], []).append(name)
        self._kept[folder] = names
        if len(self._kept) > _FOLDERS:
            self._kept.popitem(last=False)
        return names


def is_sidecar(path: str) -> bool:
    """Whether it is something about a picture, by its name."""
    return os.path.splitext(path)[1].lower() in SIDECARS


def renamed(sidecar: str, picture: str, keeper: str, *, by_name: bool) -> str:
    """What a picture's sidecar is called beside the keeper.

    Args:
        sidecar: its path.
        picture: the path of its picture.
        keeper: the path of the keeper.
        by_name: name it after the keeper's whole name, because others share the keeper's stem.
    """
    name, own = os.path.basename(sidecar), os.path.basename(picture)
    if name.startswith(f"{own}."):
        return keeper + name[len(own) :]
    tail = name[len(os.path.splitext(own)[0]) :]
    return (keeper if by_name else os.path.splitext(keeper)[0]) + tail


def _files(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as found:
            return sorted(one.name for one in found if one.is_file(follow_symlinks=False))
    except OSError:
        return []
