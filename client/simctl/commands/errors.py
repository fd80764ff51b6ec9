"""`simctl errors`: the files that are not indexed, and why."""

from __future__ import annotations

import argparse

from simctl.client import Client
from simctl.contents import FileError
from simctl.output import Output, counted, json_path, printable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--path-prefix", metavar="DIR", help="only files under this directory")
    parser.add_argument("--paths-only", action="store_true", help="print paths, nothing else")
    parser.add_argument("-0", "--null", action="store_true", help="with --paths-only: end each path with NUL")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """List them, as they come."""
    lines = client.errors(args.path_prefix)
    if args.json:
        found = [document(line) for line in lines]
        output.json({"errors": found, "total": len(found)})
    elif args.jsonl:
        for line in lines:
            output.json(document(line))
    elif args.paths_only:
        output.paths((line.path for line in lines), zero=args.null)
    else:
        number = 0
        for line in lines:
            number += 1
            reason = output.style(f"{line.reason:<18}", "red")
            output.line(f"{reason}  {printable(line.path)}  {output.style(printable(line.detail), 'dim')}")
        output.line(output.style(f"{counted(number, 'file is', 'files are')} not indexed", "dim"))
    return 0


def document(line: FileError) -> dict[str, object]:
    """A file that is not indexed as JSON has it."""
    return {
        **json_path(line.path),
        "reason": line.reason,
        "detail": line.detail,
        "size": line.size,
        "modified_time": line.modified_time,
        "failed_time": line.failed_time,
    }
