"""Folders of symbolic links to pictures, for programs that take folders as classes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

from simctl.client import Client
from simctl.errors import EXIT_USAGE, SimctlError

_LONGEST = 255
"""Bytes of a name that any filesystem takes."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link to make: below which folders, each by a name of any kind, and where it leads."""

    folders: tuple[str, ...]
    path: str


def demand_outside(client: Client, directory: str) -> None:
    """Refuse a directory that is in a watched folder: links and lists there would become pictures and changes.

    Raises:
        SimctlError: it is.
    """
    inside = os.path.realpath(os.fsencode(directory))
    for root in client.status().roots:
        top = os.path.realpath(os.fsencode(root.path))
        if os.path.commonpath([top, inside]) == top:
            raise SimctlError(
                f"{directory} is in {root.path}, which is watched, and nothing is written there; name another folder",
                exit_code=EXIT_USAGE,
            )


def demand_empty(directory: str) -> None:
    """Refuse a directory that has something in it.

    Raises:
        SimctlError: it has, or it is none.
    """
    try:
        if os.path.lexists(directory) and os.listdir(directory):
            raise SimctlError(f"{directory} is not empty; name a new folder, or empty it", exit_code=EXIT_USAGE)
    except OSError as error:
        raise SimctlError(f"cannot write to {directory}: {error.strerror}") from error


def write(directory: str, links: Iterable[Link]) -> int:
    """Make links in an empty directory, which is made if missing; how many there are.

    Where two files have one name, those that come later get a number in it.

    Raises:
        SimctlError: they cannot be made.
    """
    wanted = list(links)
    taken: dict[str, set[str]] = {}
    made = 0
    try:
        os.makedirs(directory, exist_ok=True)
        # A file that has the name of a folder gives way.
        for link in wanted:
            place = directory
            for name in map(folder_name, link.folders):
                taken.setdefault(place, set()).add(name)
                place = os.path.join(place, name)
            if place not in taken:
                taken[place] = set()
                os.makedirs(place, exist_ok=True)
        for link in wanted:
            place = os.path.join(directory, *map(folder_name, link.folders))
            os.symlink(link.path, os.path.join(place, _free(os.path.basename(link.path), taken[place])))
            made += 1
    except OSError as error:
        raise SimctlError(f"cannot write to {directory}: {error.strerror}; {made:,} links are made") from error
    return made


def folder_name(label: str) -> str:
    """What a folder for a label is called: the label, but for what no name may have in it."""
    name = label.replace("%", "%25").replace("/", "%2F")
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    raw = name.encode()
    if len(raw) > _LONGEST:
        digest = hashlib.blake2b(raw, digest_size=8).hexdigest()
        name = f"{raw[: _LONGEST - 17].decode('utf-8', 'ignore')}-{digest}"
    return name


def _free(name: str, taken: set[str]) -> str:
    stem, ending = os.path.splitext(name)
    free, number = name, 1
    while free in taken:
        number += 1
        room = _LONGEST - len(os.fsencode(f"-{number}{ending}"))
        free = f"{os.fsdecode(os.fsencode(stem)[:room])}-{number}{ending}"
    taken.add(free)
    return free
