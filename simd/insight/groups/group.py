"""A group of files that are the same picture, as lists show it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from simd.insight.pairs.pair import Tier
from simd.types import ImageFacts, ImageId


class Stays(IntEnum):
    """Why a member is not proposed to go; GOES is that it is."""

    GOES = 0
    NOT_SAME = 1
    DECIDED_APART = 2
    DECIDED_ALL = 3
    REFERENCE = 4
    HARD_LINK = 5
    ANIMATED = 6
    RAW = 7
    ONLY_RAW = 8


WHY_STAYS = {
    Stays.NOT_SAME: "it only looks alike",
    Stays.DECIDED_APART: "you said that it is no duplicate",
    Stays.DECIDED_ALL: "you said that all of these stay",
    Stays.REFERENCE: "it is in a reference folder",
    Stays.HARD_LINK: "it is the keeper under another name (a hard link), so nothing would be freed",
    Stays.ANIMATED: "of animated pictures only the first frames were compared",
    Stays.RAW: "either it or the keeper is a raw photograph",
    Stays.ONLY_RAW: "the raw photograph beside it is not beside the keeper",
}
"""For a person."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a group.

    Attributes:
        image_id: its image.
        path: absolute.
        size: in bytes.
        mtime_ns: when it was modified, in nanoseconds since the epoch.
        facts: of its image; None where they are not known.
        tier: what it is to the keeper; of the keeper itself `exact`.
        similarity: cosine of its embedding and the keeper's; 1 for the same bytes.
        share: how much of what was compared agrees, 0 to 1; 0 if nothing was compared.
        mirrored: whether it is the mirror image of the keeper.
        turned: by how many degrees clockwise the keeper, mirrored first if `mirrored`, is turned in it.
        labels: what people said the image is, sorted.
        goes: whether a clean-up would take it away.
        why: why it stays or goes, for a person.
        is_new: whether it joined what was decided before.
        companions: absolute paths of the raw photographs that go or stay with it.
    """

    image_id: ImageId
    path: bytes
    size: int
    mtime_ns: int
    facts: ImageFacts | None
    tier: Tier = Tier.EXACT
    similarity: float = 1.0
    share: float = 0.0
    mirrored: bool = False
    turned: int = 0
    labels: tuple[str, ...] = ()
    goes: bool = False
    why: str = ""
    is_new: bool = False
    companions: tuple[bytes, ...] = ()

    @property
    def distance(self) -> float:
        """Euclidean distance of the normalised embeddings."""
        return math.sqrt(max(0.0, 2.0 - 2.0 * self.similarity))


@dataclass(frozen=True, slots=True)
class Group:
    """A keeper and some or all of its members.

    Attributes:
        tier: the weakest among all members.
        keeper: the file that stays; its `why` is the reason.
        members: some of the others, in their order: exact ones first, then by similarity, then by path.
        member_count: how many others there are.
        worst_similarity: the least similarity of a member to the keeper.
        reclaimable_bytes: what would be freed if all went that would go.
        goes_count: how many files those are.
        labels: of all members and the keeper, sorted.
    """

    tier: Tier
    keeper: Member
    members: tuple[Member, ...]
    member_count: int
    worst_similarity: float
    reclaimable_bytes: int
    goes_count: int
    labels: tuple[str, ...]

    @property
    def group_id(self) -> ImageId:
        """The image of the keeper: no other group has it."""
        return self.keeper.image_id
