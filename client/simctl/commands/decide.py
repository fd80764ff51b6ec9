"""`simctl decide WHAT PATH...`: what a person says of copies, by content: it outlasts moves and renames."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from simctl.client import Client
from simctl.contents import File
from simctl.duplicates.grouped import Decision
from simctl.errors import EXIT_USAGE, SimctlError
from simctl.output import Output, counted
from simctl.picture import display_name, read
from simctl.wholefile import whole_file

_SAY = {
    "not-duplicates": "no two of them are the same picture",
    "keep": "each is the keeper of its group, what was said last counts",
    "keep-all": "all of them stay, and the group comes back with what is new alone",
    "forget": "what was said that has one of them is taken back",
}
_EXPORT, _IMPORT = "export", "import"
_COPY = {
    _EXPORT: "write all decisions to PATH, or to stdout",
    _IMPORT: "say again what PATH has, or stdin if it is -",
}

_KINDS = ("not_duplicates", "keep", "keep_all", "forget")
_LOOKED_AT = 20
"""Of so many files it is looked up whether they have copies."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", metavar="WHAT", choices=[*_SAY, _EXPORT, _IMPORT], help=_help())
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, by which images are meant")
    parser.add_argument("--image-id", action="append", default=[], metavar="ID", help="an image; may be repeated")


def _help() -> str:
    return "; ".join(f"{what}: {meaning}" for what, meaning in (_SAY | _COPY).items())


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Say it, or copy what was said."""
    if args.what in (_EXPORT, _IMPORT):
        if len(args.paths) > 1 or args.image_id or (args.what == _IMPORT and not args.paths):
            output.error(f"usage: simctl decide {args.what} {'PATH' if args.what == _IMPORT else '[PATH]'}")
            return EXIT_USAGE
        return _export(args, client, output) if args.what == _EXPORT else _import(args, client, output)
    if not args.paths and not args.image_id:
        output.error(f"usage: simctl decide {args.what} PATH... [--image-id ID]...")
        return EXIT_USAGE
    kind = args.what.replace("-", "_")
    changed = client.decide([Decision(kind, tuple(args.image_id), tuple(args.paths))])
    if args.json:
        output.json({"changed": changed})
    else:
        output.line(
            "decided" if changed else "nothing was said of them" if kind == "forget" else "that was said before"
        )
    if kind == "keep":
        _tell_copies(args.paths, client, output)
    return 0


def _tell_copies(paths: Sequence[str], client: Client, output: Output) -> None:
    """Of files with copies of the same bytes: what is decided by content says nothing of one of them."""
    for path in paths[:_LOOKED_AT]:
        try:
            file = client.file(path)
            count = client.image(file.image_id).path_count if isinstance(file, File) else 1
        except SimctlError:
            # It was there when it was decided on.
            continue
        if count > 1:
            output.note(
                f"{path} has the same bytes as {counted(count - 1, 'other file')}: which of these stays, the rules say "
                "(simctl duplicates --keep path:GLOB)"
            )


def _export(args: argparse.Namespace, client: Client, output: Output) -> int:
    decisions = [
        {"kind": one.kind, "image_ids": [*one.image_ids], "decided_time": one.decided_time}
        for one in client.decisions()
    ]
    if not args.paths or args.paths == ["-"]:
        output.json({"decisions": decisions})
        return 0
    [file] = args.paths
    with whole_file(file) as stream:
        stream.write(json.dumps({"decisions": decisions}, indent=1).encode() + b"\n")
    if args.json:
        output.json({"file": file, "count": len(decisions)})
    else:
        output.line(f"{counted(len(decisions), 'decision')} in {file}")
    return 0


def _import(args: argparse.Namespace, client: Client, output: Output) -> int:
    [file] = args.paths
    decisions = _decisions(read(file), display_name(file))
    changed = client.decide(decisions)
    if args.json:
        output.json({"count": len(decisions), "changed": changed})
    else:
        output.line(f"{counted(len(decisions), 'decision')}, {changed:,} of them new")
    return 0


def _decisions(data: bytes, name: str) -> list[Decision]:
    """What `export` wrote.

    Raises:
        SimctlError: it did not write this.
    """
    try:
        document = json.loads(data)
        return [_decision(one) for one in document["decisions"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SimctlError(
            f"{name} is not what `simctl decide export` writes: {error or type(error).__name__}; nothing was changed"
        ) from error


def _decision(one: dict[str, object]) -> Decision:
    kind, image_ids = one["kind"], one["image_ids"]
    if kind not in _KINDS or not isinstance(image_ids, list) or not all(isinstance(i, str) for i in image_ids):
        raise ValueError(f"kind {kind!r:.80} is one of {', '.join(_KINDS)}, and image_ids is a list of texts")
    return Decision(str(kind), tuple(image_ids))
