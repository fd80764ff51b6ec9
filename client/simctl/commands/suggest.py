"""`simctl suggest`: what to label next, why, and how far the labels reach."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence

from simctl.client import Client
from simctl.contents import File
from simctl.errors import EXIT_NOTHING_FOUND, EXIT_USAGE, SimctlError
from simctl.output import Output, counted
from simctl.suggest import formats, shown
from simctl.suggest.suggested import Suggested, Suggestion

MOST = 10_000
_DEFAULT = 100
_STRATEGIES = ("coverage", "uncertain", "diverse", "outliers", "random")
_FORMATS = ("text", "csv", "json", "jsonl", "paths", *formats.WRITERS)
_WHOLE = tuple(formats.WRITERS)
"""Formats to which nothing can be added later."""
_IMAGE_ID = re.compile("[0-9a-f]{32}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    which = parser.add_argument_group("which pictures")
    which.add_argument("-n", "--limit", type=_count, default=_DEFAULT, metavar="N", help=f"so many ({_DEFAULT})")
    which.add_argument(
        "--strategy",
        choices=_STRATEGIES,
        default="coverage",
        help="coverage, if none: those that stand for most pictures that no label stands for yet. uncertain: the same, "
        "where differently labelled pictures meet. diverse: those farthest from what is labelled. outliers: those that "
        "are alone. random",
    )
    which.add_argument("--path-prefix", metavar="DIR", help="only pictures under this directory; labels count anyway")
    which.add_argument(
        "--skip",
        metavar="FILE",
        help="leave out pictures that were passed over: a path or an image id a line, or ended by NUL; - is stdin",
    )
    parser.add_argument(
        "--watch", action="store_true", help="go on, and print what is suggested newly when labels or pictures come in"
    )
    printed = parser.add_argument_group("how they are printed")
    printed.add_argument(
        "--format",
        choices=_FORMATS,
        help="text, if none. csv: with an empty column `label` for simctl labels import. paths: a list. label-studio: "
        "tasks to import. cvat: a manifest, which gives a task its order. json and jsonl are --json and --jsonl",
    )
    printed.add_argument(
        "--base",
        metavar="DIR",
        help="for label-studio, cvat and paths: the folder that the other program serves, at which names begin; / if "
        "none",
    )
    printed.add_argument("--paths-only", action="store_true", help="the same as --format paths")
    printed.add_argument("-0", "--null", action="store_true", help="with --paths-only: end each path with NUL")


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MOST:
        raise argparse.ArgumentTypeError(f"{text} is not a number of 1 to {MOST}")
    return count


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Print them, once or as they come."""
    kind = _format(args)
    _demand_sense(args, kind)
    printer = _Printer(kind, args, output)
    told = 0
    for found, new in _answers(args, client, output):
        output.clear()
        told += len(new)
        printer.answer(found, new)
        output.flush()
    return 0 if told else EXIT_NOTHING_FOUND


def _format(args: argparse.Namespace) -> str:
    asked = [name for name in ("json", "jsonl") if getattr(args, name)]
    asked += ["paths"] if args.paths_only else []
    asked += [args.format] if args.format else []
    if len(set(asked)) > 1:
        raise SimctlError(f"one format is printed, not {' and '.join(asked)}", exit_code=EXIT_USAGE)
    return asked[0] if asked else "text"


def _demand_sense(args: argparse.Namespace, kind: str) -> None:
    if args.watch and kind in _WHOLE:
        raise SimctlError(
            f"--watch adds to what it has printed, and {kind} is one document; ask without it", exit_code=EXIT_USAGE
        )
    if args.null and kind != "paths":
        raise SimctlError("-0 ends paths with NUL, and these are none; add --paths-only", exit_code=EXIT_USAGE)
    if args.base is not None and kind not in (*_WHOLE, "paths"):
        raise SimctlError(f"--base is for {', '.join(_WHOLE)} and paths, not {kind}", exit_code=EXIT_USAGE)


def _answers(
    args: argparse.Namespace, client: Client, output: Output
) -> Iterator[tuple[Suggested, Sequence[Suggestion]]]:
    """Each answer, and what of it was not suggested before."""

    def progress(done: int, total: int) -> None:
        output.progress(f"{done / total:.0%} of the pictures compared")

    question = {"strategy": args.strategy, "path_prefix": args.path_prefix, "timeout": args.timeout}
    skip = list(_skipped(args.skip, client)) if args.skip else []
    if not args.watch:
        found = client.suggest(args.limit, **question, skip=skip, progress=progress)
        yield found, found.suggestions
        return
    told: set[str] = set()
    for found in client.watch_suggestions(args.limit, **question, skip=skip, progress=progress):
        yield found, [one for one in found.suggestions if one.image_id not in told]
        told.update(one.image_id for one in found.suggestions)


class _Printer:
    """Prints answers, one after the other.

    Args:
        kind: one of `_FORMATS`.
        args: the command's.
        output: where to.
    """

    def __init__(self, kind: str, args: argparse.Namespace, output: Output) -> None:
        self._kind = kind
        self._base = args.base or "/"
        self._is_relative = args.base is not None
        self._zero = args.null
        self._limit = args.limit
        self._output = output
        self._is_first = True

    def answer(self, found: Suggested, new: Sequence[Suggestion]) -> None:
        """Print what is new in an answer, and how far labels reach."""
        output = self._output
        if self._kind == "json":
            output.json(formats.document(found, new))
        elif self._kind == "jsonl":
            for one in new:
                output.json(formats.suggestion_document(one))
        elif self._kind == "paths":
            paths = [formats.inside(one.path, self._base) if self._is_relative else one.path for one in new]
            output.paths(paths, zero=self._zero)
        elif self._kind == "csv":
            header = [",".join(formats.CSV_HEADER) + "\n"] if self._is_first else []
            output.texts([*header, *formats.csv_lines(new)])
        elif self._kind in formats.WRITERS:
            output.texts(list(formats.WRITERS[self._kind](new, self._base)))
            self._tell_left_out(new)
        else:
            shown.show(found, new, output, is_first=self._is_first)
        if self._kind not in ("text", "json"):
            output.note(shown.reach(found))
            if found.host and self._is_first:
                output.note(shown.of_one(found.host))
        self._is_first = False

    def _tell_left_out(self, suggestions: Sequence[Suggestion]) -> None:
        left_out = sum(not formats.is_text(one) for one in suggestions) if self._kind == "cvat" else 0
        if left_out:
            is_not = counted(left_out, "picture is", "pictures are")
            self._output.note(f"{is_not} left out: the name is not UTF-8, and a manifest holds no other one")


def _skipped(name: str, client: Client) -> Iterator[str]:
    """The images that a list of paths and image ids means; those that nothing is known of are left out.

    Raises:
        SimctlError: the list cannot be read.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as stream:
                data = stream.read()
    except OSError as error:
        raise SimctlError(f"cannot read {name}: {error.strerror}") from error
    for raw in data.split(b"\0" if b"\0" in data else b"\n"):
        word = os.fsdecode(raw)
        if _IMAGE_ID.fullmatch(word):
            yield word
        elif word:
            try:
                found = client.file(word)
            except SimctlError as error:
                if error.code != "NOT_FOUND":
                    raise
                continue
            if isinstance(found, File):
                yield found.image_id
