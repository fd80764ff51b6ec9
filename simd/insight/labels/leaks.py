"""The same picture on both sides of a split: pairs of files, one below each of two folders.

Copies are many at times: 50,000 files of one image, half of them on each side, leak 625 million times. So what is kept
is a line for each file of the left side that leaks; the pairs are made while they are read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.insight.groups.components import edges
from simd.insight.labels.member import Member, Tied, members_of
from simd.insight.labels.pictures import Latest, Pictures
from simd.insight.labels.scope import below
from simd.insight.pairs.pair import TIERS, Pair, Tier
from simd.types import ImageId
from simd.vectors.ids import Ids, keys, pack_ids, rows_of, unique_ids, unpack_ids

_MOST_KNOWN = 100_000
"""Files that are kept while a list is read, because other files of their images follow."""

Counts = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Sides:
    """Two folders, by their absolute paths; neither is in the other."""

    left: bytes
    right: bytes


@dataclass(frozen=True, slots=True)
class Leak:
    """A file of the left side, and one of the right side that is the same picture."""

    left: Member
    right: Tied


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a leak is in the list."""

    left: bytes
    right: bytes


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What leaks: the left files with their images, sorted; by image of the left side, the images of the right side
    with the pair, None where it is the same image; and how many pairs of files that is."""

    paths: Sequence[bytes]
    images: Sequence[ImageId]
    partners: dict[ImageId, list[tuple[ImageId, Pair | None]]]
    total: int


@dataclass(frozen=True, slots=True)
class _Picture:
    """The files of an image, by path, and the files of the right side that are the same picture, sorted."""

    left: dict[bytes, Member]
    right: list[Tied]

    def __len__(self) -> int:
        return len(self.left) + len(self.right)


class Leaks:
    """Every method may be called from any thread.

    Args:
        catalogue: where the files are.
        pictures: which images are one picture.
    """

    def __init__(self, catalogue: Catalogue, pictures: Pictures) -> None:
        self._catalogue = catalogue
        self._pictures = pictures
        self._latest: Latest[_Found] = Latest()

    def total(self, sides: Sides) -> int:
        """How many there are, counted anew."""
        return self._get(sides, afresh=True).total

    def after(self, sides: Sides, place: Place | None, cancelled: Cancelled) -> Iterator[Leak]:
        """Those that follow a place, in order: by the left file's path, then by the right one's.

        Raises:
            Abandoned: nobody waits any more.
        """
        found = self._get(sides, afresh=False)
        known: dict[ImageId, _Picture] = {}
        start = 0 if place is None else bisect_left(found.paths, place.left)
        for at in range(start, len(found.paths)):
            cancelled.check()
            path, image_id = found.paths[at], found.images[at]
            if image_id not in known:
                if sum(map(len, known.values())) > _MOST_KNOWN:
                    known.clear()
                known[image_id] = self._picture(sides, image_id, found.partners[image_id])
            picture = known[image_id]
            for right in picture.right if path in picture.left else ():
                if place is None or Place(path, right.member.path) > place:
                    yield Leak(picture.left[path], right)

    def _picture(self, sides: Sides, image_id: ImageId, partners: Sequence[tuple[ImageId, Pair | None]]) -> _Picture:
        images = {image_id, *(other for other, _ in partners)}
        members = members_of(self._catalogue, self._pictures.labels, images)
        right = [
            Tied(member, Tier.EXACT if pair is None else pair.tier, pair)
            for other, pair in partners
            for member in members.get(other, ())
            if below(member.path, (sides.right,))
        ]
        right.sort(key=lambda one: one.member.path)
        return _Picture({member.path: member for member in members.get(image_id, ())}, right)

    def _get(self, sides: Sides, *, afresh: bool) -> _Found:
        key = (sides, self._pictures.revision())
        return self._latest.get(key, lambda: self._find(sides), afresh=afresh)

    def _find(self, sides: Sides) -> _Found:
        left = _Side.of(self._catalogue.images_under(sides.left))
        right = _Side.of(self._catalogue.images_under(sides.right))
        partners: dict[ImageId, list[tuple[ImageId, Pair | None]]] = defaultdict(list)
        for image_id in unpack_ids(left.ids[rows_of(right.ids, left.ids) >= 0]):
            partners[image_id].append((image_id, None))
        for one, other, pair in self._pairs(left, right):
            partners[one].append((other, pair))
        files = sorted(
            (path, image_id)
            for image_id, paths in self._catalogue.files_of(partners).items()
            for path in paths
            if below(path, (sides.left,))
        )
        of_left, of_right = (
            left.files(partners),
            right.files({other for them in partners.values() for other, _ in them}),
        )
        total = sum(of_left[one] * sum(of_right[other] for other, _ in them) for one, them in partners.items())
        return _Found([path for path, _ in files], [image_id for _, image_id in files], dict(partners), total)

    def _pairs(self, left: _Side, right: _Side) -> Iterator[tuple[ImageId, ImageId, Pair]]:
        """The pairs between the sides, the image of the left one first."""
        pairs = self._pictures.pairs.pairs()
        if not len(pairs.ids):
            return
        on_left, on_right = rows_of(left.ids, pairs.ids) >= 0, rows_of(right.ids, pairs.ids) >= 0
        straight = on_left[pairs.first] & on_right[pairs.second]
        turned = on_left[pairs.second] & on_right[pairs.first]
        counts = edges(pairs, apart=self._pictures.apart()) & (straight | turned)
        for at in np.flatnonzero(counts).tolist():
            first, second = unpack_ids(pairs.ids[[pairs.first[at], pairs.second[at]]])
            tier, similarity, share = TIERS[pairs.tier[at]], float(pairs.similarity[at]), float(pairs.share[at])
            pair = Pair(first, second, tier, similarity, share, bool(pairs.mirrored[at]), int(pairs.turned[at]))
            if straight[at]:
                yield first, second, pair
            if turned[at]:
                yield second, first, pair


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The images of a folder, sorted, uint8 `(n, 16)`, and how many files each has there."""

    ids: Ids
    counts: Counts

    @classmethod
    def of(cls, ids: Ids) -> _Side:
        """From one image for each file."""
        ordered = np.sort(keys(ids))
        unique = unique_ids(ids)
        starts = np.searchsorted(ordered, keys(unique)) if len(unique) else np.empty(0, np.intp)
        return cls(unique, np.diff(starts, append=ordered.size))

    def files(self, image_ids: Collection[ImageId]) -> dict[ImageId, int]:
        """How many files images of this side have there."""
        wanted = list(image_ids)
        return dict(zip(wanted, self.counts[rows_of(self.ids, pack_ids(wanted))].tolist(), strict=True))
