"""`simctl completion SHELL`: what lets a shell complete commands, options and files."""

from __future__ import annotations

import argparse
import importlib.resources

from simctl.client import Client
from simctl.output import Output

_FILES = {"bash": "simctl.bash", "zsh": "_simctl", "fish": "simctl.fish"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=sorted(_FILES), help="which shell it is for")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Print the script; the daemon is not asked."""
    script = importlib.resources.files("simctl").joinpath("completions", _FILES[args.shell]).read_text()
    if args.json:
        output.json({"shell": args.shell, "script": script})
    else:
        output.text(script)
    return 0
