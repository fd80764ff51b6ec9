"""`simctl apply FILE`: clean copies up as a plan says. Nothing is deleted, and `simctl undo` takes it back."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from dataclasses import dataclass, field

from simctl import streams
from simctl.cleanup import fields, planfile, review, soundness
from simctl.cleanup.applying import Applier, GroupOutcome, Way
from simctl.cleanup.checking import LINKS
from simctl.cleanup.daemonlabels import DaemonLabels
from simctl.cleanup.disk import Disk
from simctl.cleanup.interruption import Interruption
from simctl.cleanup.logplace import log_path
from simctl.cleanup.plan import CarriedSidecar, Plan
from simctl.cleanup.planning import LeftOut
from simctl.cleanup.steps import Steps
from simctl.cleanup.trash import Trash
from simctl.cleanup.undolog import UndoLog
from simctl.client import Client
from simctl.errors import EXIT_INTERRUPTED, EXIT_NOTHING_FOUND, EXIT_PARTLY_FAILED, EXIT_USAGE, SimctlError
from simctl.output import Output, counted, json_path, printable, size


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "plan",
        metavar="FILE",
        help="a plan that `simctl duplicates --plan` wrote, or what the page gave; - reads it from stdin",
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--trash", action="store_true", help="put what goes into the trash of the desktop; the default")
    ways.add_argument("--move", metavar="DIR", help="move it below this folder, where it keeps its whole path")
    ways.add_argument(
        "--hardlink", action="store_true", help="make it another name of what stays; only of the same bytes"
    )
    ways.add_argument(
        "--reflink", action="store_true", help="let it share the storage of what stays; only of the same bytes"
    )
    parser.add_argument("--dry-run", action="store_true", help="check everything, change nothing, tell what would go")
    parser.add_argument("--yes", action="store_true", help="do not ask first; only on a terminal it is asked at all")
    parser.add_argument(
        "--undo-log",
        metavar="FILE",
        help="write the undo log there; by default it is beside the plan, or below $XDG_STATE_HOME/simd/undo",
    )


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Apply the plan, and tell what became of it."""
    left_out: list[LeftOut] = []
    plan, file = _plan(args, left_out)
    for one in left_out:
        output.error(f"left out: {one.why}")
    name = "the plan on stdin" if file == "-" else file
    soundness.check(plan, name)
    way = _way(args)
    if not any(group.goes for group in plan.groups):
        raise SimctlError(f"{name}: nothing goes by it", exit_code=EXIT_NOTHING_FOUND)
    path = args.undo_log or log_path(file, plan.created, os.environ)
    result = _Result(way, args.dry_run)
    if args.dry_run:
        _apply(plan, client, output, result, _earlier(path))
    elif args.yes or _is_wanted(plan, way, output):
        plan_path = file if file == "-" else os.path.abspath(file)
        with UndoLog(path, Disk(), plan=plan_path, planned=plan.created, name=secrets.token_hex(4)) as log:
            _apply(plan, client, output, result, log)
    else:
        output.note("nothing was done")
        return 0
    if args.json:
        output.json(result.document())
    else:
        _tell_people(result, output)
    if result.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_PARTLY_FAILED if result.left or left_out else 0


def _plan(args: argparse.Namespace, left_out: list[LeftOut]) -> tuple[Plan, str]:
    """The plan, and its file: of what the page gave the one beside it, and what that does not have."""
    name = "the plan on stdin" if args.plan == "-" else args.plan
    document = fields.read(_text(args.plan), name)
    if not review.is_review(document):
        return planfile.of(document, name), args.plan
    reviewed = review.of(document, name)
    file = review.plan_path(args.plan)
    if args.dry_run and not os.path.lexists(file):
        return review.drafted(reviewed, left_out), file
    if args.plan == "-":
        raise SimctlError(f"{name} is a review, beside which its plan is written; name its file", exit_code=EXIT_USAGE)
    return review.completed(reviewed, file, left_out), file


@dataclass(slots=True)
class _Result:
    """What became of all groups together."""

    way: Way
    dry_run: bool
    log: str = ""
    groups: list[GroupOutcome] = field(default_factory=list)
    interrupted: bool = False

    @property
    def files(self) -> int:
        """How many files went."""
        return sum(len(one.gone) for one in self.groups)

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(gone.size for one in self.groups for gone in one.gone)

    @property
    def labels(self) -> int:
        """How many labels were new to what stays."""
        return sum(len(one.labels) for one in self.groups)

    @property
    def sidecars(self) -> list[CarriedSidecar]:
        """What was copied beside what stays."""
        return [sidecar for one in self.groups for sidecar in one.sidecars]

    @property
    def already(self) -> int:
        """How many files were dealt with before."""
        return sum(one.already for one in self.groups)

    @property
    def left(self) -> list[tuple[GroupOutcome, str]]:
        """Why something was left."""
        return [(one, why) for one in self.groups for why in one.left]

    def document(self) -> dict[str, object]:
        """All of it as JSON has it."""
        return {
            "way": self.way.name,
            "dry_run": self.dry_run,
            "gone": [
                {"group": one.number, **json_path(gone.path), **(json_path(gone.to, "to") if gone.to else {})}
                for one in self.groups
                for gone in one.gone
            ],
            "bytes": self.size,
            "already": self.already,
            "labels": self.labels,
            "sidecars": [
                {
                    **json_path(one.source, "from"),
                    **json_path(one.to, "to"),
                    **(json_path(one.against, "with") if one.against else {}),
                }
                for one in self.sidecars
            ],
            "left": [{"group": one.number, "group_id": one.group_id, "why": printable(why)} for one, why in self.left],
            "interrupted": self.interrupted,
            **(json_path(self.log, "undo_log") if self.log else {}),
        }


def _earlier(path: str) -> UndoLog | None:
    """The log of an earlier run, for a dry run to look at."""
    if not os.path.exists(path):
        return None
    with UndoLog(path, Disk()) as log:
        return log


def _apply(plan: Plan, client: Client, output: Output, result: _Result, log: UndoLog | None) -> None:
    """Apply a plan, with progress on the terminal."""
    total = sum(1 + len(entry.companions) for group in plan.groups for entry in group.goes)
    seen = 0

    def on_file(path: str) -> None:
        nonlocal seen
        seen += 1
        output.progress(f"{seen:,} of {counted(total, 'file')}  {path}")

    disk, labels = Disk(), DaemonLabels(client)
    result.log = log.path if log and not result.dry_run else ""
    with Interruption() as interruption:
        applier = Applier(
            result.way,
            log,
            Steps(disk, labels),
            Trash(disk, os.environ, os.getuid()),
            labels,
            dry_run=result.dry_run,
            is_stopped=interruption.is_asked,
            on_file=on_file,
        )
        try:
            for outcome in applier.run(plan):
                result.groups.append(outcome)
                for why in outcome.left:
                    output.error(f"group {outcome.number}: {why}")
        except SimctlError as error:
            if not (result.log and result.files):
                raise
            # What was done until then should not have to be guessed.
            raise SimctlError(
                f"{error}; {counted(result.files, 'file')} went before that; take them back with: simctl undo "
                f"{result.log}",
                code=error.code,
                reason=error.reason,
                exit_code=error.exit_code,
            ) from error
        result.interrupted = interruption.is_asked()
    output.clear()


_DOES = {
    "trash": ("would go to the trash", "moved to the trash"),
    "move": ("would be moved to {}", "moved to {}"),
    "hardlink": ("would become hard links", "made hard links"),
    "reflink": ("would share the storage of what stays", "made to share the storage of what stays"),
}


def _tell_people(result: _Result, output: Output) -> None:
    if result.dry_run:
        for one in result.groups:
            for gone in one.gone:
                output.line(f"group {one.number}: would go: {printable(gone.path)}")
    does = _DOES[result.way.name][not result.dry_run].format(printable(result.way.folder))
    groups = counted(sum(1 for one in result.groups if one.gone), "group")
    if result.files or not result.already:
        output.line(f"{counted(result.files, 'file')} of {groups} {does}, {size(result.size)}")
    _tell_carried(result, output)
    if result.already:
        output.line(f"{counted(result.already, 'file')} had been dealt with before")
    if result.left:
        output.line(f"{counted(len(result.left), 'file or group', 'files or groups')} left alone, see above")
    if result.interrupted:
        output.line("interrupted; run it again to go on")
    if result.log:
        output.line(f"take it back with: simctl undo {printable(result.log)}")


def _tell_carried(result: _Result, output: Output) -> None:
    carried = [counted(result.labels, "label")] if result.labels else []
    carried += [counted(len(result.sidecars), "sidecar")] if result.sidecars else []
    if carried:
        output.line(f"{'would be carried' if result.dry_run else 'carried'} over: {' and '.join(carried)}")
    for one in result.sidecars:
        if one.against:
            output.line(f"both are kept: {printable(one.against)}, and {printable(one.to)} from what goes")


def _text(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read()
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        why = streams.reason(error) if path == "-" else error.strerror
        raise SimctlError(f"cannot read the plan {path}: {why}", exit_code=EXIT_USAGE) from error


def _way(args: argparse.Namespace) -> Way:
    if args.move is not None:
        folder = os.path.realpath(args.move)
        if os.path.lexists(folder) and not os.path.isdir(folder):
            raise SimctlError(f"{args.move} is no folder; name one, or one that can be made", exit_code=EXIT_USAGE)
        return Way("move", folder)
    return Way("hardlink" if args.hardlink else "reflink" if args.reflink else "trash")


def _is_wanted(plan: Plan, way: Way, output: Output) -> bool:
    """Ask, where there is a person to ask."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    going = [entry for group in plan.groups for entry in group.goes]
    groups = sum(1 for group in plan.groups if group.goes)
    does = {
        "trash": "go to the trash",
        "move": f"are moved to {way.folder}",
        "hardlink": "become hard links, where the bytes are the same",
        "reflink": "share storage, where the bytes are the same",
    }[way.name]
    pictures = f"{counted(len(going), 'picture')} of {counted(groups, 'group')}"
    belonging = "" if way.name in LINKS else ", with what belongs to them"
    output.ask(f"{pictures} {does}{belonging}, {size(sum(entry.size for entry in going))}. Go on? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
