"""From groups as the daemon tells them to a plan: the disk is looked at with the person's rights.

Nothing is changed. What the disk tells otherwise than the daemon is left out and said: it was changed since.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from simctl.cleanup.family import Family, Folders, is_sidecar, renamed
from simctl.cleanup.plan import CarriedLabels, CarriedSidecar, Companion, Entry, PlannedGroup
from simctl.cleanup.stamp import Unfit, look, stamp_of

_OFFERED = ("exact", "pixels", "near")
"""The tiers of what may go."""


@dataclass(frozen=True, slots=True)
class FoundMember:
    """A file of a group, as the daemon tells it.

    Args:
        path: absolute.
        image_id: of its bytes.
        size: in bytes.
        tier: what it is to the keeper.
        similarity: to the keeper, -1 to 1.
        goes: whether a clean-up would take it away.
        why: why it stays or goes, for a person.
        labels: of its image.
        companions: paths of what belongs to it, such as the raw photograph.
    """

    path: str
    image_id: str
    size: int
    tier: str = ""
    similarity: float | None = None
    goes: bool = False
    why: str = ""
    labels: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """A group with all of its members, as the daemon tells it; see `PlannedGroup`."""

    group_id: str
    tier: str
    reason: str
    keeper: FoundMember
    members: tuple[FoundMember, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, or a whole group, that the plan does not have, and why, for a person."""

    group_id: str
    why: str


def planned(groups: Iterable[FoundGroup], folders: Folders | None = None) -> Iterator[PlannedGroup | LeftOut]:
    """The plan of these groups, one after the other; a group of which nothing goes has none.

    Args:
        groups: as the daemon tells them.
        folders: of the disk.
    """
    folders = folders or Folders()
    for group in groups:
        yield from _Planning(group, folders).outcome()


class _Planning:
    """One group."""

    def __init__(self, group: FoundGroup, folders: Folders) -> None:
        self._group = group
        self._folders = folders
        self._left_out: list[LeftOut] = []
        self._carried: list[CarriedSidecar] = []
        self._named: set[str] = set()
        self._claimed: set[str] = set()
        self._told = {path for member in (group.keeper, *group.members) for path in member.companions}

    def outcome(self) -> Iterator[PlannedGroup | LeftOut]:
        """The group as the plan has it, after what is left out of it."""
        group = self._group
        keeper = self._entry(group.keeper, self._sidecars(group.keeper.path))
        entries = [(member, self._entry(member, ())) for member in group.members]
        goes = [member for member, entry in entries if entry is not None and _may_go(member)]
        if keeper is not None and goes:
            yield from self._planned(keeper, goes)
        yield from self._left_out

    def _planned(self, keeper: Entry, goes: list[FoundMember]) -> Iterator[PlannedGroup]:
        group = self._group
        leaving = {member.path for member in goes}
        stays = [keeper]
        for member in group.members:
            if member.path not in leaving:
                entry = self._entry(member, self._sidecars(member.path))
                stays += [entry] if entry is not None else []
        had = {one.digest for one in keeper.companions}
        going: list[Entry] = []
        for member in goes:
            companions = self._companions(member, leaving)
            entry = self._entry(member, companions)
            if entry is not None:
                going.append(entry)
                self._carry(entry, keeper, had)
        if going:
            yield PlannedGroup(
                group.group_id, group.tier, group.reason, tuple(stays), tuple(going),
                tuple(_labels(group, {entry.path for entry in going})), tuple(self._carried),
            )  # fmt: skip

    def _entry(self, member: FoundMember, companions: tuple[str, ...]) -> Entry | None:
        """A file as the plan has it; None if it is not what the daemon knows."""
        try:
            found = look(member.path)
            if found.st_size != member.size:
                raise Unfit(f"{member.path} has {found.st_size:,} bytes now, and had {member.size:,} when indexed")
            held = tuple(_companion(path) for path in companions)
        except Unfit as error:
            self._leave_out(str(error))
            return None
        return Entry(
            member.path, member.image_id, member.size, found.st_mtime_ns, member.tier, member.similarity,
            member.why, held,
        )  # fmt: skip

    def _leave_out(self, why: str) -> None:
        one = LeftOut(self._group.group_id, why)
        if one not in self._left_out:
            self._left_out.append(one)

    def _sidecars(self, path: str) -> tuple[str, ...]:
        family = self._folders.family(path)
        return tuple(one for one in (*family.own, *family.shared) if is_sidecar(one))

    def _companions(self, member: FoundMember, leaving: set[str]) -> tuple[str, ...]:
        """What goes with a member: its own, and what it shares with none that stays."""
        family = self._folders.family(member.path)
        found = set(family.own)
        if self._is_last(member, family, leaving):
            found |= {*family.shared, *member.companions}
        found = {path for path in found - leaving - self._claimed if _exists(path)}
        self._claimed |= found
        return tuple(sorted(found))

    def _is_last(self, member: FoundMember, family: Family, leaving: set[str]) -> bool:
        """Whether all pictures of its stem go."""
        return all(other in leaving or other in member.companions for other in family.others)

    def _carry(self, entry: Entry, keeper: Entry, had: set[str]) -> None:
        """Plan copies of the sidecars that the keeper lacks; `had` are the digests of those that it has, or gets."""
        by_name = any(other not in self._told for other in self._folders.family(keeper.path).others)
        for companion in entry.companions:
            if not is_sidecar(companion.path) or companion.digest in had:
                continue
            had.add(companion.digest)
            to = renamed(companion.path, entry.path, keeper.path, by_name=by_name)
            against = ""
            if to in self._named or os.path.lexists(to):
                against, to = to, self._free(keeper.path, companion.path)
            self._named.add(to)
            self._carried.append(CarriedSidecar(companion.path, to, against))

    def _free(self, keeper: str, sidecar: str) -> str:
        """A name for a sidecar of the keeper that neither the disk nor the plan has: after the keeper's whole name, so
        that it is no other picture's."""
        tail = os.path.splitext(sidecar)[1]
        number = 1
        while True:
            mark = ".conflict" if number == 1 else f".conflict-{number}"
            to = f"{keeper}{mark}{tail}"
            if to not in self._named and not os.path.lexists(to):
                return to
            number += 1


def _may_go(member: FoundMember) -> bool:
    return member.goes and member.tier in _OFFERED


def _labels(group: FoundGroup, going: set[str]) -> Iterator[CarriedLabels]:
    """What the keeper gets of the labels of those that go."""
    found = {label for member in group.members if member.path in going for label in member.labels}
    if lacking := sorted(found - set(group.keeper.labels)):
        yield CarriedLabels(tuple(lacking), group.keeper.image_id)


def _companion(path: str) -> Companion:
    stamp = stamp_of(path)
    return Companion(path, stamp.size, stamp.mtime_ns, stamp.digest)


def _exists(path: str) -> bool:
    try:
        look(path)
    except Unfit:
        return False
    return True
