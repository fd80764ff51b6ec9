"""The groups that were found: in order, and each with as many of its members as are wanted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np

from simd.insight.groups.base import Base
from simd.insight.groups.finding import Arranged
from simd.insight.groups.group import WHY_STAYS, Group, Member, Stays
from simd.insight.groups.members import Members
from simd.insight.pairs.pair import TIERS, Tier
from simd.types import ImageId

GroupKey = tuple[int, bytes]
"""Where a group is in the order of all: less what it frees, then its group_id."""

MemberKey = tuple[bool, float, bytes]
"""Where a member is in its group: whether its bytes are other ones, less its similarity, its path."""

_WHY_GOES = {
    Tier.EXACT: "the same bytes as the keeper",
    Tier.PIXELS: "the same pixels as the keeper, in another container or with other metadata",
    Tier.NEAR: "the same picture as the keeper, edited",
}


class Found:
    """All groups as of one moment, numbered in their order: those that free the most bytes first.

    Args:
        base: files and pairs.
        arranged: the stars that the groups come from.
        members: the members.
    """

    def __init__(self, base: Base, arranged: Arranged, members: Members) -> None:
        self.base = base
        self.arranged = arranged
        self._members = members
        self._place = np.zeros(len(base.copies.paths), np.int32)
        self._place[arranged.files] = np.arange(len(arranged.files), dtype=np.int32)

    def __len__(self) -> int:
        return len(self._members.keeper)

    @property
    def reclaimable_bytes(self) -> int:
        """What would be freed if all went that would go."""
        return int(self._members.freed.sum())

    def key(self, number: int) -> GroupKey:
        """What orders a group."""
        return -int(self._members.freed[number]), self._image_id(int(self._members.keeper[number]))

    def after(self, key: GroupKey) -> int:
        """The number of the first group that follows what has this key, whether that is still there or not."""
        return bisect_right(range(len(self)), key, key=self.key)

    def number_of(self, image_id: ImageId) -> int | None:
        """The group of an image."""
        image = self.base.image(image_id)
        if image is None:
            return None
        numbers = np.flatnonzero(self._members.keeper == self.arranged.stars.keeper[image])
        return int(numbers[0]) if len(numbers) else None

    def number_at(self, path: bytes) -> int | None:
        """The group of the file at an absolute path; of a companion that of the file it belongs to."""
        file, partner = self.base.file_at(path), self.base.copies.partner
        if file is not None and partner[file] != -1:
            file = int(partner[file]) if partner[file] >= 0 else None
        if file is None:
            return None
        return self.number_of(self._image_id(int(self.base.copies.image[file])))

    def member_count(self, number: int) -> int:
        """How many members a group has beside its keeper."""
        return int(self._members.starts[number + 1] - self._members.starts[number])

    def member_key(self, number: int, place: int) -> MemberKey:
        """What orders a member of a group."""
        at = int(self._members.starts[number]) + place
        path = self.base.copies.paths[self._members.file[at]]
        return bool(self._members.pair[at] >= 0), -float(self._members.similarity[at]), path

    def members_after(self, number: int, key: MemberKey) -> int:
        """The place of the first member of a group that follows what has this key."""
        places = range(self.member_count(number))
        return bisect_right(places, key, key=lambda place: self.member_key(number, place))

    def files_of(self, number: int) -> list[int]:
        """All files of a group, the keeper first: numbers of `base.copies.paths`."""
        return [self._keeper(number), *self._members.file[self._slice(number)].tolist()]

    def group(self, number: int, start: int = 0, limit: int | None = None) -> Group:
        """A group with at most `limit` of its members, from the one at place `start` on."""
        all_of = self._slice(number)
        end = all_of.stop if limit is None else min(all_of.stop, all_of.start + start + limit)
        stays, keeper = self._members.stays[all_of], self._keeper(number)
        return Group(
            tier=TIERS[int(self._members.tier[all_of].max())],
            keeper=self._file(keeper, why=self._reason(number)),
            members=tuple(self._member(at, keeper) for at in range(all_of.start + start, end)),
            member_count=self.member_count(number),
            worst_similarity=float(self._members.similarity[all_of].min()),
            reclaimable_bytes=int(self._members.freed[number]),
            goes_count=int(np.count_nonzero(stays == Stays.GOES)),
            labels=self._labels(self.files_of(number)),
        )

    def _slice(self, number: int) -> slice:
        return slice(int(self._members.starts[number]), int(self._members.starts[number + 1]))

    def _keeper(self, number: int) -> int:
        return int(self.arranged.best[self._members.keeper[number]])

    def _image_id(self, image: int) -> ImageId:
        return ImageId(self.base.copies.ids[image].tobytes())

    def _member(self, at: int, keeper: int) -> Member:
        file, pair = int(self._members.file[at]), int(self._members.pair[at])
        tier, stays = TIERS[int(self._members.tier[at])], Stays(int(self._members.stays[at]))
        if pair < 0:
            return self._file(file, stays, tier)
        pairs, image = self.base.pairs, self.base.copies.image[file]
        mirrored, turned = bool(pairs.mirrored[pair]), int(pairs.turned[pair])
        if self.base.first[pair] != image and not mirrored:
            turned = -turned % 360
        return self._file(
            file,
            stays,
            tier,
            similarity=float(self._members.similarity[at]),
            share=float(pairs.share[pair]),
            mirrored=mirrored,
            turned=turned,
        )

    def _file(
        self,
        file: int,
        stays: Stays | None = None,
        tier: Tier = Tier.EXACT,
        *,
        similarity: float = 1.0,
        share: float = 0.0,
        mirrored: bool = False,
        turned: int = 0,
        why: str = "",
    ) -> Member:
        copies = self.base.copies
        image = int(copies.image[file])
        goes = stays is Stays.GOES
        return Member(
            image_id=self._image_id(image),
            path=copies.paths[file],
            size=int(copies.sizes[file]),
            mtime_ns=int(copies.mtimes[file]),
            facts=copies.facts[image],
            tier=tier,
            similarity=similarity,
            share=share,
            mirrored=mirrored,
            turned=turned,
            labels=self.base.labels.get(file, ()),
            goes=goes,
            why=why or (_WHY_GOES[tier] if goes or stays is None else WHY_STAYS[stays]),
            is_new=bool(self._members.is_new[image]),
            companions=tuple(copies.paths[one] for one in self.base.companions.get(file, ())),
        )

    def _reason(self, number: int) -> str:
        """Why the keeper is better than the best of the others: of other images, if there are any."""
        all_of = self._slice(number)
        files, edited = self._members.file[all_of], self._members.pair[all_of] >= 0
        files = files[edited] if edited.any() else files
        keeper, other = self._keeper(number), int(files[np.argmin(self._place[files])])
        for criterion in self.arranged.criteria:
            one, another = criterion.ranks[keeper], criterion.ranks[other]
            if one < another:
                return criterion.reason(self.base, keeper, other)
            if one > another:
                return "it has copies of its own"
        return "first by its path, as the rules tell no difference"

    def _labels(self, files: Iterable[int]) -> tuple[str, ...]:
        if not self.base.labels:
            return ()
        return tuple(sorted({label for file in files for label in self.base.labels.get(file, ())}))
