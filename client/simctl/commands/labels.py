"""`simctl labels`: what people said pictures are, kept by content.

`import` reads what other programs write, `export` writes what they read, `list` counts, `clear` takes labels away.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator

from simctl.client import Client
from simctl.errors import EXIT_NOTHING_FOUND, EXIT_PARTLY_FAILED, EXIT_USAGE, SimctlError
from simctl.labels import labelimport, links
from simctl.labels.files import reading, writing
from simctl.labels.files.lines import Line
from simctl.labels.labelled import LabelledImage
from simctl.output import Output, counted, json_text, printable
from simctl.wholefile import whole_file

PARTS = {
    "import": "label pictures as a file or a folder of another program says",
    "export": "write the labels and the files that carry them",
    "list": "count the labels",
    "clear": "take labels away; the pictures stay",
}

_SHOWN = 20
"""Files that could not be matched, for a person."""
_EVERY = 1000
"""Images between two words about how far it is."""

_LINKS = "folders"
_ENDINGS = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def arguments(parser: argparse.ArgumentParser, part: str) -> None:
    """Declare the options of one of `PARTS`."""
    if part == "import":
        parser.add_argument("file", metavar="FILE", help="a file or a folder; - reads a file from stdin")
        parser.add_argument("--format", choices=reading.FORMATS, help="what it is; else its content tells")
        parser.add_argument("--base", metavar="DIR", help="where relative paths in it begin; else its own folder")
        parser.add_argument(
            "--replace", action="store_true", help="take away what labels these pictures have otherwise"
        )
        parser.add_argument("--dry-run", action="store_true", help="change nothing, and tell what would become of it")
    elif part == "export":
        parser.add_argument("file", nargs="?", metavar="FILE", help="where to; stdout if none")
        parser.add_argument(
            "--format",
            choices=[*writing.WRITERS, _LINKS],
            help="else the name's ending tells, or it is csv; folders makes FILE a folder with one for each label, of "
            "links to its pictures",
        )
        parser.add_argument("--path-prefix", metavar="DIR", help="only pictures with a file under this directory")
    elif part == "clear":
        parser.add_argument("paths", nargs="*", metavar="PATH", help="of the pictures in these files and folders")
        parser.add_argument(
            "--image-id", action="append", default=[], metavar="ID", help="of an image; may be repeated"
        )
        parser.add_argument("--all", action="store_true", help="of all pictures")
        parser.add_argument(
            "--label", action="append", default=[], metavar="LABEL", help="only this label; may be repeated"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Do one of `PARTS`."""
    parts: dict[str, Callable[[argparse.Namespace, Client, Output], int]] = {
        "import": _import, "export": _export, "list": _list, "clear": _clear
    }  # fmt: skip
    return parts[args.part](args, client, output)


def _import(args: argparse.Namespace, client: Client, output: Output) -> int:
    found = reading.read(args.file, args.format, args.base)
    done = labelimport.send(client, found.lines, replace=args.replace, dry_run=args.dry_run, progress=output.progress)
    output.clear()
    if args.json:
        output.json(
            {
                "format": found.format,
                "files": len(found.lines),
                "without_label": found.without_label,
                "by_path": done.by_path,
                "by_content": done.by_content,
                "unmatched": [
                    {"name": json_text(line.name), "where": json_text(line.where)} for line in done.unmatched
                ],
                "added": done.added,
                "removed": done.removed,
                "dry_run": args.dry_run,
            }
        )
    else:
        would = "would be " if args.dry_run else ""
        without = f", {found.without_label:,} without a label passed over" if found.without_label else ""
        output.line(f"{found.format}: {counted(len(found.lines), 'labelled file')}{without}")
        output.line(f"{done.by_path:,} matched by path, {done.by_content:,} by content, {len(done.unmatched):,} not")
        output.line(f"{counted(done.added, 'label')} {would}added, {done.removed:,} {would}taken away")
    _tell_unmatched(done.unmatched, output)
    if not done.unmatched:
        return 0
    return EXIT_PARTLY_FAILED if done.by_path or done.by_content else EXIT_NOTHING_FOUND


def _tell_unmatched(lines: list[Line], output: Output) -> None:
    for line in lines[:_SHOWN]:
        output.error(
            f"no such picture: {line.name} ({line.where})"
            if line.where != line.name
            else f"no such picture: {line.name}"
        )
    if len(lines) > _SHOWN:
        output.error(f"and {len(lines) - _SHOWN:,} more; --json names all, --base says where relative paths begin")


def _export(args: argparse.Namespace, client: Client, output: Output) -> int:
    kind = args.format or _ENDINGS.get(os.path.splitext(args.file or "")[1].lower(), "json" if args.json else "csv")
    if kind == _LINKS and not args.file:
        raise SimctlError("--format folders needs the name of a folder", exit_code=EXIT_USAGE)
    if not args.file and args.json and kind != "json":
        raise SimctlError(f"--json prints one document, not {kind}; name a file for it", exit_code=EXIT_USAGE)
    counting = _Counting(client.export_labels(args.path_prefix), output)
    if kind == _LINKS:
        links.demand_outside(client, args.file)
        links.demand_empty(args.file)
        links.write(
            args.file,
            (links.Link((label,), path) for image in counting for path in image.paths for label in image.labels),
        )
    elif args.file:
        with whole_file(args.file) as file:
            for text in writing.WRITERS[kind](counting):
                file.write(os.fsencode(text))
    else:
        output.texts(writing.WRITERS[kind](counting))
    output.clear()
    if args.file and args.json:
        output.json({"file": json_text(args.file), "format": kind, "images": counting.images})
    elif args.file:
        output.line(f"the labels of {counted(counting.images, 'image')} in {printable(args.file)}")
    if counting.without_file and kind not in ("json", "jsonl"):
        without = counted(counting.without_file, "labelled image has", "labelled images have")
        output.note(f"{without} no file now; only json and jsonl have them")
    return 0


class _Counting:
    """Counts the images that go by, with how far it is on the terminal."""

    def __init__(self, images: Iterable[LabelledImage], output: Output) -> None:
        self._images = images
        self._output = output
        self.images = 0
        self.without_file = 0

    def __iter__(self) -> Iterator[LabelledImage]:
        last = ""
        for image in self._images:
            # One that is labelled in several ways comes several times.
            self.images += image.image_id != last
            self.without_file += not image.paths
            last = image.image_id
            if not self.images % _EVERY:
                self._output.progress(counted(self.images, "image"))
            yield image


def _list(args: argparse.Namespace, client: Client, output: Output) -> int:
    found = client.count_labels()
    if args.json:
        labels = [{"label": label, "images": count} for label, count in found.labels.items()]
        output.json({"labels": labels, "images": found.images})
    else:
        for label, count in found.labels.items():
            output.line(f"{count:>11,}  {printable(label)}")
        total = f"{counted(len(found.labels), 'label')}, {counted(found.images, 'labelled image')}"
        output.line(output.style(total, "dim"))
    return 0 if found.labels else EXIT_NOTHING_FOUND


def _clear(args: argparse.Namespace, client: Client, output: Output) -> int:
    if bool(args.paths or args.image_id) == args.all:
        output.error("usage: simctl labels clear (PATH... | --image-id ID... | --all) [--label LABEL]...")
        return EXIT_USAGE
    if not args.yes and not _agrees(args, output):
        return EXIT_USAGE
    removed = 0
    for path in args.paths:
        removed += client.clear_labels(path_prefix=path, labels=args.label)
    if args.all or args.image_id:
        removed += client.clear_labels(image_ids=args.image_id, everything=args.all, labels=args.label)
    if args.json:
        output.json({"removed": removed})
    else:
        output.line(f"{counted(removed, 'label')} taken away")
    return 0 if removed else EXIT_NOTHING_FOUND


def _agrees(args: argparse.Namespace, output: Output) -> bool:
    """Whether a person says yes."""
    if not sys.stdin.isatty():
        output.error("labels that are taken away do not come back; --yes says that they are meant to go")
        return False
    which = ", ".join(args.label) if args.label else "all labels"
    whose = "every picture" if args.all else ", ".join([*args.paths, *args.image_id])
    output.ask(f"Take {which} of {whose} away? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
