"""`simctl split`: divide pictures by shares, so that no picture is on two sides and each label is divided alike."""

from __future__ import annotations

import argparse
import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence

from simctl.client import Client
from simctl.errors import EXIT_NOTHING_FOUND, EXIT_USAGE, SimctlError
from simctl.labels import links
from simctl.labels.labelled import Split, SplitFile
from simctl.output import Output, counted, json_paths, printable
from simctl.wholefile import whole_file

_MOST_LABELS = 50
"""Labels that are shown to a person; the commonest ones."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--shares",
        type=shares_of,
        required=True,
        metavar="NAME=SHARE,...",
        help="such as train=0.8,val=0.1,test=0.1; they are divided by their sum",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only files in these files and folders; all if none")
    parser.add_argument("--labelled-only", action="store_true", help="only pictures that are labelled")
    parser.add_argument("--keepers-only", action="store_true", help="only one file of each picture, the largest")
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="another one divides otherwise; 0 if none")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--lists", metavar="DIR", help="write NAME.txt for each share into it, a path a line")
    ways.add_argument(
        "--links", metavar="DIR", help="make NAME/LABEL/FILE in it, links to the pictures; it is new or empty"
    )
    parser.add_argument("-0", "--null", action="store_true", help="with --lists: end each path with NUL")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Divide, write, and say how."""
    directory = args.lists or args.links
    if directory:
        _demand_names(args.shares)
        links.demand_outside(client, directory)
    if args.links:
        links.demand_empty(args.links)
    found = client.split(
        args.shares,
        within=args.paths,
        labelled_only=args.labelled_only,
        seed=args.seed,
        keepers_only=args.keepers_only,
    )
    by_share: dict[str, list[SplitFile]] = {name: [] for name in args.shares}
    for file in found.files:
        by_share[file.share].append(file)
    if args.lists:
        _write_lists(args.lists, by_share, zero=args.null)
    if args.links:
        links.write(args.links, (_link for file in found.files for _link in _links(file)))
    if args.json:
        output.json(document(found, by_share))
    else:
        _show(found, by_share, output)
    return 0 if found.files else EXIT_NOTHING_FOUND


def shares_of(text: str) -> dict[str, float]:
    """`train=0.8,val=0.2`.

    Raises:
        argparse.ArgumentTypeError: it is none of that kind.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.rpartition("=")
        name = name.strip()
        try:
            value = float(share)
        except ValueError:
            value = math.nan
        if not name or not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{part!r} is not NAME=SHARE with a share greater than 0")
        if name in found:
            raise argparse.ArgumentTypeError(f"{name!r} is there twice")
        found[name] = value
    if len(found) < 2:
        raise argparse.ArgumentTypeError("at least two shares are needed, such as train=0.8,val=0.2")
    return found


def _seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} is not a number of 0 to 2^64 - 1")
    return number


def _demand_names(names: Mapping[str, float]) -> None:
    for name in names:
        if "/" in name or name.startswith(".") or "\0" in name:
            raise SimctlError(f"the share {name!r} cannot be the name of a file", exit_code=EXIT_USAGE)


def _write_lists(directory: str, by_share: Mapping[str, Sequence[SplitFile]], *, zero: bool) -> None:
    broken = next((file.path for files in by_share.values() for file in files if "\n" in file.path and not zero), None)
    if broken is not None:
        raise SimctlError(
            f"{broken} has a line break in its name, and a list has a path a line; -0 ends paths with NUL"
        )
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise SimctlError(f"cannot write to {directory}: {error.strerror}") from error
    for name, files in by_share.items():
        with whole_file(os.path.join(directory, f"{name}.txt")) as list_file:
            for file in files:
                list_file.write(os.fsencode(file.path) + (b"\0" if zero else b"\n"))


def _links(file: SplitFile) -> list[links.Link]:
    """One for each label; a file without any is right below its share."""
    return [links.Link((file.share, label), file.path) for label in file.labels] or [
        links.Link((file.share,), file.path)
    ]


def document(found: Split, by_share: Mapping[str, Sequence[SplitFile]]) -> dict[str, object]:
    """A split as JSON has it."""
    splits: dict[str, object] = {}
    exact: dict[str, object] = {}
    for name, files in by_share.items():
        paths = json_paths([file.path for file in files], "paths")
        splits[name] = paths["paths"]
        if "paths_base64" in paths:
            exact[name] = paths["paths_base64"]
    counts = [
        {"label": one.label, "share": one.share, "files": one.files, "wanted": one.wanted} for one in found.counts
    ]
    return {"splits": splits, **({"splits_base64": exact} if exact else {}), "counts": counts}


def _show(found: Split, by_share: Mapping[str, Sequence[SplitFile]], output: Output) -> None:
    rows: dict[str, dict[str, int]] = defaultdict(dict)
    wanted: dict[str, dict[str, float]] = defaultdict(dict)
    for one in found.counts:
        rows[one.label][one.share], wanted[one.label][one.share] = one.files, one.wanted
    shown = sorted(rows, key=lambda label: (label == "", -sum(rows[label].values()), label))
    names = {label: printable(label) if label else "without a label" for label in shown[:_MOST_LABELS]}
    width = max([len(name) for name in names.values()] + [len("all files")])
    columns = [max(17, len(printable(name))) for name in by_share]
    heads = "  ".join(f"{printable(name):>{column}}" for name, column in zip(by_share, columns, strict=True))
    output.line(f"{'':<{width}}  {'files':>9}  {heads}")
    for label, name in names.items():
        _row(name, list(rows[label].values()), width, columns, output)
    _row("all files", [len(files) for files in by_share.values()], width, columns, output)
    if len(shown) > _MOST_LABELS:
        output.line(f"and {counted(len(shown) - _MOST_LABELS, 'more label')}; --json tells all")
    _show_farthest(rows, wanted, output)


def _row(name: str, counts: Sequence[int], width: int, columns: Sequence[int], output: Output) -> None:
    total = sum(counts)
    cells = [f"{count:,} ({count / total if total else 0:6.1%})" for count in counts]
    texts = "  ".join(f"{cell:>{column}}" for cell, column in zip(cells, columns, strict=True))
    output.line(f"{name:<{width}}  {total:>9,}  {texts}")


def _show_farthest(
    rows: Mapping[str, Mapping[str, int]], wanted: Mapping[str, Mapping[str, float]], output: Output
) -> None:
    """The label that is farthest from its shares, as a part of its files."""
    off = [
        (abs(rows[label][share] - wanted[label][share]) / sum(rows[label].values()), label, share)
        for label in rows
        for share in rows[label]
    ]
    if off:
        part, label, share = max(off)
        name = printable(label) if label else "what has no label"
        output.line(
            output.style(
                f"farthest from its share: {name} in {printable(share)}, {rows[label][share]:,} files for "
                f"{wanted[label][share]:,.1f}, {part:.1%} of its files",
                "dim",
            )
        )
