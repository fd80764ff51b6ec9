"""`simctl resume`: go on with indexing."""

from __future__ import annotations

import argparse

from simctl.client import Client
from simctl.output import Output


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: there are none."""


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Resume, and say whether it was paused."""
    was_paused = client.resume()
    if args.json:
        output.json({"was_paused": was_paused})
    else:
        output.line("indexing goes on" if was_paused else "indexing was not paused")
    return 0
