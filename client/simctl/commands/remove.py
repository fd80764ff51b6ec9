"""`simctl remove PATH...`: take files, folders and images out of the answers. Nothing is deleted from a folder."""

from __future__ import annotations

import argparse

from simctl.client import Client
from simctl.errors import EXIT_NOTHING_FOUND, EXIT_PARTLY_FAILED
from simctl.output import Output, counted, json_paths, printable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a file or a folder")
    parser.add_argument(
        "--image-id", action="append", default=[], metavar="ID", help="an image, with all its files; may be repeated"
    )


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Remove, and list what was not known."""
    result = client.remove(args.paths, args.image_id)
    if args.json:
        output.json({"files": result.files, "images": result.images, **json_paths(result.missing, "missing")})
    else:
        output.line(f"{counted(result.files, 'file')} and {counted(result.images, 'image')} taken out of the answers")
    for name in result.missing:
        output.error(f"not known: {printable(name)}")
    if not result.missing:
        return 0
    return EXIT_PARTLY_FAILED if result.files else EXIT_NOTHING_FOUND
