"""Folders of which much is in another folder too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simd.insight.groups.found import Found

_FOLDERS = 200
"""What is in more folders than that, such as an icon, tells nothing of any two of them."""


@dataclass(frozen=True, slots=True)
class FolderOverlap:
    """A folder and another one that has some of its pictures: of its `files`, `shared` are there too. What is in
    folders below it is not counted."""

    folder: bytes
    other: bytes
    files: int
    shared: int


def overlaps(
    found: Found, count: Callable[[Sequence[bytes]], list[int]], *, min_share: float, limit: int
) -> list[FolderOverlap]:
    """The greatest shares first, then the most files, then by name.

    Args:
        found: the groups.
        count: how many files are in each of some folders.
        min_share: of a folder in the other one.
        limit: of them at most.
    """
    shared: Counter[tuple[int, int]] = Counter()
    folder_of, companions = found.base.folder, found.base.companions
    for number in range(len(found)):
        by_folder: Counter[int] = Counter()
        for file in found.files_of(number):
            by_folder[int(folder_of[file])] += 1 + len(companions.get(file, ()))
        if 1 < len(by_folder) <= _FOLDERS:
            for folder, files in by_folder.items():
                for other in by_folder:
                    if other != folder:
                        shared[folder, other] += files
    folders = sorted({folder for folder, _ in shared})
    sizes = dict(zip(folders, count([found.base.folders[folder] for folder in folders]), strict=True))
    told = [
        FolderOverlap(found.base.folders[folder], found.base.folders[other], max(sizes[folder], files), files)
        for (folder, other), files in shared.items()
    ]
    told = [one for one in told if one.shared >= min_share * one.files]
    told.sort(key=lambda one: (-one.shared / one.files, -one.shared, one.folder, one.other))
    return told[:limit]
