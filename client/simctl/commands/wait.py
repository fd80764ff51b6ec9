"""`simctl wait`: return when the daemon is ready and nothing is pending."""

from __future__ import annotations

import argparse

from simctl.client import Client
from simctl.commands.status import document, summary
from simctl.errors import EXIT_ERROR
from simctl.output import Output, counted
from simctl.reports import Status


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: `--timeout` is every command's."""


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Wait, and say how it ended."""
    status = client.wait(args.timeout, lambda reading: output.progress(_progress(client, reading)))
    output.clear()
    if args.json:
        output.json({"settled": status.settled, **document(status)})
    elif status.settled:
        output.line(f"settled: {counted(status.images, 'image')} in {counted(status.files, 'file')}")
    if not status.settled:
        output.error(f"not settled after {args.timeout:g} s: {summary(status)}")
        return EXIT_ERROR
    return 0


def _progress(client: Client, reading: Status | None) -> str:
    return summary(reading) if reading is not None else f"no daemon at {client.address} yet"
