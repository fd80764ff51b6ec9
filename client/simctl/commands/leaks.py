"""`simctl leaks --between DIR DIR`: pictures that are on both sides of a split, the same or edited."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from simctl.client import Client
from simctl.duplicates import members
from simctl.errors import EXIT_NOTHING_FOUND
from simctl.labels.labelled import Leak
from simctl.output import Output, counted, printable


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--between", nargs=2, metavar="DIR", required=True, help="the two sides, such as the folders train and val"
    )
    parser.add_argument(
        "--paths-only", action="store_true", help="print the paths of the second side, each once, sorted; nothing else"
    )
    parser.add_argument("-0", "--null", action="store_true", help="with --paths-only: end each path with NUL")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """List them, as they come."""
    counting = _Counting(client.leaks(*args.between))
    if args.json:
        output.json({"leaks": [document(leak) for leak in counting]})
    elif args.jsonl:
        for leak in counting:
            output.json(document(leak))
    elif args.paths_only:
        output.paths(sorted({leak.right.path for leak in counting}), zero=args.null)
    else:
        for leak in counting:
            relation = output.style(members.relation(leak.right), "yellow")
            output.line(f"{relation}\n  {printable(leak.left.path)}\n  {printable(leak.right.path)}")
        output.line(output.style(counted(counting.count, "leak"), "dim"))
    return 0 if counting.count else EXIT_NOTHING_FOUND


class _Counting:
    """Counts the leaks that go by."""

    def __init__(self, leaks: Iterator[Leak]) -> None:
        self._leaks = leaks
        self.count = 0

    def __iter__(self) -> Iterator[Leak]:
        for leak in self._leaks:
            self.count += 1
            yield leak


def document(leak: Leak) -> dict[str, object]:
    """A leak as JSON has it."""
    return {"left": members.document(leak.left), "right": members.document(leak.right)}
