"""`simctl pause [--for DURATION]`: stop indexing."""

from __future__ import annotations

import argparse
import re

from simctl.client import Client
from simctl.output import Output, moment

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--for",
        dest="seconds",
        type=seconds_of,
        metavar="DURATION",
        help="go on by itself after that: seconds, or such as 90s, 15m, 2h, 1h30m, 1d; else until `simctl resume`",
    )


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Pause, and say until when."""
    until = client.pause(args.seconds)
    if args.json:
        output.json({"paused": True, "paused_until": until})
    else:
        output.line(f"indexing is paused until {'`simctl resume`' if until is None else moment(until)}; searches go on")
    return 0


def seconds_of(text: str) -> float:
    """The seconds of `90`, `90s`, `15m`, `2h`, `1h30m` or `1d`."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    elif re.fullmatch(rf"({_PART.pattern})+", text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    else:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 15m, 2h, 1h30m or 1d")
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"the duration {text} is not greater than 0")
    return seconds
