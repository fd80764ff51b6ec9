"""Pictures whose files are not labelled alike.

Found in two steps: which pictures may be contradictory is told by images and their labels alone, packed, so that a
million take seconds; what their files are is looked up for those only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice

import numpy as np

from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.insight.groups.components import Components
from simd.insight.labels.member import Member, Tied, members_of, tied
from simd.insight.labels.pictures import Latest, Pictures
from simd.insight.labels.scope import Scope
from simd.insight.pairs.pair import SAME, Tier
from simd.types import ImageId
from simd.vectors.ids import pack_ids, unpack_ids

_AT_ONCE = 200
"""Pictures whose files are looked up together."""


class Kind(IntEnum):
    """How the files of a picture are not labelled alike, in the order of the list."""

    DIFFERING = 0
    """Two carry different labels."""
    MISSING = 1
    """Some carry none, and all others the same."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: among which files, by pairs of which tiers, whether decisions count, whether labels that are
    only missing are told."""

    scope: Scope = field(default_factory=Scope)
    tiers: frozenset[Tier] = frozenset(SAME)
    decided: bool = True
    differing_only: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Where a picture is in the list: its kind, and the first of its images."""

    kind: Kind
    image_id: ImageId


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A picture whose files are not labelled alike.

    Attributes:
        key: its place in the list.
        keeper: its largest file.
        members: other files, in the order of their labels; each way to label is there, also where they are cut.
        count: how many others there are.
        labels: all of its labels, sorted.
    """

    key: Key
    keeper: Member
    members: tuple[Tied, ...]
    count: int
    labels: tuple[str, ...]


class Contradictions:
    """Every method may be called from any thread.

    Args:
        catalogue: where the files are.
        pictures: which images are one picture, and what they are labelled.
    """

    def __init__(self, catalogue: Catalogue, pictures: Pictures) -> None:
        self._catalogue = catalogue
        self._pictures = pictures
        self._lists: Latest[list[Key]] = Latest()

    def keys(self, question: Question, cancelled: Cancelled, *, afresh: bool) -> list[Key]:
        """The whole list.

        Args:
            question: what is asked for.
            cancelled: whether somebody waits.
            afresh: also where nothing but files changed since it was made.

        Raises:
            Abandoned: nobody waits any more.
        """
        revisions = (self._pictures.revision(decided=question.decided), self._pictures.labels.revision)
        key = (question, revisions)
        return self._lists.get(key, lambda: sorted(self._found(question, cancelled)), afresh=afresh)

    def told(self, question: Question, keys: Sequence[Key], limit: int) -> list[Contradiction]:
        """Pictures of the list; those that are no contradictions any more are left out.

        Args:
            question: what is asked for.
            keys: which.
            limit: how many members of each, beside the keeper.
        """
        components = self._pictures.components(question.tiers, decided=question.decided)
        files = self._files(components, [key.image_id for key in keys], question.scope)
        found = zip(keys, files, strict=True)
        return [self._told(key, members, limit) for key, members in found if _kind(members, question) is not None]

    def _found(self, question: Question, cancelled: Cancelled) -> Iterator[Key]:
        components = self._pictures.components(question.tiers, decided=question.decided)
        left = iter(self._candidates(components))
        while some := list(islice(left, _AT_ONCE)):
            cancelled.check()
            for image_id, members in zip(some, self._files(components, some, question.scope), strict=True):
                kind = _kind(members, question)
                if kind is not None:
                    yield Key(kind, image_id)

    def _candidates(self, components: Components) -> list[ImageId]:
        """The first images of all pictures that may be contradictory."""
        labelled = self._pictures.packed_labels()
        disputed = components.first_of(pack_ids(self._pictures.labels.disputed()))
        rows = components.rows(labelled.ids)
        first, number = components.of[rows[rows >= 0]], labelled.number[rows >= 0]
        size = len(components.ids)
        least, most = np.full(size, len(labelled.kinds), np.int32), np.full(size, -1, np.int32)
        np.minimum.at(least, first, number)
        np.maximum.at(most, first, number)
        have = np.bincount(first, minlength=size)
        uneven = (have > 0) & ((least != most) | (have < np.bincount(components.of, minlength=size)))
        return sorted({*unpack_ids(components.ids[uneven]), *unpack_ids(disputed)})

    def _files(self, components: Components, firsts: Iterable[ImageId], scope: Scope) -> list[list[Member]]:
        """The files of pictures, the keeper first."""
        images = [components.members(image_id) for image_id in firsts]
        found = members_of(self._catalogue, self._pictures.labels, {i for of_one in images for i in of_one})
        pictures = []
        for of_one in images:
            files = [member for image_id in of_one for member in found.get(image_id, ())]
            files.sort(key=lambda member: (-member.pixels, member.path))
            pictures.append(scope.files(files, lambda member: member.path))
        return pictures

    def _told(self, key: Key, files: Sequence[Member], limit: int) -> Contradiction:
        keeper, *others = files
        chosen = sorted(_chosen(others, limit), key=lambda member: (member.labels, member.path))
        images = {member.image_id for member in files}
        pairs = {
            image_id: [
                pair
                for pair in self._pictures.pairs.of(image_id)
                if pair.tier.is_same and pair.other(image_id) in images
            ]
            for image_id in {member.image_id for member in chosen} - {keeper.image_id}
        }
        return Contradiction(
            key,
            keeper,
            tuple(tied(keeper, member, pairs.get(member.image_id, ())) for member in chosen),
            len(others),
            tuple(sorted({label for member in files for label in member.labels})),
        )


def _kind(files: Sequence[Member], question: Question) -> Kind | None:
    """How files are not labelled alike; None if they are, or it is not asked for."""
    ways = {member.labels for member in files}
    if len(ways - {()}) > 1:
        return Kind.DIFFERING
    return Kind.MISSING if len(ways) > 1 and not question.differing_only else None


def _chosen(members: Sequence[Member], limit: int) -> list[Member]:
    """At most `limit` of the members: the first of each way to label, then the second, and so on."""
    seen: dict[tuple[str, ...], int] = {}
    turns = []
    for member in members:
        turns.append(seen.get(member.labels, 0))
        seen[member.labels] = turns[-1] + 1
    order = sorted(range(len(members)), key=turns.__getitem__)
    return [members[at] for at in order[:limit]]
