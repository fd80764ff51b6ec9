"""Files and pairs brought together: what every list of groups is made of, whatever its options."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from simd.catalogue.copies import RAW, Copies
from simd.decisions.labels import Said, of_file
from simd.insight.groups.stars import Edges
from simd.insight.pairs.pair import Pairs
from simd.types import ImageId
from simd.vectors.ids import pack_ids, rows_of, unpack_ids

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Base:
    """Images are rows of `copies.ids`, files are numbers in the order of their paths.

    Attributes:
        copies: the files.
        pairs: as they are stored.
        first, second: the images of each pair, -1 where one has no file, int32 `(m,)`.
        labels: of each labelled file, by its number, sorted.
    """

    copies: Copies
    pairs: Pairs
    first: Ints
    second: Ints
    labels: dict[int, tuple[str, ...]]

    @classmethod
    def of(cls, copies: Copies, pairs: Pairs, said: Mapping[ImageId, Said]) -> Base:
        """Bring them together; `said` is what labels images have."""
        rows = rows_of(copies.ids, pairs.ids)
        by_row = {row: said[image_id] for row, image_id in enumerate(unpack_ids(copies.ids)) if image_id in said}
        labelled = np.flatnonzero(np.isin(copies.image, list(by_row))).tolist()
        labels = {file: of_file(by_row[int(copies.image[file])], copies.paths[file]) for file in labelled}
        return cls(copies, pairs, rows[pairs.first], rows[pairs.second], labels)

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.copies.ids)

    @cached_property
    def is_companion(self) -> Bools:
        """Whether each file goes or stays with another one, `(f,)`."""
        return np.asarray(self.copies.partner != -1)

    @cached_property
    def companions(self) -> dict[int, list[int]]:
        """The files that go or stay with a file."""
        found: dict[int, list[int]] = {}
        for file in np.flatnonzero(self.copies.partner >= 0).tolist():
            found.setdefault(int(self.copies.partner[file]), []).append(file)
        return found

    @cached_property
    def folder(self) -> Ints:
        """A number for the folder of each file, `(f,)`: an index of `folders`."""
        return np.array([self._numbers[os.path.dirname(path)] for path in self.copies.paths], np.int32)

    @cached_property
    def folders(self) -> list[bytes]:
        """The folders of the files, by their number."""
        return list(self._numbers)

    @cached_property
    def _numbers(self) -> dict[bytes, int]:
        return {folder: number for number, folder in enumerate(dict.fromkeys(map(os.path.dirname, self.copies.paths)))}

    @cached_property
    def area(self) -> npt.NDArray[np.float64]:
        """Pixels of each image, 0 where they are not known, `(n,)`."""
        return np.array([one.width * one.height if one else 0 for one in self.copies.facts], np.float64)

    @cached_property
    def format(self) -> npt.NDArray[np.object_]:
        """The format's name of each image, "" where it is not known, `(n,)`."""
        return np.array([one.format if one else "" for one in self.copies.facts], object)

    @cached_property
    def is_raw(self) -> Bools:
        """Whether each image is a raw photograph, `(n,)`."""
        return np.asarray(self.format == RAW, np.bool_).reshape(-1)

    @cached_property
    def is_animated(self) -> Bools:
        """Whether each image has several frames, `(n,)`."""
        return np.array([bool(one and one.animated) for one in self.copies.facts], np.bool_)

    @cached_property
    def hard_links(self) -> list[Ints]:
        """Files that are one under several names, one array for each."""
        copies = self.copies
        order = np.lexsort((copies.image, copies.roots, copies.inodes))
        following = np.ones(len(order), np.bool_)
        for column in (copies.image, copies.roots, copies.inodes):
            following[1:] &= column[order[1:]] == column[order[:-1]]
        following[:1] = False
        starts = np.flatnonzero(~following)
        ends = np.append(starts[1:], len(order))
        several = ends - starts > 1
        return [order[start:end].astype(np.int32) for start, end in zip(starts[several], ends[several], strict=True)]

    @cached_property
    def is_loose(self) -> Bools:
        """Of which pairs neither image goes for the other one, `(m,)`: of a raw photograph and a picture, which people
        keep both of, and of what is animated, of which only the first frames were compared."""
        raw, animated = np.append(self.is_raw, False), np.append(self.is_animated, False)
        # The last ones stand for -1: an image without a file.
        found: Bools = (raw[self.first] != raw[self.second]) | animated[self.first] | animated[self.second]
        return found

    def below(self, paths: Iterable[bytes]) -> Bools:
        """Which files are at or below one of these paths, `(f,)`."""
        found = np.zeros(len(self.copies.paths), np.bool_)
        for path in paths:
            for start, end in self._spans(path):
                found[start:end] = True
        return found

    def which_below(self, paths: Iterable[bytes]) -> Ints:
        """By each file at or below one of these paths the number of the deepest of those, else -1, `(f,)`."""
        found = np.full(len(self.copies.paths), -1, np.int32)
        for number, path in sorted(enumerate(paths), key=lambda one: len(one[1])):
            for start, end in self._spans(path):
                found[start:end] = number
        return found

    def file_at(self, path: bytes) -> int | None:
        """The number of the file at a path."""
        at = bisect_left(self.copies.paths, path)
        return at if at < len(self.copies.paths) and self.copies.paths[at] == path else None

    def image(self, image_id: ImageId) -> int | None:
        """The row of an image."""
        [row] = rows_of(self.copies.ids, pack_ids([image_id])).tolist()
        return row if row >= 0 else None

    def edges(self, chosen: Bools) -> Edges:
        """The chosen pairs, `(m,)`, as edges."""
        return Edges(self.first[chosen], self.second[chosen])

    def _spans(self, path: bytes) -> list[tuple[int, int]]:
        """Stretches of the files: the one of that name, and what a folder of that name holds."""
        paths, top = self.copies.paths, path.rstrip(b"/")
        inside = bisect_left(paths, top + b"/"), bisect_left(paths, top + b"0")
        at = self.file_at(path)
        return [inside] if at is None else [(at, at + 1), inside]
