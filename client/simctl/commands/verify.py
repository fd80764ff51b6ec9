"""`simctl verify`: read all of the index and tell what is wrong with it."""

from __future__ import annotations

import argparse

from simctl.client import Client
from simctl.contents import Verified
from simctl.errors import EXIT_ERROR, SimctlError
from simctl.output import Output, counted, printable, size


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: `--timeout` is every command's."""


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Wait until it is done, and list the problems."""
    last: Verified | None = None
    for last in client.verify():
        output.progress(f"{size(last.bytes_checked)} of {size(last.bytes_total)} read")
    output.clear()
    if last is None or not last.done:
        raise SimctlError("the daemon ended the verification without a result")
    if args.json:
        document = {"sound": not last.problem_count, "bytes_checked": last.bytes_checked}
        output.json({**document, "problems": last.problems, "problem_count": last.problem_count})
    else:
        for problem in last.problems:
            output.line(printable(problem))
        _conclude(last, output)
    return EXIT_ERROR if last.problem_count else 0


def _conclude(last: Verified, output: Output) -> None:
    read = f"{size(last.bytes_checked)} read"
    if not last.problem_count:
        output.line(f"sound; {read}")
        return
    output.error(
        f"{counted(last.problem_count, 'problem')}; {read}. Stop the daemon; `simd check --repair` saves what is sound"
    )
