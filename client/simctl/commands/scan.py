"""`simctl scan`: look for changes now, or with `--explain` say why paths are or are not in the answers."""

from __future__ import annotations

import argparse

from simctl.client import Client
from simctl.errors import EXIT_PARTLY_FAILED, EXIT_USAGE
from simctl.output import Output, counted, json_path, json_paths, printable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a root or a folder inside one; every root if none")
    parser.add_argument("--retry", action="store_true", help="try again what could not be indexed")
    parser.add_argument(
        "--confirm-deletes",
        action="store_true",
        help="what is gone from the named ROOT is meant to be gone, even if it is most of it",
    )
    parser.add_argument(
        "--explain", action="store_true", help="scan nothing, but say why each PATH is or is not in the answers"
    )


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Scan, and say what was found."""
    if args.explain:
        return _explain(args, client, output)
    if args.confirm_deletes and not args.paths:
        output.error("usage: simctl scan --confirm-deletes ROOT")
        return EXIT_USAGE
    result = client.scan(args.paths, retry_rejected=args.retry, confirm_deletes=args.confirm_deletes)
    if args.json:
        counts = {"seen": result.seen, "changed": result.changed, "deleted": result.deleted}
        output.json({**counts, **json_paths(result.offline, "offline")})
    else:
        output.line(f"{counted(result.seen, 'file')} seen, {result.changed:,} new or changed, {result.deleted:,} gone")
    for path in result.offline:
        output.error(f"offline: {printable(path)} cannot be read now; nothing in it was changed")
    return EXIT_PARTLY_FAILED if result.offline else 0


def _explain(args: argparse.Namespace, client: Client, output: Output) -> int:
    if args.confirm_deletes or args.retry or not args.paths:
        output.error("usage: simctl scan --explain PATH...")
        return EXIT_USAGE
    found = client.explain(args.paths)
    if args.json:
        items = [
            {**json_path(item.path), "indexed": item.indexed, "reason": item.reason, "detail": item.detail}
            for item in found
        ]
        output.json({"explanations": items})
        return 0
    for item in found:
        detail = f": {printable(item.detail)}" if item.detail else ""
        output.line(
            f"{printable(item.path)}: {output.style(item.reason, 'green' if item.indexed else 'yellow')}{detail}"
        )
    return 0
