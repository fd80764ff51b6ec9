"""`simctl show PATH...`: what is known of files and images."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from simctl.client import Client
from simctl.commands import errors, files
from simctl.contents import File, FileError, Image
from simctl.errors import EXIT_NOTHING_FOUND, EXIT_PARTLY_FAILED, EXIT_USAGE, SimctlError
from simctl.output import Output, counted, json_path, json_paths, moment, printable, size

_T = TypeVar("_T")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a file inside a root")
    parser.add_argument("--image-id", action="append", default=[], metavar="ID", help="an image; may be repeated")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Show each, and list what is not known."""
    if not args.paths and not args.image_id:
        output.error("usage: simctl show PATH... [--image-id ID]...")
        return EXIT_USAGE
    found = _known(args.paths, client.file)
    images = _known(args.image_id, client.image)
    missing = [name for name, one in (found | images).items() if one is None]
    if args.json:
        output.json(_document(found, images, missing))
    else:
        for one in (*found.values(), *images.values()):
            if one is not None:
                _print(one, output)
    for name in missing:
        output.error(f"nothing is known of {printable(name)}")
    if not missing:
        return 0
    return EXIT_PARTLY_FAILED if len(missing) < len(found) + len(images) else EXIT_NOTHING_FOUND


def _known(names: list[str], ask: Callable[[str], _T]) -> dict[str, _T | None]:
    """What is known by each name; None if nothing is."""
    found: dict[str, _T | None] = {}
    for name in names:
        try:
            found[name] = ask(name)
        except SimctlError as error:
            if error.code != "NOT_FOUND":
                raise
            found[name] = None
    return found


def _document(
    found: Mapping[str, File | FileError | None], images: Mapping[str, Image | None], missing: list[str]
) -> dict[str, object]:
    return {
        "files": [files.document(one) for one in found.values() if isinstance(one, File)],
        "errors": [errors.document(one) for one in found.values() if isinstance(one, FileError)],
        "images": [image_document(one) for one in images.values() if one is not None],
        **json_paths(missing, "missing"),
    }


def image_document(image: Image) -> dict[str, object]:
    """A searchable image as JSON has it."""
    document: dict[str, object] = {
        "image_id": image.image_id,
        **json_path(image.path),
        **json_paths(image.paths),
        "size": image.size,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "animated": image.animated,
    }
    return {**document, "path_count": image.path_count} if image.path_count > len(image.paths) else document


def _print(one: File | FileError | Image, output: Output) -> None:
    title = one.image_id if isinstance(one, Image) else one.path
    output.line(output.style(printable(title), "bold"))
    for name, text in _rows(one, output):
        output.line(f"  {name:<9} {text}")


def _rows(one: File | FileError | Image, output: Output) -> Iterator[tuple[str, str]]:
    if isinstance(one, FileError):
        yield "problem", f"{output.style(one.reason, 'red')}: {printable(one.detail)}"
        yield "size", size(one.size)
        yield "modified", moment(one.modified_time)
        yield "tried", moment(one.failed_time)
        return
    pixels = f"{one.width}x{one.height} {one.format}, {'animated, ' if one.animated else ''}" if one.width else ""
    if isinstance(one, File):
        yield "image", one.image_id
        yield "size", pixels + size(one.size)
        yield "modified", moment(one.modified_time)
        return
    yield "size", pixels + size(one.size)
    for number, path in enumerate(one.paths):
        yield "" if number else "files", printable(path)
    if one.path_count > len(one.paths):
        yield "", f"and {counted(one.path_count - len(one.paths), 'more place')}"
