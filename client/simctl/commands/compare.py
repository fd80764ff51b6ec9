"""`simctl compare A B`: how much two pictures are alike, and whether they are one, edited."""

from __future__ import annotations

import argparse

from simctl.answers import Levels, Verdict
from simctl.client import Client
from simctl.connection import Subject
from simctl.errors import EXIT_NOTHING_FOUND, SimctlError
from simctl.output import Output, json_text, percent
from simctl.picture import display_name, read
from simctl.similarity import similarity

_LOOKS = {
    "same": "looks like the same picture",
    "near": "looks nearly like the same picture",
    "similar": "looks similar",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("first", metavar="A", help="an image file; - reads it from stdin")
    parser.add_argument("second", metavar="B", help="another one")
    parser.add_argument(
        "--min-similarity",
        type=similarity,
        metavar="S",
        help="end with 4 if they are less similar than this: same, near, similar, a number of -1 to 1, or a percentage",
    )


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Compare, and say it by the exit code as well."""
    if args.first == args.second == "-":
        raise SimctlError("stdin holds one picture only; name the other one's file", exit_code=2)
    try:
        found = client.compare(Subject(image=read(args.first)), Subject(image=read(args.second)))
    except SimctlError as error:
        side, _, _ = error.field.partition(".")
        if side not in ("first", "second"):
            raise
        name = display_name(getattr(args, side))
        raise SimctlError(
            f"{name}: {error}", code=error.code, reason=error.reason, field=error.field, exit_code=error.exit_code
        ) from error
    least = _least(args.min_similarity, found.levels)
    if args.json:
        output.json(
            {
                "first": json_text(args.first),
                "second": json_text(args.second),
                "distance": found.distance,
                "similarity": found.similarity,
                "level": found.level,
                "same": found.same,
                **({"verdict": found.verdict.document()} if found.verdict else {}),
            }
        )
    else:
        same = ", the same bytes" if found.same else ""
        word = f"; {found.level}: {_LOOKS[found.level]}" if found.level in _LOOKS else ""
        output.line(f"{percent(found.distance, found.similarity)} similar, distance {found.distance:.4f}{same}{word}")
        if found.verdict:
            output.line(f"verified: {_judged(found.verdict)}")
    return 0 if least is None or found.similarity >= least else EXIT_NOTHING_FOUND


def _least(wanted: float | str | None, levels: Levels | None) -> float | None:
    """The least similarity that is asked for."""
    if not isinstance(wanted, str):
        return wanted
    if levels is None:
        raise SimctlError(
            f"the daemon's model is not calibrated, so {wanted} stands for no similarity; "
            "give --min-similarity a number, -1 to 1"
        )
    return float(getattr(levels, wanted))


def _judged(verdict: Verdict) -> str:
    """The verdict for a person."""
    if not verdict.same:
        return "not one picture"
    how = ["mirrored"] if verdict.mirrored else []
    how += [f"turned by {verdict.turned} degrees"] if verdict.turned else []
    return ", ".join(["one picture", *how, f"{verdict.share:.0%} of what was compared agrees"])
