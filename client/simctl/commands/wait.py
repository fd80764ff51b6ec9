"""`simctl wait`: return when the daemon is ready and nothing is pending.

While indexing is paused nothing gets done. With `--timeout` that is said at once and waited out, as somebody may resume
it; without, the command gives up unless the pause ends by itself. It also gives up where something is damaged.
"""

from __future__ import annotations

import argparse

from simctl.bar import Bar
from simctl.client import Client
from simctl.commands.status import document, paused, summary
from simctl.errors import EXIT_ERROR
from simctl.output import Output, counted
from simctl.reports import Status


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: `--timeout` is every command's."""


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Wait, and say how it ended."""
    watch = _Progress(client.address, output)
    status = client.wait(args.timeout, watch.show)
    output.clear()
    if args.json:
        output.json({"settled": status.settled, **document(status)})
    elif status.settled:
        output.line(f"settled: {counted(status.images, 'image')} in {counted(status.files, 'file')}")
    if not status.settled:
        after = "" if args.timeout is None else f" after {args.timeout:g} s"
        output.error(f"not settled{after}: {summary(status)}")
        return EXIT_ERROR
    return 0


class _Progress:
    """What is on the terminal meanwhile."""

    def __init__(self, address: str, output: Output) -> None:
        self._address = address
        self._output = output
        self._bar = Bar()
        self._paused = False

    def show(self, reading: Status | None) -> None:
        """Show a reading; None while no daemon answers."""
        if reading is None:
            self._output.progress(f"no daemon at {self._address} yet")
            return
        pauses = reading.paused and reading.pending > 0
        if pauses and not self._paused:
            self._output.note(f"{paused(reading)}; {reading.pending:,} pending")
        self._paused = pauses
        self._output.progress(self._bar.text(reading) if reading.pending and not pauses else summary(reading))
