"""`simctl files`: the files that are searchable."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from simctl.client import Client
from simctl.contents import File
from simctl.errors import EXIT_NOTHING_FOUND
from simctl.output import Output, counted, json_path, printable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--path-prefix", metavar="DIR", help="only files under this directory")
    parser.add_argument("--paths-only", action="store_true", help="print paths, nothing else")
    parser.add_argument("-0", "--null", action="store_true", help="with --paths-only: end each path with NUL")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """List them, as they come."""
    counting = _Counting(client.files(args.path_prefix))
    if args.json:
        output.json({"files": [document(file) for file in counting]})
    elif args.jsonl:
        for file in counting:
            output.json(document(file))
    elif args.paths_only:
        output.paths((file.path for file in counting), zero=args.null)
    else:
        for file in counting:
            output.line(f"{file.image_id}  {_size(file):>11}  {file.format:<5}  {printable(file.path)}")
        output.line(output.style(counted(counting.count, "file"), "dim"))
    return 0 if counting.count else EXIT_NOTHING_FOUND


class _Counting:
    """Counts the files that go by."""

    def __init__(self, files: Iterator[File]) -> None:
        self._files = files
        self.count = 0

    def __iter__(self) -> Iterator[File]:
        for file in self._files:
            self.count += 1
            yield file


def _size(file: File) -> str:
    return f"{file.width}x{file.height}" if file.width else ""


def document(file: File) -> dict[str, object]:
    """A searchable file as JSON has it."""
    return {
        **json_path(file.path),
        "image_id": file.image_id,
        "size": file.size,
        "modified_time": file.modified_time,
        "width": file.width,
        "height": file.height,
        "format": file.format,
        "animated": file.animated,
    }
