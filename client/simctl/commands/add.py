"""`simctl add PATH...`: index files now, and watch folders from now on."""

from __future__ import annotations

import argparse

from simctl.client import Client
from simctl.errors import EXIT_ERROR, EXIT_PARTLY_FAILED
from simctl.output import Output, counted, json_path, printable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file inside a root, or a folder")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Add, and list what was refused."""
    result = client.add(args.paths)
    if args.json:
        rejected = [{**json_path(r.path), "reason": r.reason, "detail": r.detail} for r in result.rejected]
        output.json(
            {"added": result.added, "unchanged": result.unchanged, "queued": result.queued, "rejected": rejected}
        )
    else:
        became = {
            "added": result.added,
            "unchanged": result.unchanged,
            "queued; `simctl wait` returns when they are done": result.queued,
        }
        parts = [f"{counted(count, 'file')} {what}" for what, count in became.items() if count] or ["0 files added"]
        output.line(", ".join(parts))
    for item in result.rejected:
        output.error(f"not indexed: {printable(item.path)}: {item.reason}: {item.detail}")
    if not result.rejected:
        return 0
    return EXIT_PARTLY_FAILED if result.added + result.unchanged + result.queued else EXIT_ERROR
