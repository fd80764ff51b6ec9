"""`simctl health`: whether the daemon serves, for health checks."""

from __future__ import annotations

import argparse

from simctl.client import Client
from simctl.errors import EXIT_UNREACHABLE
from simctl.output import Output


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: there are none."""


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Ask, and end with 0 only if it serves."""
    status = client.health()
    if args.json:
        output.json({"status": status})
    else:
        output.line(output.style(status, "green" if status == "SERVING" else "yellow"))
    return 0 if status == "SERVING" else EXIT_UNREACHABLE
