"""Which files of a picture are looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from simd.catalogue.queries import relative

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scope:
    """Files, by their absolute paths; without any of it all.

    Attributes:
        within: only what is at or below one of these.
        between: only pictures with files below more than one of `within`.
        against: only pictures with a file below one of these and one elsewhere.
        across_folders: without the files in the folder of the keeper.
    """

    within: tuple[bytes, ...] = ()
    between: bool = False
    against: tuple[bytes, ...] = ()
    across_folders: bool = False

    def files(self, files: Sequence[T], path_of: Callable[[T], bytes]) -> list[T]:
        """Those files of a picture that are looked at; none where the picture is not.

        Args:
            files: the keeper first.
            path_of: where each is.
        """
        found = [file for file in files if not self.within or below(path_of(file), self.within)]
        if self.between and len({_first(path_of(file), self.within) for file in found}) < 2:
            return []
        if self.against and len({below(path_of(file), self.against) for file in found}) < 2:
            return []
        if self.across_folders and found:
            folder = os.path.dirname(path_of(found[0]))
            found[1:] = [file for file in found[1:] if os.path.dirname(path_of(file)) != folder]
        return found


def below(path: bytes, tops: Collection[bytes]) -> bool:
    """Whether a path is at or below one of others."""
    return any(relative(top, path) is not None for top in tops)


def outermost(paths: Collection[bytes]) -> list[bytes]:
    """Paths without those that lie in another of them, in order."""
    found: list[bytes] = []
    for path in sorted({os.path.normpath(path) for path in paths}):
        if not below(path, found):
            found.append(path)
    return found


def _first(path: bytes, tops: Sequence[bytes]) -> int:
    return next(number for number, top in enumerate(tops) if relative(top, path) is not None)
