"""Groups of copies and what people said of them, as plain Python values.

Paths are as in `answers`; times are seconds since the epoch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simctl.answers import paths_of, seconds
from simctl.connection import Path, absolute

if TYPE_CHECKING:
    from simd.v1 import insight_service_pb2

TIERS = ("exact", "pixels", "near", "similar")
"""What two files in a group may be to each other, the strongest first."""


@dataclass(frozen=True, slots=True)
class DuplicateOptions:
    """Which files are looked at, and which of them stay. Without any of it all files are.

    Attributes:
        within: only files at or below these paths, and below `against`.
        between: only groups with files below more than one of `within`; without any, in more than one root.
        against: only groups with a file below one of these and one elsewhere; the former stay.
        across_folders: leave out members in the folder of the keeper.
        reference: files below these stay, beside those of the daemon's setting.
        tiers: which are told; none means exact, pixels and near.
        keep: rules that choose the keeper; none means those of the daemon's setting.
        min_similarity, max_similarity: leave out members that are less, or more, similar to the keeper.
        include_decided: tell also what was decided.
    """

    within: Sequence[Path] = ()
    between: bool = False
    against: Sequence[Path] = ()
    across_folders: bool = False
    reference: Sequence[Path] = ()
    tiers: Sequence[str] = ()
    keep: Sequence[str] = ()
    min_similarity: float | None = None
    max_similarity: float | None = None
    include_decided: bool = False


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A file of a group.

    Attributes:
        path: absolute.
        image_id: its image.
        tier: what it is to the keeper.
        similarity: of its embedding and the keeper's, -1 to 1.
        distance: between the embeddings.
        share: how much of what was compared agrees, 0 to 1; 0 if it was not compared.
        mirrored: whether it is the mirror image of the keeper.
        turned: by how many degrees clockwise the keeper, mirrored first if `mirrored`, is turned in it.
        width, height: in pixels, as displayed; 0 if they are not known.
        format: such as "JPEG".
        size: in bytes.
        modified_time: of the file.
        animated: whether it has more than one frame, of which only the first is compared.
        labels: what people said it is, sorted.
        goes: whether a clean-up would take it away.
        why: why it stays or goes, for a person.
        is_new: whether it joined what was decided before.
        companions: paths of the raw photographs that go or stay with it.
    """

    path: str
    image_id: str
    tier: str
    similarity: float
    distance: float
    share: float
    mirrored: bool
    turned: int
    width: int
    height: int
    format: str
    size: int
    modified_time: float
    animated: bool
    labels: tuple[str, ...]
    goes: bool
    why: str
    is_new: bool
    companions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Some files that are the same picture as the keeper.

    Attributes:
        group_id: names it while its keeper does not change.
        tier: the weakest among its members.
        reason: why the keeper stays, for a person.
        keeper: the file that stays.
        members: the others, exact ones first, then by similarity; `member_count` is how many there are.
        worst_similarity: the least of a member to the keeper.
        reclaimable_bytes: what would be freed if all went that would go, `goes_count` of them.
        labels: of all members, sorted.
    """

    group_id: str
    tier: str
    reason: str
    keeper: GroupMember
    members: tuple[GroupMember, ...]
    member_count: int
    worst_similarity: float
    reclaimable_bytes: int
    goes_count: int
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Some groups, and what is true of all pages.

    Attributes:
        groups: those that free the most bytes first.
        total: how many groups there are, about.
        reclaimable_bytes: of all of them.
        left_out: how many images are not looked at for near copies, by why: "flat", "tiny", "no_features",
            "not_verified".
        pending: how many were not looked at yet.
        host: of which they are, if the daemon publishes in a replica: those of other hosts are not looked at; else "".
    """

    groups: tuple[DuplicateGroup, ...]
    total: int
    reclaimable_bytes: int
    left_out: Mapping[str, int]
    pending: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class FolderOverlap:
    """Of the `files` directly in a folder `shared` are in the other one too."""

    folder: str
    other: str
    files: int
    shared: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said of some images: "not_duplicates", "keep", "keep_all" or "forget". `paths` names images by
    their files."""

    kind: str
    image_ids: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    decided_time: float = 0.0


def options_to(options: DuplicateOptions) -> insight_service_pb2.DuplicateOptions:
    """For the wire."""
    from simd.v1 import insight_service_pb2 as wire

    return wire.DuplicateOptions(
        within_bytes=map(absolute, options.within),
        between=options.between,
        against_bytes=map(absolute, options.against),
        across_folders=options.across_folders,
        reference_bytes=map(absolute, options.reference),
        tiers=options.tiers,
        keep=options.keep,
        min_similarity=options.min_similarity,
        max_similarity=options.max_similarity,
        include_decided=options.include_decided,
    )


def decision_to(decision: Decision) -> insight_service_pb2.Decision:
    """For the wire."""
    from simd.v1 import insight_service_pb2 as wire

    return wire.Decision(
        kind=decision.kind, image_ids=decision.image_ids, paths_bytes=[absolute(path) for path in decision.paths]
    )


def page(response: insight_service_pb2.ListDuplicateGroupsResponse) -> GroupPage:
    """From the wire."""
    return GroupPage(
        groups=tuple(map(group, response.groups)),
        total=response.total_size,
        reclaimable_bytes=response.reclaimable_bytes,
        left_out=dict(sorted(response.left_out.items())),
        pending=response.pending,
        host=response.host,
    )


def group(message: insight_service_pb2.DuplicateGroup) -> DuplicateGroup:
    """From the wire."""
    return DuplicateGroup(
        group_id=message.group_id,
        tier=message.tier,
        reason=message.reason,
        keeper=member(message.keeper),
        members=members(message.members),
        member_count=message.member_count,
        worst_similarity=message.worst_similarity,
        reclaimable_bytes=message.reclaimable_bytes,
        goes_count=message.goes_count,
        labels=tuple(message.labels),
    )


def members(messages: Iterable[insight_service_pb2.GroupMember]) -> tuple[GroupMember, ...]:
    """From the wire."""
    return tuple(map(member, messages))


def member(message: insight_service_pb2.GroupMember) -> GroupMember:
    """From the wire."""
    return GroupMember(
        path=_path(message.path, message.path_bytes),
        image_id=message.image_id,
        tier=message.tier,
        similarity=message.similarity,
        distance=message.distance,
        share=message.share,
        mirrored=message.mirrored,
        turned=message.turned,
        width=message.width,
        height=message.height,
        format=message.format,
        size=message.size,
        modified_time=seconds(message.modified_time),
        animated=message.animated,
        labels=tuple(message.labels),
        goes=message.goes,
        why=message.why,
        is_new=message.is_new,
        companions=paths_of(message.companions, message.companions_bytes),
    )


def overlap(message: insight_service_pb2.FolderOverlap) -> FolderOverlap:
    """From the wire."""
    return FolderOverlap(
        folder=_path(message.folder, message.folder_bytes),
        other=_path(message.other, message.other_bytes),
        files=message.files,
        shared=message.shared,
    )


def decision(message: insight_service_pb2.Decision) -> Decision:
    """From the wire."""
    return Decision(message.kind, tuple(message.image_ids), decided_time=seconds(message.decided_time))


def _path(text: str, exact: bytes) -> str:
    return os.fsdecode(exact or text.encode())
