"""`simctl compact`: do all maintenance of the index now."""

from __future__ import annotations

import argparse
import dataclasses

from simctl.client import Client
from simctl.output import Output, counted, size


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: `--timeout` is every command's."""


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Wait until it is done, and say what it changed."""
    output.progress("compacting")
    done = client.compact()
    output.clear()
    if args.json:
        output.json(dataclasses.asdict(done))
    else:
        before, after = done.before, done.after
        output.line(
            f"{counted(after.vectors, 'vector')}, {size(before.disk_bytes)} before, {size(after.disk_bytes)} now; "
            f"{before.dead:,} dead before, {after.dead:,} now"
        )
    return 0
