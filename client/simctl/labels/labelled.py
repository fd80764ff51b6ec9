"""What labels and copies say together, as plain Python values.

Paths are as in `answers`; times are seconds since the epoch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simctl.answers import paths_of

if TYPE_CHECKING:
    from simd.v1 import insight_service_pb2


@dataclass(frozen=True, slots=True)
class LabelRow:
    """The labels of one file for an import: `path` says where it is, `image_id` which image it is, 32 hex digits; one
    of them may be empty."""

    labels: tuple[str, ...]
    path: str | bytes = ""
    image_id: str = ""


@dataclass(frozen=True, slots=True)
class LabelImport:
    """What became of an import.

    Attributes:
        by_path: rows whose image was found by their path.
        by_content: rows whose image is known by its content only.
        unmatched: numbers of the rows of which no image is known, from 0: nothing of these was kept.
        added: labels that are new to their image.
        removed: labels that were taken away.
        since: when the import began; what follows as part of the same import is given it.
    """

    by_path: int
    by_content: int
    unmatched: tuple[int, ...]
    added: int
    removed: int
    since: float


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image, or those of its files that are labelled alike. `paths` may be cut; it is empty if it has no file
    now."""

    image_id: str
    path: str
    paths: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How many images carry each label, and how many are labelled."""

    labels: dict[str, int]
    images: int


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a picture, and what it is to another one: `tier` is exact, pixels or near, `share` how much of what was
    compared agrees. `width` and `height` are 0 if they are not known."""

    path: str
    image_id: str
    tier: str
    similarity: float
    share: float
    mirrored: bool
    turned: int
    width: int
    height: int
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Files that are the same picture and not labelled alike. `kind` is "differing" or "missing"; `members` may be cut,
    `member_count` is how many there are beside the keeper; `labels` are all of its labels."""

    kind: str
    keeper: Member
    members: tuple[Member, ...]
    member_count: int
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """A file of the left side, and one of the right side that is the same picture."""

    left: Member
    right: Member


@dataclass(frozen=True, slots=True)
class SplitFile:
    """A file, and the name of its share."""

    path: str
    image_id: str
    share: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShareCount:
    """How many files of a label a share got, and how many it would have had to the last file. The label "" counts the
    files without one."""

    label: str
    share: str
    files: int
    wanted: float


@dataclass(frozen=True, slots=True)
class Split:
    """How files are divided: all of them, ordered by path, and by label and share how many."""

    files: tuple[SplitFile, ...]
    counts: tuple[ShareCount, ...]


def labelled_image(row: insight_service_pb2.LabelRow) -> LabelledImage:
    """From the wire."""
    return LabelledImage(row.image_id, _path_of(row), paths_of(row.paths, row.paths_bytes), tuple(row.labels))


def contradiction(found: insight_service_pb2.Contradiction) -> Contradiction:
    """From the wire."""
    group = found.group
    members = tuple(map(member, group.members))
    return Contradiction(found.kind, member(group.keeper), members, group.member_count, tuple(group.labels))


def leak(found: insight_service_pb2.Leak) -> Leak:
    """From the wire."""
    return Leak(member(found.left), member(found.right))


def member(found: insight_service_pb2.GroupMember) -> Member:
    """From the wire."""
    return Member(
        path=_path_of(found),
        image_id=found.image_id,
        tier=found.tier,
        similarity=found.similarity,
        share=found.share,
        mirrored=found.mirrored,
        turned=found.turned,
        width=found.width,
        height=found.height,
        labels=tuple(found.labels),
    )


def split(messages: Iterator[insight_service_pb2.SplitResponse]) -> Split:
    """From the wire."""
    files: list[SplitFile] = []
    counts: list[ShareCount] = []
    for message in messages:
        files += [SplitFile(_path_of(file), file.image_id, file.share, tuple(file.labels)) for file in message.files]
        counts += [ShareCount(one.label, one.share, one.files, one.wanted) for one in message.counts]
    return Split(tuple(files), tuple(counts))


def _path_of(
    message: insight_service_pb2.LabelRow | insight_service_pb2.GroupMember | insight_service_pb2.SplitFile,
) -> str:
    return os.fsdecode(message.path_bytes or message.path.encode())
