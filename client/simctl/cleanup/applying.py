"""Applying a plan: group by group, each checked just before, each step in the undo log before it is made.

1. What an interrupted run left open is taken back, by what the disk says.
2. Where labels are to be carried over, the daemon must answer, or nothing is begun.
3. Of each group: all files are checked; labels, then sidecars are carried over; then pictures go, each followed by what
   goes with it. What fails is taken back, and the rest of its group is left.

Crash note: after a crash at any point, another run of the same plan goes on, and `simctl undo` takes all back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from simctl.cleanup.checking import LINKS, Checked, Checker, Leaving
from simctl.cleanup.labels import Labels
from simctl.cleanup.plan import CarriedSidecar, Plan, PlannedGroup
from simctl.cleanup.stamp import Stamp, Unfit, is_unchanged
from simctl.cleanup.steps import Steps
from simctl.cleanup.trash import Trash
from simctl.cleanup.undoing import Undoer
from simctl.cleanup.undolog import Step, UndoLog
from simctl.errors import EXIT_USAGE, SimctlError


@dataclass(frozen=True, slots=True)
class Way:
    """How files go: "trash", "move" (to a folder), "hardlink" or "reflink" (in their place, to what stays)."""

    name: str
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """A file that went, or would go; `to` is where, or what it is linked to; empty where that is not known yet."""

    path: str
    to: str
    size: int


@dataclass(slots=True)
class GroupOutcome:
    """What became of a group.

    Args:
        number: in the plan, from 1.
        group_id: of the plan.
        gone: the files that went.
        labels: that were new to an image that stays.
        sidecars: that were carried over.
        left: why files were left, for a person.
        already: how many files an earlier run dealt with.
    """

    number: int
    group_id: str
    gone: list[Gone] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    sidecars: list[CarriedSidecar] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    already: int = 0


class _Failed(Exception):
    """A step could not be made and was taken back; the message says why."""


class Applier:
    """Applies plans.

    Args:
        way: how files go.
        log: where steps are written; of a dry run, that of earlier runs, or None.
        steps: makes them.
        trash: finds places.
        labels: of the daemon.
        dry_run: change nothing, and tell what would be done.
        is_stopped: asked before each file; True ends the run there.
        on_file: called with the path of each file before it goes.
    """

    def __init__(
        self,
        way: Way,
        log: UndoLog | None,
        steps: Steps,
        trash: Trash,
        labels: Labels,
        *,
        dry_run: bool = False,
        is_stopped: Callable[[], bool] = lambda: False,
        on_file: Callable[[str], None] = lambda path: None,
    ) -> None:
        self._way = way
        self._log = None if dry_run else log
        self._earlier = log
        self._steps = steps
        self._trash = trash
        self._labels = labels
        self._is_stopped = is_stopped
        self._on_file = on_file

    def run(self, plan: Plan) -> Iterator[GroupOutcome]:
        """Apply a plan that is sound; tells each group as soon as it is done.

        Raises:
            SimctlError: the log cannot be written, or the daemon does not answer.
        """
        if self._way.name == "move":
            _refuse_inside(self._way.folder, plan)
        self._recover()
        if self._log is not None and self._way.name not in LINKS:
            _ask(self._labels, plan)
        checker = Checker(self._way.name, self._earlier.entries() if self._earlier else (), self._is_stopped)
        for number, group in enumerate(plan.groups, 1):
            if self._is_stopped():
                break
            if group.goes:
                yield self._group(number, group, checker)
        if self._log is not None:
            self._log.sync()

    def _group(self, number: int, group: PlannedGroup, checker: Checker) -> GroupOutcome:
        outcome = GroupOutcome(number, group.group_id)
        checked = checker.check(group)
        if self._is_stopped():
            return outcome
        outcome.left += checked.left
        outcome.already = checked.already
        if checked.problems:
            outcome.left = checked.problems
        elif checked.leaving:
            try:
                self._carry(group, checked, outcome)
                for leaving in checked.leaving:
                    if self._is_stopped():
                        break
                    self._send(group, leaving, checked, outcome)
            except _Failed as error:
                outcome.left.append(str(error))
        return outcome

    def _carry(self, group: PlannedGroup, checked: Checked, outcome: GroupOutcome) -> None:
        """Carry labels and sidecars over."""
        if self._way.name in LINKS:
            return
        for carried in group.labels:
            new = list(carried.labels)
            if self._log is not None:
                new = self._labels.lacking(carried.to, carried.labels)
            if new:
                self._make(group, "labels", image_id=carried.to, labels=new)
                outcome.labels += new
        for sidecar, stamp in checked.sidecars:
            if not is_unchanged(sidecar.source, stamp):
                raise _Failed(f"{sidecar.source} was changed meanwhile")
            self._make(group, "copy", path=sidecar.to, source=sidecar.source, stamp=stamp)
            outcome.sidecars.append(sidecar)

    def _send(self, group: PlannedGroup, leaving: Leaving, checked: Checked, outcome: GroupOutcome) -> None:
        """Make one file go."""
        self._on_file(leaving.path)
        if not is_unchanged(leaving.path, leaving.stamp):
            raise _Failed(f"{leaving.path} was changed, or is gone, since it was checked a moment ago")
        if checked.keeper is None or not is_unchanged(*checked.keeper):
            raise _Failed("what stays was changed, or is gone, since it was checked a moment ago")
        to = self._sent(group, leaving)
        outcome.gone.append(Gone(leaving.path, to, leaving.stamp.size))

    def _sent(self, group: PlannedGroup, leaving: Leaving) -> str:
        path, stamp = leaving.path, leaving.stamp
        if self._log is None:
            return leaving.source
        if leaving.source:
            self._make(group, self._way.name, path=path, source=leaving.source, stamp=stamp)
            return leaving.source
        if self._way.name == "move":
            to = _free(os.path.join(self._way.folder, path.lstrip("/")))
            self._make_dirs(group, os.path.dirname(to))
            self._make(group, "move", path=path, to=to, stamp=stamp)
            return to
        try:
            place = self._trash.place(path)
        except (OSError, Unfit) as error:
            raise _Failed(_why(error)) from error
        self._make(group, "trash", path=path, to=place.path, info=place.info, text=place.text, stamp=stamp)
        return place.path

    def _make_dirs(self, group: PlannedGroup, folder: str) -> None:
        if not os.path.isdir(folder):
            if os.path.lexists(folder):
                raise _Failed(f"{folder} is no folder, so nothing can be moved to it; name another DIR")
            self._make_dirs(group, os.path.dirname(folder))
            self._make(group, "mkdir", path=folder)

    def _make(
        self,
        group: PlannedGroup,
        do: str,
        *,
        path: str = "",
        to: str = "",
        source: str = "",
        info: str = "",
        text: str = "",
        stamp: Stamp | None = None,
        image_id: str = "",
        labels: Sequence[str] = (),
    ) -> None:
        """Make a step."""
        if self._log is None:
            return
        number = self._log.next_number()
        temporary = self._log.temporary(number) if stamp else ""
        step = Step(
            number, do, path, to, source, info, text, stamp, image_id, tuple(labels), temporary, group.group_id,
        )  # fmt: skip
        self._log.begin(step)
        try:
            self._steps.do(step)
        except (OSError, Unfit) as error:
            raise _Failed(f"{path or image_id} is left: {_why(error)}{self._roll_back(step)}") from error
        self._log.end(number, "done")

    def _roll_back(self, step: Step) -> str:
        """Take back what is left of a step that failed; tells what a person should know beyond that."""
        if self._log is None:
            return ""
        try:
            self._steps.undo(step)
        except (OSError, Unfit) as error:
            return f"; it is left half done ({_why(error)}), and the next run, or undo, takes it back"
        self._log.end(step.number, "failed")
        return ""

    def _recover(self) -> None:
        """Take back every step that a crash left open."""
        if self._log is None:
            return
        for undone in Undoer(self._log, self._steps).recovered():
            if not undone.taken.done and undone.step.do == "labels":
                raise SimctlError(f"an earlier run was interrupted, and {undone.taken.why}; nothing was done")


def _ask(labels: Labels, plan: Plan) -> None:
    """Let the daemon answer once, if it is needed later."""
    for group in plan.groups:
        if group.goes and group.labels:
            labels.lacking(group.labels[0].to, group.labels[0].labels)
            return


def _refuse_inside(folder: str, plan: Plan) -> None:
    real = os.path.realpath(folder)
    for group in plan.groups:
        for entry in group.goes:
            path = os.path.realpath(entry.path)
            if path == real or path.startswith(f"{real.rstrip('/')}/") or real.startswith(f"{path}/"):
                raise SimctlError(
                    f"{entry.path} goes, and {folder} contains it, or lies in it; name a folder that has none of the "
                    "plan's files",
                    exit_code=EXIT_USAGE,
                )


def _free(path: str) -> str:
    """The path, or one like it that nothing has."""
    stem, ending = os.path.splitext(path)
    found, number = path, 1
    while os.path.lexists(found):
        number += 1
        found = f"{stem} ({number}){ending}"
    return found


def _why(error: OSError | Unfit) -> str:
    return str(error) if isinstance(error, Unfit) else f"{error.strerror}"
