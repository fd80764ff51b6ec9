"""`simctl compare A B`: how much two pictures are alike."""

from __future__ import annotations

import argparse

from simctl.client import Client
from simctl.connection import Subject
from simctl.errors import EXIT_NOTHING_FOUND, SimctlError
from simctl.output import Output, json_text, percent
from simctl.picture import display_name, read


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("first", metavar="A", help="an image file; - reads it from stdin")
    parser.add_argument("second", metavar="B", help="another one")
    parser.add_argument(
        "--min-similarity", type=float, metavar="S", help="end with 4 if they are less similar than this, -1 to 1"
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
    if args.json:
        output.json(
            {
                "first": json_text(args.first),
                "second": json_text(args.second),
                "distance": found.distance,
                "similarity": found.similarity,
                "same": found.same,
            }
        )
    else:
        same = ", the same bytes" if found.same else ""
        output.line(f"{percent(found.distance, found.similarity)} similar, distance {found.distance:.4f}{same}")
    alike = args.min_similarity is None or found.similarity >= args.min_similarity
    return 0 if alike else EXIT_NOTHING_FOUND
