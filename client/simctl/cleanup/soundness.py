"""Whether a plan makes sense as a whole: a person may have moved and deleted entries."""

from __future__ import annotations

import os
from collections.abc import Iterator

from simctl.cleanup.plan import Entry, Plan, PlannedGroup
from simctl.errors import EXIT_USAGE, SimctlError


def check(plan: Plan, name: str) -> None:
    """Refuse a plan that would empty a group, take a file twice, or carry something where nothing stays.

    Args:
        plan: to look at.
        name: of its file, for messages.

    Raises:
        SimctlError: the message names the group, the entry and what helps.
    """
    stays = {entry.path: number for number, group in enumerate(plan.groups, 1) for entry in group.stays}
    gone: dict[str, str] = {}
    for number, group in enumerate(plan.groups, 1):
        place = f"{name}, group {number}"
        for problem in (*_emptied(group), *_lost(group)):
            raise SimctlError(f"{place}: {problem}", exit_code=EXIT_USAGE)
        for at, path in _goes(group):
            if path in stays:
                raise SimctlError(
                    f"{place}, {at}: {path} stays in group {stays[path]}; delete one of the two entries",
                    exit_code=EXIT_USAGE,
                )
            if path in gone:
                raise SimctlError(
                    f"{place}, {at}: {path} goes already as {gone[path]}; delete one of the two entries",
                    exit_code=EXIT_USAGE,
                )
            gone[path] = f"group {number}, {at}"


def _goes(group: PlannedGroup) -> Iterator[tuple[str, str]]:
    """Every path that goes, and its place in the group."""
    for number, entry in enumerate(group.goes, 1):
        yield f"goes {number}", entry.path
        for at, companion in enumerate(entry.companions, 1):
            yield f"goes {number}, companion {at}", companion.path


def _emptied(group: PlannedGroup) -> Iterator[str]:
    if not group.stays:
        yield "nothing stays; move an entry from goes to stays, or delete the group"


def _lost(group: PlannedGroup) -> Iterator[str]:
    """What would be carried to where nothing stays."""
    images = {entry.image_id for entry in group.stays}
    for number, labels in enumerate(group.labels, 1):
        if labels.to not in images:
            yield (
                f'carry {number}, "to": no picture that stays has the image_id {labels.to}; put that of one that stays'
            )
    for sidecar in group.sidecars:
        if group.goes and not any(_is_beside(sidecar.to, entry) for entry in group.stays):
            yield (
                f'carry, "to": {sidecar.to} is beside no picture that stays; name it after one that stays, in its '
                "folder, or write the plan anew"
            )


def _is_beside(path: str, entry: Entry) -> bool:
    folder, name = os.path.split(path)
    stem = os.path.splitext(os.path.basename(entry.path))[0]
    return folder == os.path.dirname(entry.path) and name.startswith(f"{stem}.")
