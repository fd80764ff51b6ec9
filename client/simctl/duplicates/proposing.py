"""What `simctl duplicates --plan FILE` does: groups as the daemon tells them become a plan of what a person can do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from simctl.cleanup import planning, writing
from simctl.cleanup.planning import FoundGroup, FoundMember
from simctl.duplicates.grouped import DuplicateGroup, GroupMember
from simctl.errors import EXIT_NOTHING_FOUND
from simctl.output import Output, counted, json_path, printable, size

_SHOWN_LEFT_OUT = 20


def propose(file: str, groups: Iterable[DuplicateGroup], output: Output, *, json: bool) -> int:
    """Write the plan, and say what it has; the exit code.

    Args:
        file: where to; not there yet.
        groups: each with all of its members.
        output: where it is said.
        json: whether as one document.

    Raises:
        SimctlError: the plan cannot be written.
    """
    differing = 0

    def found() -> Iterator[FoundGroup]:
        nonlocal differing
        for group in groups:
            differing += _labelled_differently(group)
            yield _found(group)

    written = writing.write(file, planning.planned(found()))
    if json:
        output.json(
            {
                **json_path(os.path.abspath(file), "plan"),
                "groups": written.groups,
                "files": written.files,
                "bytes": written.size,
                "left_out": [{"group_id": one.group_id, "why": one.why} for one in written.left_out],
            }
        )
    else:
        _say(file, written, output)
    if differing:
        output.note(
            f"{counted(differing, 'group has', 'groups have')} labels that differ, and the plan keeps them all: "
            "simctl duplicates --contradictions lists them"
        )
    return 0 if written.groups else EXIT_NOTHING_FOUND


def _say(file: str, written: writing.Written, output: Output) -> None:
    for one in written.left_out[:_SHOWN_LEFT_OUT]:
        output.note(f"left out: {one.why}")
    more = len(written.left_out) - _SHOWN_LEFT_OUT
    if more > 0:
        output.note(f"left out: {more:,} more, which --json tells")
    files, groups = counted(written.files, "file"), counted(written.groups, "group")
    output.line(f"{printable(file)}: {files} of {groups} would go, {size(written.size)}")
    if written.groups:
        how = f"run {printable(file)}" if file.endswith(".sh") else f"simctl apply {printable(file)}"
        output.line(f"read it, edit it, then: {how}")


def _labelled_differently(group: DuplicateGroup) -> bool:
    """Whether two files that are labelled have other labels."""
    return len({member.labels for member in (group.keeper, *group.members) if member.labels}) > 1


def _found(group: DuplicateGroup) -> FoundGroup:
    return FoundGroup(
        group.group_id, group.tier, group.reason, _member(group.keeper), tuple(map(_member, group.members))
    )


def _member(member: GroupMember) -> FoundMember:
    return FoundMember(
        path=member.path,
        image_id=member.image_id,
        size=member.size,
        tier=member.tier,
        similarity=member.similarity,
        goes=member.goes,
        why=member.why,
        labels=member.labels,
        companions=member.companions,
    )
