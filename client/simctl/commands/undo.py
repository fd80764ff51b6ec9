"""`simctl undo LOG`: take back what `simctl apply` did, file by file, the last one first."""

from __future__ import annotations

import argparse

from simctl.cleanup.daemonlabels import DaemonLabels
from simctl.cleanup.disk import Disk
from simctl.cleanup.interruption import Interruption
from simctl.cleanup.steps import Steps
from simctl.cleanup.undoing import Undoer, Undone
from simctl.cleanup.undolog import UndoLog
from simctl.client import Client
from simctl.errors import EXIT_INTERRUPTED, EXIT_NOTHING_FOUND, EXIT_PARTLY_FAILED, SimctlError
from simctl.output import Output, counted, json_path, printable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("log", metavar="LOG", help="the undo log, which `simctl apply` named at its end")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Take back, and tell what could not be."""
    disk = Disk()
    with UndoLog(args.log, disk) as log, Interruption() as interruption:
        undoer = Undoer(log, Steps(disk, DaemonLabels(client)), is_stopped=interruption.is_asked)
        if not any(True for _ in log.entries()):
            raise SimctlError(f"{args.log}: nothing was done by it", exit_code=EXIT_NOTHING_FOUND)
        undone = []
        total = len(undoer.left())
        for number, one in enumerate(undoer.run(), 1):
            undone.append(one)
            output.progress(f"{number:,} of {counted(total, 'step')}  {one.step.path}")
            if one.taken.why:
                output.error(one.taken.why)
        output.clear()
        return _tell(args, undone, interruption.is_asked(), output)


def _tell(args: argparse.Namespace, undone: list[Undone], interrupted: bool, output: Output) -> int:
    done = [one for one in undone if one.taken.done]
    restored = sum(one.taken.restored for one in done)
    labels = sum(len(one.step.labels) for one in done)
    odd = [one for one in undone if one.taken.why]
    if args.json:
        output.json(
            {
                **json_path(args.log, "undo_log"),
                "restored": restored,
                "labels": labels,
                "left": [
                    {**json_path(one.step.path), "done": one.taken.done, "why": printable(one.taken.why)} for one in odd
                ],
                "interrupted": interrupted,
            }
        )
    else:
        if undone or interrupted:
            output.line(f"{counted(restored, 'file')} restored")
        else:
            output.line("nothing is left to be taken back")
        if labels:
            output.line(f"{counted(labels, 'label')} taken back")
        if odd:
            output.line(f"{counted(len(odd), 'file is', 'files are')} not as before, see above")
        if interrupted:
            output.line("interrupted; run it again to go on")
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_PARTLY_FAILED if odd else 0
